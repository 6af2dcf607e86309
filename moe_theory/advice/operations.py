"""Operations of a training with N* samples."""

from __future__ import annotations

import math
from typing import Any

from moe_theory import costs
from moe_theory.advice.answers import Predicted
from moe_theory.advice.conventions import BATCH_SIZE, N_HIDDEN, ROUTER_EPOCHS
from moe_theory.data.patterns import PatchPatterns


def flops_of(patterns: PatchPatterns, known: Predicted) -> float:
    """Return the operations of a training with N* samples, those of routers included.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> costs = [flops_of(patterns, Predicted("separate", l, 2, 20.0, 400.0)) for l in (2, 4)]
    >>> costs[0] < costs[1]
    True
    """
    n, d = patterns.n_patches, patterns.patch_dim
    batch = min(BATCH_SIZE, known.samples)
    step: dict[str, Any] = {"batch_size": batch, "n_routed": known.n_routed, "n_hidden": N_HIDDEN,
            "patch_dim": d, "loss": "logistic"}  # fmt: skip
    if known.arm == "joint":
        joint = costs.joint_step(n_patches=n, n_experts=known.n_experts, **step)
        return float(known.steps * joint)
    total = float(known.steps * costs.fixed_step(**step))
    if known.arm == "separate":
        n_steps = ROUTER_EPOCHS * math.ceil(known.samples / BATCH_SIZE)
        router = costs.router_step(batch_size=batch, n_experts=known.n_experts, patch_dim=d)
        sizes = {"n_samples": known.samples, "n_patches": n, "patch_dim": d}
        total += float(n_steps * router + costs.patch_sums(**sizes))
        total += float(costs.patch_scores(n_experts=known.n_experts, **sizes))
    return total
