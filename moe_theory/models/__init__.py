"""Frozen specifications of the architectures, and the weights that they start with."""

from moe_theory.models.dense import DenseCNN
from moe_theory.models.expert_choice import JointMoE, Pooling, SeparateMoE
from moe_theory.models.sample_choice import SampleMoE
from moe_theory.models.token_choice import Priority, TokenChoiceMoE
from moe_theory.models.weights import Weights

__all__ = [
    "DenseCNN",
    "JointMoE",
    "Model",
    "Pooling",
    "Priority",
    "SampleMoE",
    "SeparateMoE",
    "TokenChoiceMoE",
    "Weights",
]

Model = DenseCNN | SeparateMoE | JointMoE | TokenChoiceMoE | SampleMoE
