"""Floating-point operations and memory of training, counted for the algorithm in ℝᵈ.

Every addition, multiplication, division, root, exponential and logarithm of floating-point numbers
counts one, so that a multiply-add counts two; comparisons, selections and moving data count
nothing. The functions use only + and ·, so that integers give an exact count and sympy symbols a
formula. Sizes below 0 are refused. A network of `moe_theory.models` names its own: `step_flops`,
`forward_flops`.
"""

from moe_theory.costs.forward import (
    fixed_forward,
    joint_forward,
    patch_scores,
    sample_forward,
)
from moe_theory.costs.memory import fixed_memory, joint_memory
from moe_theory.costs.options import StepParts, TokenOptions
from moe_theory.costs.sgd_step import (
    fixed_step,
    joint_step,
    router_step,
    sample_step,
)
from moe_theory.costs.token import token_forward, token_step
from moe_theory.costs.training import Flops, over_steps, patch_sums

__all__ = [
    "Flops",
    "StepParts",
    "TokenOptions",
    "fixed_forward",
    "fixed_memory",
    "fixed_step",
    "joint_forward",
    "joint_memory",
    "joint_step",
    "over_steps",
    "patch_scores",
    "patch_sums",
    "router_step",
    "sample_forward",
    "sample_step",
    "token_forward",
    "token_step",
]
