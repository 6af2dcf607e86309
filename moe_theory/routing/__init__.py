"""Routing of patches and of inputs, and how well it keeps the discriminative patch."""

from moe_theory.routing.choices import choose_experts, choose_patches
from moe_theory.routing.metrics import RoutingMetrics, routing_metrics, token_routing_metrics
from moe_theory.routing.probabilities import routing_probabilities
