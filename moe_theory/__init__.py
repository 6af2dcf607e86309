"""Simulate, bound and predict why Mixture-of-Experts saves training compute, and how much."""

__version__ = "0.1.0"

from moe_theory.data import DataModel, DigitPatches, PatchData, PatchPatterns, SpuriousPatch
from moe_theory.experiments import AccuracyExperiment, Arm, Results
from moe_theory.models import DenseCNN, JointMoE, SeparateMoE, Weights
from moe_theory.routing import RoutingMetrics, route, routing_metrics
from moe_theory.training import SGD, DivergenceError, TrainingRun, train, train_many

__all__ = [
    "SGD",
    "AccuracyExperiment",
    "Arm",
    "DataModel",
    "DenseCNN",
    "DigitPatches",
    "DivergenceError",
    "JointMoE",
    "PatchData",
    "PatchPatterns",
    "Results",
    "RoutingMetrics",
    "SeparateMoE",
    "SpuriousPatch",
    "TrainingRun",
    "Weights",
    "route",
    "routing_metrics",
    "train",
    "train_many",
]
