"""Which patches each expert serves, and with which gate, whatever the way of routing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import read_only
from moe_theory.kernels import input_routing, token_routing
from moe_theory.models import Model, SampleMoE
from moe_theory.routing.choices import best_patches

Array = NDArray[Any]


def served_pairs(
    model: Model, scores: Array, bias: Array, indices: Array
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which experts serve which patches, and their gates, both (N, n, k).

    Gates are 0 where an expert does not serve a patch, and 1 for what a network without gates
    serves. Given are the scores of patterns, (k, P), and the ``bias`` of token choice, (k,), which
    is empty where there is none.
    """
    n_samples, n_patches = indices.shape
    shape = (n_samples, len(scores), n_patches)
    # The patches of an expert lie side by side, as sums over them go in that order.
    served = np.zeros(shape, np.bool_).transpose(0, 2, 1)
    gates = np.zeros(shape).transpose(0, 2, 1)
    if model.kernel == "token":
        rule, dtype = model.rule(n_patches), scores.dtype
        each = (n_samples, n_patches, rule.n_kept)
        experts, own, kept = np.empty(each, np.int64), np.empty(each, dtype), np.empty(each, bool)
        routed = token_routing.Routed(experts, own, kept)
        moved = np.array(bias, dtype)
        token_routing.route_tokens(scores, moved, read_only(indices), rule, routed)
        np.put_along_axis(served, experts, kept, axis=2)
        np.put_along_axis(gates, experts, np.where(kept, own, 0), axis=2)
    elif isinstance(model, SampleMoE):
        chosen, rows = np.empty(n_samples, np.int64), np.arange(n_samples)
        shares, noise = np.empty((n_samples, len(scores)), scores.dtype), scores[:0, :0]
        input_routing.route_inputs(scores, read_only(indices), noise, chosen, shares)
        served[rows, :, chosen] = True
        gates[rows, :, chosen] = shares[rows, chosen, None] if model.gate == "softmax" else 1
    else:
        places, own = best_patches(scores, indices, model.patches_per_expert(n_patches))
        np.put_along_axis(served.transpose(0, 2, 1), places, True, axis=2)
        given = np.ones_like(own) if model.routers_first else own
        np.put_along_axis(gates.transpose(0, 2, 1), places, given, axis=2)
    return served, gates
