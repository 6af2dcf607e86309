"""Gradient flow in pattern space: the curves that SGD follows when its steps are small."""

from moe_theory.theory.dynamics.finite import gradient_flow
from moe_theory.theory.dynamics.path import sgd_path
from moe_theory.theory.dynamics.population import population_flow
from moe_theory.theory.dynamics.result import Flow
from moe_theory.theory.dynamics.system import FlowError, Tolerances

__all__ = ["Flow", "FlowError", "Tolerances", "gradient_flow", "population_flow", "sgd_path"]
