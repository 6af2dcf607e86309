"""Token-choice routing: each patch takes the experts that score it highest, if they have room."""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.codes import SIGMOID
from moe_theory.kernels.elementary import exp
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.routing import choose_best, softmax, width
from moe_theory.kernels.vectors import lanes_of


class Choices(NamedTuple):
    """What patches choose, a patch or pattern being a column, see `kernels.routing`.

    ``scores`` (k, C) of all experts, and their ``affinities``, which are softmax or sigmoid of the
    scores. ``gates`` are the affinities, or those of the chosen experts divided by their sum, and
    0 for all others; both have a row of ones for each shared expert. Of the c chosen, best first,
    ``places`` (c, C) holds the numbers of the experts, and ``kept`` their scores.
    """

    scores: Any
    affinities: Any
    gates: Any
    kept: Any
    places: Any


class Routed(NamedTuple):
    """The ``chosen`` experts, their ``gates`` and which have room, ``admitted``, all (N, n, c)."""

    chosen: Any
    gates: Any
    admitted: Any


@kernel
def new_choices(n_experts, rule, n_columns, like):
    """Return room for the choices of so many columns, of the type of the matrix ``like``."""
    size = width(n_columns, like)
    shape = (n_experts + rule.n_shared, size)
    affinities = np.ones(shape, like.dtype)
    return Choices(
        np.zeros((n_experts, size), like.dtype),
        affinities,
        np.ones(shape, like.dtype) if rule.renormalize else affinities,
        np.zeros((rule.n_kept, size), like.dtype),
        np.zeros((rule.n_kept, size), like.dtype),
    )


@kernel
def choose_experts(choices, n_columns, rule, bias):
    """Let every column choose its best experts by the scores, or by affinities with a ``bias``."""
    scores, affinities, kept = choices.scores, choices.affinities, choices.kept
    choose_best(scores, n_columns, kept, choices.places)
    if rule.gate == SIGMOID:
        _sigmoid(scores, affinities)
    else:
        softmax(scores, kept[0], n_columns, affinities)
    if len(bias) > 0:
        biased = np.empty_like(scores)
        for s in range(len(scores)):
            for c in range(scores.shape[1]):
                biased[s, c] = affinities[s, c] + bias[s]
        choose_best(biased, n_columns, kept, choices.places)
        for q in range(len(kept)):
            for c in range(n_columns):
                kept[q, c] = scores[int(choices.places[q, c]), c]
    if rule.renormalize:
        _share_among_chosen(choices, n_columns)


@kernel
def _sigmoid(scores, affinities):
    one = scores.dtype.type(1)
    for s in range(len(scores)):
        for c in range(scores.shape[1]):
            affinities[s, c] = one / (one + exp(-scores[s, c]))


@kernel
def _share_among_chosen(choices, n_columns):
    """Divide the affinities of the chosen by their sum; if that is 0, all have the same gate."""
    n_chosen, gates = len(choices.places), choices.gates
    gates[: len(choices.scores)] = 0
    number = gates.dtype.type
    for c in range(n_columns):
        total = number(0)
        for q in range(n_chosen):
            total += choices.affinities[int(choices.places[q, c]), c]
        for q in range(n_chosen):
            s = int(choices.places[q, c])
            share = choices.affinities[s, c] / total
            gates[s, c] = number(1) / number(n_chosen) if total == number(0) else share


@kernel
def choose_by(scores, choices, rule, bias):
    """Let every column choose its best experts by ``scores`` (k, C)."""
    for s in range(len(scores)):
        for c in range(scores.shape[1]):
            choices.scores[s, c] = scores[s, c]
    choose_experts(choices, scores.shape[1], rule, bias)


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
def route_tokens(scores, bias, indices, rule, routed):
    """Route every input by the scores of its patterns.

    Parameters: ``scores`` (k, P) of each dictionary entry, ``bias`` (k,) or empty, ``indices``
    (N, n). Writes what is `Routed`.
    """
    chosen, gates, admitted = routed.chosen, routed.gates, routed.admitted
    n_samples, n_patches, n_chosen = chosen.shape
    n_experts, n_patterns = scores.shape
    choices = new_choices(n_experts, rule, n_patterns, scores)
    choose_by(scores, choices, rule, bias)
    for i in range(n_samples):
        admit(indices[i], choices, rule, admitted[i])
        for j in range(n_patches):
            for q in range(n_chosen):
                s = int(choices.places[q, indices[i, j]])
                chosen[i, j, q] = s
                gates[i, j, q] = choices.gates[s, indices[i, j]]
