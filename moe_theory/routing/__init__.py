"""Which patches meet which experts, in the three ways of routing, and how well that is done."""

from moe_theory.routing.choices import choose_experts, choose_patches
from moe_theory.routing.load import Load, expert_load
from moe_theory.routing.metrics import (
    RoutingMetrics,
    input_routing_metrics,
    routing_metrics,
    token_routing_metrics,
)
from moe_theory.routing.probabilities import routing_probabilities
from moe_theory.routing.whole_inputs import choose_for_inputs, dispatch_entropy

__all__ = [
    "Load",
    "RoutingMetrics",
    "choose_experts",
    "choose_for_inputs",
    "choose_patches",
    "dispatch_entropy",
    "expert_load",
    "input_routing_metrics",
    "routing_metrics",
    "routing_probabilities",
    "token_routing_metrics",
]
