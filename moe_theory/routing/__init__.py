"""Expert-choice and token-choice routing, and how well they keep the discriminative patch."""

from moe_theory.routing.choices import choose_experts, choose_patches
from moe_theory.routing.metrics import RoutingMetrics, routing_metrics, token_routing_metrics

__all__ = [
    "RoutingMetrics",
    "choose_experts",
    "choose_patches",
    "routing_metrics",
    "token_routing_metrics",
]
