"""Efficient inference: which experts may go, and which must keep their bits."""

from moe_theory.inference.allocation import ALLOCATIONS, allocate_bits, largest_variances
from moe_theory.inference.comparison import Comparison, compare_losses
from moe_theory.inference.contributions import Contributions, expert_contributions
from moe_theory.inference.footprint import Footprint, footprint
from moe_theory.inference.limits import Limit, compression_limit
from moe_theory.inference.moments import received_moments
from moe_theory.inference.proficiency import router_proficiency
from moe_theory.inference.pruning import Pruning, fine_tune, prune, working_experts
from moe_theory.inference.quantization import Quantization, quantize
from moe_theory.inference.quantization_noise import rounding_noise
from moe_theory.inference.quantizer import QUANTIZERS, Quantizer
from moe_theory.inference.received import received_gates
from moe_theory.inference.released import (
    RELEASED_ORDERS,
    released_bits,
    released_counts,
    released_lift,
    unit_variances,
)
from moe_theory.inference.scores import SCORES, expert_scores
from moe_theory.inference.slopes import mean_squared_slopes

__all__ = [
    "ALLOCATIONS",
    "QUANTIZERS",
    "RELEASED_ORDERS",
    "SCORES",
    "Comparison",
    "Contributions",
    "Footprint",
    "Limit",
    "Pruning",
    "Quantization",
    "Quantizer",
    "allocate_bits",
    "compare_losses",
    "compression_limit",
    "expert_contributions",
    "expert_scores",
    "fine_tune",
    "footprint",
    "largest_variances",
    "mean_squared_slopes",
    "prune",
    "quantize",
    "received_gates",
    "received_moments",
    "released_bits",
    "released_counts",
    "released_lift",
    "rounding_noise",
    "router_proficiency",
    "unit_variances",
    "working_experts",
]
