"""Gradient flow in pattern space: the curves that SGD follows when its steps are small.

`gradient_flow` (`on_data`) descends the loss of given samples, `population_flow` (`on_population`)
that of their law, `sgd_path` (`along_sgd`) is SGD in the same terms. The ODE is in `ode`, where
`Tolerances` say how finely it is solved.
"""

from moe_theory.flow.along_sgd import sgd_path
from moe_theory.flow.ode import FlowError, Tolerances
from moe_theory.flow.on_data import gradient_flow
from moe_theory.flow.on_population import population_flow
from moe_theory.flow.result import Flow

__all__ = ["Flow", "FlowError", "Tolerances", "gradient_flow", "population_flow", "sgd_path"]
