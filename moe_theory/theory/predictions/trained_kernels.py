"""The inner loops of `trained_population`: which units survive, and one sweep of the cavity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel

Array = NDArray[Any]


@kernel
def surviving_units(  # noqa: PLR0917
    start: Array, entries: Array, passes: Array, extra: Array, labels: Array, batches: Array,
    sizes: Array, step: float, n_steps: int, first: Array, n_positive: int, up: Array, down: Array,
) -> None:  # fmt: skip
    """Write how many units of each output sign are active on each pattern after ``n_steps``.

    While all slopes are ½, a pattern moves every unit that is active on it by ±u, where u adds
    ``step`` · (signed patches of the pattern in the batch)/(batch size). A unit of positive
    (negative) output weight that starts at z > 0 is active until u falls to −z (rises to z).

    Pattern c occurs in the samples ``entries[start[c]:start[c+1]]`` where ``passes`` says so, and
    in ``extra[c]`` unless that is negative. ``batches`` (epochs, N) is the batch of each sample
    in each epoch, and ``sizes`` the batch sizes of an epoch. ``first`` (M, units) holds the
    initial pre-activations, those of the ``n_positive`` positive units first; ``up`` and ``down``
    (M,) receive the result.
    """
    n_batches = len(sizes)
    moves = np.zeros(n_batches)
    for c in range(len(start) - 1):
        u, lowest, highest, t = 0.0, 0.0, 0.0, 0
        for epoch in range(len(batches)):
            moves[:] = 0
            for e in range(start[c], start[c + 1]):
                if passes[e]:
                    moves[batches[epoch, entries[e]]] += labels[entries[e]]
            if extra[c] >= 0:
                moves[batches[epoch, extra[c]]] += labels[extra[c]]
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
def cavity_fields(  # noqa: PLR0917
    start: Array, mapped: Array, passes: Array, classes: Array, weights: Array, pulls: Array,
    softness: Array, field: Array, reaction: Array,
) -> None:  # fmt: skip
    """Write what the samples ask of each pattern, and how much less they ask as it is granted.

    ``field`` is Σ ±α over the occurrences that pass, ``reaction`` the sum of their softness.
    ``classes`` (0 for y = +1, 1 for y = −1), ``pulls`` (α without the pattern's own effect) and
    ``softness`` −∂α/∂F belong to the samples to which the occurrences were mapped, and
    ``weights`` (2,) correct their frequency by class.
    """
    for c in range(len(start) - 1):
        total = resistance = 0.0
        for e in range(start[c], start[c + 1]):
            if passes[e]:
                i = mapped[e]
                sign = 1.0 - 2.0 * classes[i]
                total += sign * weights[classes[i]] * pulls[i]
                resistance += softness[i]
        field[c] = total
        reaction[c] = resistance


@kernel
def sweep_samples(  # noqa: PLR0917
    links: Array, classes: Array, fields: Array, reactions: Array, ups: Array, downs: Array,
    signal: Array, scale: float, mean_pull: float, inverse_slopes: Array, damping: float,
    pulls: Array, softness: Array, cavity_pulls: Array, margins: Array, slopes: Array,
) -> None:  # fmt: skip
    """Let every sample of the ensemble answer the patterns that it holds.

    ``links`` (S, experts, l) names the patterns, −1 for none; ``fields``, ``reactions``, ``ups``
    and ``downs`` are (2, experts, M), by the class of the sample that the pattern is known to
    occur in; ``signal`` (S,) is what the discriminative patch adds. The path from 0 to the final
    margin is cut into len(``inverse_slopes``) parts: a field F of the others that grows in
    proportion gives α as the solution of dα/dφ = ᾱ σ(−m)/E σ(−m), m = (φF + Vα)·scale.
    ``slopes`` receives Σ σ(−m) along the path.
    """
    n_parts = len(inverse_slopes)
    slopes[:] = 0
    for i in range(len(links)):
        side = classes[i]
        sign = 1.0 - 2.0 * side
        total, own, n_links = signal[i], 0.0, 0
        for s in range(links.shape[1]):
            for j in range(links.shape[2]):
                c = links[i, s, j]
                if c < 0:
                    continue
                n_links += 1
                asked = fields[side, s, c] + sign * pulls[i]
                k = ups[side, s, c] if asked > 0 else downs[side, s, c]
                k /= 1 + k * reactions[side, s, c]
                total += sign * k * asked
                own += k
        others = total - own * pulls[i]
        pull = change = rate = bend = 0.0
        rate = mean_pull
        for q in range(n_parts):
            at = (q + 0.5) / n_parts
            middle = pull + 0.5 * rate / n_parts
            margin = (others * at + own * middle) * scale
            slope = 1 / (1 + math.exp(margin)) if margin > -500 else 1.0
            slopes[q] += slope
            rate = mean_pull * slope * inverse_slopes[q]
            bend = -rate * (1 - slope) * (at + own * (change + 0.5 * bend / n_parts)) * scale
            pull += rate / n_parts
            change += bend / n_parts
        margins[i] = (others + own * pull) * scale
        pulls[i] += damping * (pull - pulls[i])
        softness[i] = -change
        cavity_pulls[i] = pulls[i] * (1 + softness[i] * own / max(n_links, 1))


@kernel
def outputs(links: Array, values: Array, signal: Array, out: Array) -> None:
    """Write signal + Σ over the patterns held, ``values`` being (experts, M)."""
    for i in range(len(links)):
        total = signal[i]
        for s in range(links.shape[1]):
            for j in range(links.shape[2]):
                if links[i, s, j] >= 0:
                    total += values[s, links[i, s, j]]
        out[i] = total
