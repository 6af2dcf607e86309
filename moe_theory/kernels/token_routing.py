"""Token-choice routing: each patch takes the experts that score it highest, if they have room."""

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.routing import softmax, top_l


@kernel
def choose_experts(scores, chosen, chosen_scores, gates):
    """Let every row choose its ``c`` best experts.

    Parameters: ``scores`` (k, R). Writes ``chosen`` (R, c), best first and of equal scores the
    lower expert first, their ``chosen_scores`` (R, c), and ``gates`` (R, k), the softmax over k.
    """
    own = np.empty(len(scores), scores.dtype)
    for row in range(len(chosen)):
        for s in range(len(scores)):
            own[s] = scores[s, row]
        top_l(own, chosen[row], chosen_scores[row])
        softmax(own, gates[row])


@kernel
def admit(rows, chosen, chosen_scores, n_experts, capacity, by_score, kept):
    """Write which choices of the patches of one input find room, ``kept`` (n, c).

    ``rows`` (n,) holds the row of ``chosen`` and ``chosen_scores`` that belongs to each patch. An
    expert takes at most ``capacity`` patches: those at the lower places, or if ``by_score`` those
    with the higher scores, of equal scores the lower place.
    """
    n_patches, n_chosen = kept.shape
    kept[:] = True
    if capacity >= n_patches:
        return
    counts = np.zeros(n_experts, np.int64)
    for j in range(n_patches):
        for q in range(n_chosen):
            s = chosen[rows[j], q]
            kept[j, q] = counts[s] < capacity
            counts[s] += 1
    if by_score:
        queue = np.empty((n_patches, 2), np.int64)
        scores = np.empty(n_patches, chosen_scores.dtype)
        best = np.empty(capacity, np.int64)
        best_scores = np.empty(capacity, chosen_scores.dtype)
        for s in range(n_experts):
            if counts[s] > capacity:
                size = 0
                for j in range(n_patches):
                    for q in range(n_chosen):
                        if chosen[rows[j], q] == s:
                            queue[size, 0], queue[size, 1] = j, q
                            scores[size] = chosen_scores[rows[j], q]
                            kept[j, q] = False
                            size += 1
                top_l(scores[:size], best, best_scores)
                for place in best:
                    kept[queue[place, 0], queue[place, 1]] = True


@kernel
def route_tokens(scores, indices, capacity, by_score, chosen, gates, kept):
    """Route every input by the scores of its patterns.

    Parameters: ``scores`` (k, P) of each dictionary entry, ``indices`` (N, n). Writes, each of
    shape (N, n, c), the ``chosen`` experts, their ``gates`` and which choices are ``kept``.
    """
    n_samples, n_patches, n_chosen = chosen.shape
    n_experts, n_patterns = scores.shape
    choices = np.empty((n_patterns, n_chosen), np.int64)
    chosen_scores = np.empty((n_patterns, n_chosen), scores.dtype)
    softmaxes = np.empty((n_patterns, n_experts), scores.dtype)
    choose_experts(scores, choices, chosen_scores, softmaxes)
    for i in range(n_samples):
        admit(indices[i], choices, chosen_scores, n_experts, capacity, by_score, kept[i])
        for j in range(n_patches):
            row = indices[i, j]
            for q in range(n_chosen):
                chosen[i, j, q] = choices[row, q]
                gates[i, j, q] = softmaxes[row, choices[row, q]]
