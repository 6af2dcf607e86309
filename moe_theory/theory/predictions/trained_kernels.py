"""The inner loops of the theory of trained networks: which units survive, and paths of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel

Array = NDArray[Any]


@kernel
def surviving_units(  # noqa: PLR0917
    start: Array, entries: Array, labels: Array, batches: Array, sizes: Array, step: float,
    n_steps: int, first: Array, n_positive: int, up: Array, down: Array,
) -> None:  # fmt: skip
    """Write how many units of each output sign are active on each pattern after ``n_steps``.

    While all slopes are ½, a pattern moves every unit that is active on it by ±u, where u adds
    ``step`` · (signed patches of the pattern in the batch)/(batch size). A unit of positive
    (negative) output weight that starts at z > 0 is active until u falls to −z (rises to z).

    Pattern c occurs in the samples ``entries[start[c]:start[c+1]]``. ``batches`` (epochs, N) is
    the batch of each sample in each epoch, and ``sizes`` the batch sizes of an epoch. ``first``
    (patterns, units) holds the initial pre-activations, those of the ``n_positive`` positive
    units first; ``up`` and ``down`` receive the result.
    """
    n_batches = len(sizes)
    moves = np.zeros(n_batches)
    for c in range(len(start) - 1):
        u, lowest, highest, t = 0.0, 0.0, 0.0, 0
        for epoch in range(len(batches)):
            moves[:] = 0
            for e in range(start[c], start[c + 1]):
                moves[batches[epoch, entries[e]]] += labels[entries[e]]
            for batch in range(n_batches):
                if t < n_steps:
                    u += step * moves[batch] / sizes[batch]
                    lowest, highest = min(lowest, u), max(highest, u)
                    t += 1
        up[c] = down[c] = 0
        for r in range(first.shape[1]):
            z = first[c, r]
            if z > 0:
                if r < n_positive:
                    up[c] += z + lowest > 0
                else:
                    down[c] += z - highest > 0


@kernel
def follow_paths(  # noqa: PLR0917
    others: Array, own: Array, scale: float, mean_pull: float, inverse_slopes: Array,
    pulls: Array, softness: Array, slopes: Array,
) -> None:  # fmt: skip
    """Write α and −∂α/∂F of every sample at the end of its path.

    The path from 0 to the final margin is cut into len(``inverse_slopes``) parts: a field F =
    ``others`` that grows in proportion gives α as the solution of dα/dφ = ᾱ σ(−m)/E σ(−m),
    m = (φF + Vα)·scale with V = ``own``. ``slopes`` receives Σ σ(−m) along the path.
    """
    n_parts = len(inverse_slopes)
    slopes[:] = 0
    for i in range(len(others)):
        pull = change = bend = 0.0
        rate = mean_pull
        for q in range(n_parts):
            at = (q + 0.5) / n_parts
            middle = pull + 0.5 * rate / n_parts
            margin = (others[i] * at + own[i] * middle) * scale
            slope = 1 / (1 + math.exp(margin)) if margin > -500 else 1.0
            slopes[q] += slope
            rate = mean_pull * slope * inverse_slopes[q]
            bend = -rate * (1 - slope) * (at + own[i] * (change + 0.5 * bend / n_parts)) * scale
            pull += rate / n_parts
            change += bend / n_parts
        pulls[i] = pull
        softness[i] = -change
