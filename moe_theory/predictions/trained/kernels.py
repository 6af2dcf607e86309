"""The inner loops of the theory of trained networks: which units survive, and paths of samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel

Array = NDArray[Any]


class Occurrences(NamedTuple):
    """Pattern c occurs in the samples ``entries[start[c]:start[c+1]]``; ``labels`` (N,) is ±1."""

    start: Array
    entries: Array
    labels: Array


class Walk(NamedTuple):
    """The steps during which units die.

    ``batches`` (epochs, N) is the batch of each sample in each epoch, ``sizes`` the batch sizes of
    an epoch. A pattern moves every unit that is active on it by ±``step`` · (its signed patches in
    the batch)/(batch size), ``n_steps`` times.
    """

    batches: Array
    sizes: Array
    step: float
    n_steps: int


class Paths(NamedTuple):
    """What the paths of samples to their final margins follow from.

    ``others`` (N,) are the fields F, ``own`` (N,) is V, ``mean_pull`` ᾱ, ``inverse_slopes``
    1/E σ(−m) in each part of the path.
    """

    others: Array
    own: Array
    scale: float
    mean_pull: float
    inverse_slopes: Array


@kernel
def surviving_units(
    occurrences: Occurrences, walk: Walk, first: Array, n_positive: int, up: Array, down: Array
) -> None:
    """Write how many units of each output sign are active on each pattern after the ``walk``.

    While all slopes are ½, a pattern moves every unit that is active on it by ±u. A unit of
    positive (negative) output weight that starts at z > 0 is active until u falls to −z (rises to
    z). ``first`` (patterns, units) holds the initial pre-activations, those of the ``n_positive``
    positive units first; ``up`` and ``down`` receive the result.
    """
    moves = np.zeros(len(walk.sizes))
    for c in range(len(first)):
        lowest, highest = _extremes(occurrences, walk, c, moves)
        up[c] = down[c] = 0
        for r in range(first.shape[1]):
            z = first[c, r]
            if z > 0:
                if r < n_positive:
                    up[c] += z + lowest > 0
                else:
                    down[c] += z - highest > 0


@kernel
def _extremes(occurrences: Occurrences, walk: Walk, c: int, moves: Array) -> tuple[float, float]:
    """Return the lowest and the highest u of pattern c; ``moves`` is for its signed patches."""
    entries = occurrences.entries[occurrences.start[c] : occurrences.start[c + 1]]
    u, lowest, highest, t = 0.0, 0.0, 0.0, 0
    for batches in walk.batches:
        moves[:] = 0
        for sample in entries:
            moves[batches[sample]] += occurrences.labels[sample]
        for batch in range(len(moves)):
            if t < walk.n_steps:
                u += walk.step * moves[batch] / walk.sizes[batch]
                lowest, highest = min(lowest, u), max(highest, u)
                t += 1
    return lowest, highest


@kernel
def follow_paths(paths: Paths, pulls: Array, softness: Array, slopes: Array) -> None:
    """Write α and −∂α/∂F of every sample at the end of its path.

    The path from 0 to the final margin is cut into len(``inverse_slopes``) parts: a field F that
    grows in proportion gives α as the solution of dα/dφ = ᾱ σ(−m)/E σ(−m), m = (φF + Vα)·scale.
    ``slopes`` receives Σ σ(−m) along the path.
    """
    n_parts, scale = len(paths.inverse_slopes), paths.scale
    slopes[:] = 0
    for i in range(len(pulls)):
        others, own = paths.others[i], paths.own[i]
        pull = change = bend = 0.0
        rate = paths.mean_pull
        for q in range(n_parts):
            at = (q + 0.5) / n_parts
            middle = pull + 0.5 * rate / n_parts
            margin = (others * at + own * middle) * scale
            slope = 1 / (1 + math.exp(margin)) if margin > -500 else 1.0
            slopes[q] += slope
            rate = paths.mean_pull * slope * paths.inverse_slopes[q]
            bend = -rate * (1 - slope) * (at + own * (change + 0.5 * bend / n_parts)) * scale
            pull += rate / n_parts
            change += bend / n_parts
        pulls[i] = pull
        softness[i] = -change
