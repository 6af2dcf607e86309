"""Soft gates of joint training: which patches experts keep, what they add, and the way back.

Column i·k + s belongs to expert s and input i of the batch, see `kernels.routing`.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.routing import choose_best, softmax, width
from moe_theory.kernels.vectors import lanes_of


class Gates(NamedTuple):
    """The choices of all experts in a batch, and room for their slopes.

    ``scores`` (n, C) of all patches; of the l that are kept, best first, their scores ``kept``,
    ``places`` and ``gates``, and ``values``, what each would add to f at gate 1, before the scale;
    ``means`` (C,), what the expert adds; ``gated`` and ``leads``, the slopes of the loss in values
    and in scores; all but ``scores`` and ``means`` have shape (l, C).
    """

    scores: Any
    kept: Any
    places: Any
    gates: Any
    values: Any
    means: Any
    gated: Any
    leads: Any


@kernel
def new_gates(n_patches, n_routed, n_columns, like):
    """Return gates for so many columns, of the type of the matrix ``like``."""
    size = width(n_columns, like)
    dtype = like.dtype
    return Gates(
        np.zeros((n_patches, size + lanes_of(like)), dtype),  # room to write whole vectors
        np.zeros((n_routed, size), dtype),
        np.zeros((n_routed, size), dtype),
        np.zeros((n_routed, size), dtype),
        np.zeros((n_routed, size), dtype),
        np.zeros(size, dtype),
        np.zeros((n_routed, size), dtype),
        np.zeros((n_routed, size), dtype),
    )


@kernel
def choose(gates, n_columns):
    """Keep the best patches of each column, and set their gates."""
    choose_best(gates.scores, n_columns, gates.kept, gates.places)
    softmax(gates.kept, gates.kept[0], n_columns, gates.gates)


@kernel
def pool(gates, n_experts, scale, f):
    """Write f of each input, the scaled sum over experts of gates times values."""
    size = width(len(f) * n_experts, gates.scores)
    means = gates.means
    means[:size] = 0
    for q in range(len(gates.values)):
        for c in range(size):
            means[c] += gates.gates[q, c] * gates.values[q, c]
    for i in range(len(f)):
        total = f.dtype.type(0)
        for c in range(i * n_experts, (i + 1) * n_experts):
            total += means[c]
        f[i] = scale * total


@kernel
def gate_slopes(gates, n_experts, slopes):
    """Write the slopes of the loss in values and scores, given those in f, (B,)."""
    n_columns = len(slopes) * n_experts
    column = np.empty(n_columns, slopes.dtype)
    for i in range(len(slopes)):
        column[i * n_experts : (i + 1) * n_experts] = slopes[i]
    for q in range(len(gates.values)):
        for c in range(n_columns):
            gated = column[c] * gates.gates[q, c]
            gates.gated[q, c] = gated
            gates.leads[q, c] = gated * (gates.values[q, c] - gates.means[c])
