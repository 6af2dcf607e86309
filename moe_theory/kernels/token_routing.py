"""Token-choice routing: each patch takes the experts that score it highest, if they have room."""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.routing import choose_best, softmax, width
from moe_theory.kernels.vectors import lanes_of


class Choices(NamedTuple):
    """What patches choose, a patch or pattern being a column, see `kernels.routing`.

    ``scores`` and ``gates`` (k, C) of all experts, the gates being the softmax of the scores; of
    the c chosen, best first, ``kept`` scores and ``places``, the numbers of the experts, (c, C).
    """

    scores: Any
    gates: Any
    kept: Any
    places: Any


@kernel
def new_choices(n_experts, n_chosen, n_columns, like):
    """Return room for the choices of so many columns, of the type of the matrix ``like``."""
    size = width(n_columns, like)
    return Choices(
        np.zeros((n_experts, size), like.dtype),
        np.zeros((n_experts, size), like.dtype),
        np.zeros((n_chosen, size), like.dtype),
        np.zeros((n_chosen, size), like.dtype),
    )


@kernel
def choose_experts(choices, n_columns):
    """Let every column choose its best experts by the scores."""
    choose_best(choices.scores, n_columns, choices.kept, choices.places)
    softmax(choices.scores, choices.kept[0], n_columns, choices.gates)


@kernel
def choose_by(scores, choices):
    """Let every column choose its best experts by ``scores`` (k, C)."""
    for s in range(len(scores)):
        for c in range(scores.shape[1]):
            choices.scores[s, c] = scores[s, c]
    choose_experts(choices, scores.shape[1])


@kernel
def admit(columns, choices, rule, admitted):
    """Write which choices of the patches of one input find room, ``admitted`` (n, c).

    ``columns`` (n,) holds the column of each patch. An expert takes at most ``rule.capacity``
    patches: those at the lower places, or if ``rule.by_score`` those with the higher scores, of
    equal scores the lower place.
    """
    n_patches, n_chosen = admitted.shape
    admitted[:] = True
    if rule.capacity >= n_patches:
        return
    counts = np.zeros(len(choices.scores), np.int64)
    for j in range(n_patches):
        for q in range(n_chosen):
            s = int(choices.places[q, columns[j]])
            admitted[j, q] = counts[s] < rule.capacity
            counts[s] += 1
    if rule.by_score:
        for s in range(len(counts)):
            if counts[s] > rule.capacity:
                _admit_by_score(s, columns, choices, rule.capacity, admitted)


@kernel
def _admit_by_score(s, columns, choices, capacity, admitted):
    """Let expert s take the choices with the highest scores."""
    n_patches, n_chosen = admitted.shape
    lanes = lanes_of(choices.scores)
    queue = np.empty((n_patches, 2), np.int64)
    scores = np.zeros((n_patches, lanes), choices.scores.dtype)  # in the first lane
    best = np.empty((capacity, lanes), choices.scores.dtype)
    places = np.empty((capacity, lanes), choices.scores.dtype)
    size = 0
    for j in range(n_patches):
        for q in range(n_chosen):
            if int(choices.places[q, columns[j]]) == s:
                queue[size, 0], queue[size, 1] = j, q
                scores[size, 0] = choices.kept[q, columns[j]]
                admitted[j, q] = False
                size += 1
    choose_best(scores[:size], 1, best, places)
    for place in range(capacity):
        first = int(places[place, 0])
        admitted[queue[first, 0], queue[first, 1]] = True


@kernel
def route_tokens(scores, indices, rule, chosen, gates, admitted):
    """Route every input by the scores of its patterns.

    Parameters: ``scores`` (k, P) of each dictionary entry, ``indices`` (N, n). Writes, each of
    shape (N, n, c), the ``chosen`` experts, their ``gates`` and which choices are ``admitted``.
    """
    n_samples, n_patches, n_chosen = chosen.shape
    n_experts, n_patterns = scores.shape
    choices = new_choices(n_experts, n_chosen, n_patterns, scores)
    choose_by(scores, choices)
    for i in range(n_samples):
        admit(indices[i], choices, rule, admitted[i])
        for j in range(n_patches):
            for q in range(n_chosen):
                s = int(choices.places[q, indices[i, j]])
                chosen[i, j, q] = s
                gates[i, j, q] = choices.gates[s, indices[i, j]]
