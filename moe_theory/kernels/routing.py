"""Expert-choice routing: each expert takes the l patches that its router scores highest."""

import math

import numpy as np

from moe_theory.kernels.jit import kernel


@kernel
def top_l(scores, chosen, kept):
    """Write the positions of the ``len(chosen)`` largest scores, highest first, and the scores.

    Of equal scores the one at the lower position goes first.
    """
    n_routed = len(chosen)
    for j in range(len(scores)):
        score = scores[j]
        slot = min(j, n_routed)
        if slot == n_routed:
            if not score > kept[n_routed - 1]:
                continue
            slot -= 1
        while slot > 0 and score > kept[slot - 1]:
            kept[slot] = kept[slot - 1]
            chosen[slot] = chosen[slot - 1]
            slot -= 1
        kept[slot] = score
        chosen[slot] = j


@kernel
def softmax(values, out):
    """Write the softmax of ``values``."""
    largest = values[0]
    for j in range(1, len(values)):
        largest = max(largest, values[j])
    total = out.dtype.type(0)
    for j in range(len(values)):
        out[j] = math.exp(values[j] - largest)
        total += out[j]
    for j in range(len(values)):
        out[j] /= total


@kernel
def route(scores, indices, n_routed, positions, gates):
    """Route every input by the scores of its patterns.

    Parameters: ``scores`` (P, k) of each dictionary entry, ``indices`` (N, n). Writes
    ``positions`` (N, k, l), the places routed, highest score first, and ``gates`` (N, k, l).
    """
    n_samples, n_patches = indices.shape
    n_experts = scores.shape[1]
    own = np.empty(n_patches, scores.dtype)
    kept = np.empty(n_routed, scores.dtype)
    for i in range(n_samples):
        for s in range(n_experts):
            for j in range(n_patches):
                own[j] = scores[indices[i, j], s]
            top_l(own, positions[i, s], kept)
            softmax(kept, gates[i, s])
