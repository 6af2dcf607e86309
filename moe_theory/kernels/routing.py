"""Top-l choice and softmax, for many choosers at once.

A chooser is one expert with the patches of one input, or one patch with the experts. Choosers lie
along the lanes of vectors: ``scores`` (n, C) holds the score of each of n things in each of C
columns. In ``kept``, ``places`` and ``gates`` (l, C) the best comes first, and of equal scores the
lower place. Columns are filled up to whole vectors, see `width`.
"""

import numpy as np

from moe_theory.kernels.elementary import exp
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.vectors import broadcast, lanes_of, load, store, where_greater


@kernel
def width(n_columns, scores):
    """Return ``n_columns`` rounded up to whole vectors of the type of ``scores``."""
    lanes = lanes_of(scores)
    return (n_columns + lanes - 1) // lanes * lanes


@kernel
def choose_best(scores, n_columns, kept, places):
    """Write the l largest scores of each column, and their places as numbers of the same type."""
    n_things, n_kept, lanes = len(scores), len(kept), lanes_of(scores)
    number = scores.dtype.type
    # Each list is read from one half and written to the other, as compilers make slow masked
    # stores of a choice between what is there and something else.
    best = np.empty((2 * n_kept, lanes), scores.dtype)
    where = np.empty((2 * n_kept, lanes), scores.dtype)
    for c in range(0, n_columns, lanes):
        for j in range(n_things):
            to = (n_things - 1 - j) % 2 * n_kept
            source = n_kept - to
            new = load(scores, j, c)
            # What goes to the next place: the new one, until it has found its own.
            score, place = new, broadcast(number(j))
            for q in range(min(j, n_kept)):
                old, old_place = load(best, source + q, 0), load(where, source + q, 0)
                store(best, to + q, 0, where_greater(new, old, score, old))
                store(where, to + q, 0, where_greater(new, old, place, old_place))
                score = where_greater(new, old, old, score)
                place = where_greater(new, old, old_place, place)
            if j < n_kept:
                store(best, to + j, 0, score)
                store(where, to + j, 0, place)
        for q in range(n_kept):
            store(kept, q, c, load(best, q, 0))
            store(places, q, c, load(where, q, 0))


@kernel
def softmax(scores, largest, n_columns, gates):
    """Write the softmax of each column of ``scores`` (l, C), whose ``largest`` (C,) is known."""
    size = width(n_columns, scores)
    totals = np.zeros(size, scores.dtype)
    for q in range(len(scores)):
        for c in range(size):
            gates[q, c] = exp(scores[q, c] - largest[c])
            totals[c] += gates[q, c]
    for q in range(len(scores)):
        for c in range(size):
            gates[q, c] /= totals[c]


@kernel
def route(scores, indices, n_routed, positions, gates):
    """Let every expert choose l patches of every input, given the scores of patterns.

    Parameters: ``scores`` (P, k) of each dictionary entry, ``indices`` (N, n). Writes
    ``positions`` (N, k, l), the places routed, highest score first, and ``gates`` (N, k, l).
    """
    n_samples, n_patches = indices.shape
    n_experts = scores.shape[1]
    size = width(n_experts, scores)
    own = np.zeros((n_patches, size), scores.dtype)
    kept = np.empty((n_routed, size), scores.dtype)
    places = np.empty((n_routed, size), scores.dtype)
    shares = np.empty((n_routed, size), scores.dtype)
    for i in range(n_samples):
        for j in range(n_patches):
            for s in range(n_experts):
                own[j, s] = scores[indices[i, j], s]
        choose_best(own, n_experts, kept, places)
        softmax(kept, kept[0], n_experts, shares)
        for s in range(n_experts):
            for q in range(n_routed):
                positions[i, s, q] = int(places[q, s])
                gates[i, s, q] = shares[q, s]
