"""Routing of whole inputs: each input chooses the one expert whose router scores it highest."""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.routing import softmax, width


class InputChoices(NamedTuple):
    """What the inputs of a batch choose, an input being a column, see `kernels.routing`.

    ``scores`` (k, C) without noise and their softmax ``gates``; the ``chosen`` experts (C,) and
    their gates ``own`` (C,), 1 where outputs are not gated; ``values`` (C,), what these add to f at
    gate 1, before the scale; ``slopes`` (k, C) of the loss in the scores; the largest score and the
    number of inputs of each expert, ``counts`` (k,).
    """

    scores: Any
    gates: Any
    largest: Any
    chosen: Any
    own: Any
    values: Any
    slopes: Any
    counts: Any


@kernel
def new_input_choices(n_experts, n_columns, like):
    """Return room for the choices of so many inputs, of the type of the matrix ``like``."""
    size = width(n_columns, like)
    dtype = like.dtype
    return InputChoices(
        np.zeros((n_experts, size), dtype),
        np.zeros((n_experts, size), dtype),
        np.zeros(size, dtype),
        np.zeros(size, np.int64),
        np.ones(size, dtype),
        np.zeros(size, dtype),
        np.zeros((n_experts, size), dtype),
        np.zeros(n_experts, np.int64),
    )


@kernel
def choose_for_inputs(choices, n_inputs, noise, softened):
    """Let every input choose by its scores, to which ``noise`` (B, k) is added, if not empty.

    Of equal sums the lower number goes first. The softmax is taken only if it is ``softened``.
    """
    scores, largest, chosen = choices.scores, choices.largest, choices.chosen
    n_experts, noisy = len(scores), len(noise) > 0
    choices.counts[:] = 0
    for i in range(n_inputs):
        best = 0
        top = scores[0, i] + noise[i, 0] if noisy else scores[0, i]
        largest[i] = scores[0, i]
        for s in range(1, n_experts):
            score = scores[s, i] + noise[i, s] if noisy else scores[s, i]
            if score > top:
                best, top = s, score
            largest[i] = max(largest[i], scores[s, i])
        chosen[i] = best
        choices.counts[best] += 1
    if softened:
        softmax(scores, largest, n_inputs, choices.gates)


@kernel
def gate_inputs(choices, n_inputs, gated):
    """Write the gate of the chosen expert of every input, 1 unless outputs are ``gated``."""
    own = choices.own
    for i in range(n_inputs):
        own[i] = choices.gates[choices.chosen[i], i] if gated else own.dtype.type(1)


@kernel
def score_slopes(choices, slopes, gated, balance):
    """Write the slopes of the loss in the scores, given those in f with the scale, (B,).

    Of the gate, S_m = slope·G_s·value·(1[m = s] − G_m); of the balance loss w·k·Σ_m f_m P_m with
    fixed shares f, S_m = (w·k/B)·P_m·(f_m − Σ_q f_q P_q).
    """
    gates, out, counts = choices.gates, choices.slopes, choices.counts
    n_inputs, n_experts = len(slopes), len(counts)
    number = out.dtype.type
    for i in range(n_inputs):
        s = choices.chosen[i]
        lead = slopes[i] * choices.own[i] * choices.values[i] if gated else number(0)
        for m in range(n_experts):
            out[m, i] = -(lead * gates[m, i]) if gated else number(0)
        out[s, i] += lead
    if balance > 0:
        factor = number(balance * n_experts / n_inputs)
        shares = np.empty(n_experts, out.dtype)
        for m in range(n_experts):
            shares[m] = factor * (number(counts[m]) / number(n_inputs))
        for i in range(n_inputs):
            mean = number(0)
            for m in range(n_experts):
                mean += shares[m] * gates[m, i]
            for m in range(n_experts):
                out[m, i] += gates[m, i] * (shares[m] - mean)


@kernel
def route_inputs(scores, indices, noise, chosen, gates):
    """Let every input choose an expert by the summed scores of its patterns.

    Parameters: ``scores`` (k, P) of each dictionary entry, ``indices`` (N, n), ``noise`` (N, k) or
    empty. Writes the ``chosen`` experts (N,) and the softmax of all scores, ``gates`` (N, k).
    """
    n_experts = len(scores)
    choices = new_input_choices(n_experts, 1, scores)
    for i in range(len(indices)):
        sum_scores(scores, indices[i], choices.scores, 0)
        choose_for_inputs(choices, 1, noise[i : i + 1], True)
        chosen[i] = choices.chosen[0]
        for s in range(n_experts):
            gates[i, s] = choices.gates[s, 0]


@kernel
def sum_scores(scores, patterns, out, column):
    """Write the score of one input by each router, Σ_j of those of its patterns, to a column."""
    for s in range(len(scores)):
        total = scores.dtype.type(0)
        for j in range(len(patterns)):
            total += scores[s, patterns[j]]
        out[s, column] = total
