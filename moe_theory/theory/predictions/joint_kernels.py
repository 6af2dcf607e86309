"""Inner loops of `joint`: the flow of one number u per expert and pattern."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel

Array = NDArray[Any]

HALF_LOSS = math.log(2) / 2
# A flow that takes more steps is stuck where patches swap places.
MOST_STEPS = 2000


@kernel
def keep_best(members: Array, scores: Array, n_routed: int) -> None:
    """Reorder ``members`` so that the first ``n_routed`` have the largest scores.

    Only the two sets matter; members that are kept stay unless one outside scores higher.
    """
    while True:
        lowest, highest = 0, n_routed
        low, high = scores[members[0]], scores[members[n_routed]]
        for j in range(1, n_routed):
            score = scores[members[j]]
            if score < low:
                low = score
                lowest = j
        for j in range(n_routed + 1, len(members)):
            score = scores[members[j]]
            if score > high:
                high = score
                highest = j
        if not high > low:
            return
        members[lowest], members[highest] = members[highest], members[lowest]


@kernel
def gated_means(  # noqa: PLR0917
    chosen: Array, members: Array, scores: Array, weights: Array, gains: Array, n_routed: int,
    totals: Array, means: Array,
) -> None:  # fmt: skip
    """Route the ``chosen`` inputs to one expert; write Σ e^S over what it keeps, and Σ G h.

    ``members`` (N, n) are the patterns of the inputs, ``weights`` e^S and ``gains`` e^S·h.
    """
    for i in chosen:
        own = members[i]
        if n_routed < len(own):
            keep_best(own, scores, n_routed)
        total = gain = 0.0
        for j in range(n_routed):
            total += weights[own[j]]
            gain += gains[own[j]]
        totals[i] = total
        means[i] = gain / total


@kernel
def sample_pulls(  # noqa: PLR0917
    chosen: Array, members: Array, force: Array, totals: Array, means: Array, n_routed: int,
    per_gate: Array, per_mean: Array,
) -> None:  # fmt: skip
    """Write Σ force/Z of the samples that send a pattern to an expert, and Σ force·(Σ G h)/Z."""
    per_gate[:] = 0
    per_mean[:] = 0
    for i in chosen:
        gate = force[i] / totals[i]
        mean = gate * means[i]
        own = members[i]
        for j in range(n_routed):
            per_gate[own[j]] += gate
            per_mean[own[j]] += mean


@kernel
def move(  # noqa: PLR0917
    step: float, ahead: float, pull: Array, old_pull: Array, lift: Array, old_lift: Array,
    u: Array, scores: Array, up: Array, up_start: Array, down: Array, down_start: Array,
    weights: Array, gains: Array, values: Array,
) -> None:  # fmt: skip
    """Advance one expert by a step; units whose pre-activation has reached 0 die."""
    for p in range(len(u)):
        if pull[p] == 0 and old_pull[p] == 0:
            continue
        u[p] += step * (pull[p] + ahead * (pull[p] - old_pull[p]))
        x = step * (lift[p] + ahead * (lift[p] - old_lift[p]))
        scores[p] += x
        # A rational form of e^x, exact up to x⁵/720, is faster.
        factor = (12 + x * (6 + x)) / (12 - x * (6 - x)) if abs(x) < 0.5 else math.exp(x)
        weights[p] *= factor
        rise = up_start[p] + up[p] * u[p]
        fall = down_start[p] - down[p] * u[p]
        if rise <= 0:
            up[p] = up_start[p] = rise = 0.0
        if fall <= 0:
            down[p] = down_start[p] = fall = 0.0
        values[p] = rise - fall
        gains[p] = weights[p] * values[p]


@kernel
def follow_flow(  # noqa: PLR0912, PLR0915, PLR0917
    members: Array, labels: Array, scores: Array, up: Array, up_start: Array, down: Array,
    down_start: Array, n_routed: int, scale: float, rate: float, ratio: float, target: float,
    longest: float, order: Array, bounds: Array, growth: float, largest: float, values: Array,
    weights: Array,
) -> tuple[float, float]:  # fmt: skip
    """Follow the flow from u = 0 until the mean loss is ``target``; return time and loss.

    ``members`` (k, N, n) and ``scores`` (k, P) are updated in place, and so are the units that
    are alive with positive (``up``) and negative (``down``) output weight, (k, P), and the sums
    of their initial pre-activations. The first steps are those of SGD, of length ``rate``, until
    the loss of a batch has halved: step t is for the samples ``order[bounds[t]:bounds[t+1]]``.
    Later ones are for all samples, at most ``growth`` times the time gone by, while no score moves
    by more than ``largest`` and the mean loss falls by no more than that share. After the time
    ``longest``, or too many steps, the flow ends. ``values`` (k, P) receives h, ``weights`` e^S.
    """
    n_experts, n_samples, _ = members.shape
    n_exact, everyone = len(bounds) - 1, np.arange(n_samples)
    n_patterns = scores.shape[1]
    shape = (n_experts, n_patterns)
    u, gains = np.zeros(shape), np.zeros(shape)
    pulls, old_pulls = np.zeros(shape), np.zeros(shape)
    lifts, old_lifts = np.zeros(shape), np.zeros(shape)
    per_gate, per_mean = np.zeros(n_patterns), np.zeros(n_patterns)
    totals, means = np.zeros((n_experts, n_samples)), np.zeros((n_experts, n_samples))
    force, per_ratio = np.zeros(n_samples), 1 / ratio
    time, step, last, done, loss = 0.0, rate, rate, 0, 0.0
    for s in range(n_experts):
        for p in range(n_patterns):
            weights[s, p] = math.exp(scores[s, p])
            values[s, p] = up_start[s, p] - down_start[s, p]
            gains[s, p] = weights[s, p] * values[s, p]
    while True:
        chosen = order[bounds[done] : bounds[done + 1]] if done < n_exact else everyone
        force[:] = 0
        for s in range(n_experts):
            gated_means(
                chosen, members[s], scores[s], weights[s], gains[s], n_routed, totals[s], means[s]
            )
            for i in chosen:
                force[i] += means[s, i]
        loss = 0.0
        for i in chosen:
            margin = force[i] * labels[i] * scale
            loss += math.log1p(math.exp(-margin)) / len(chosen)
            force[i] = labels[i] * scale / (1 + math.exp(margin)) / len(chosen)
        if done < n_exact and loss < HALF_LOSS:
            n_exact = done
            continue
        over = done >= n_exact and (loss <= target or done - n_exact == MOST_STEPS)
        if over or time >= longest:
            return time, loss
        pulls, old_pulls = old_pulls, pulls
        lifts, old_lifts = old_lifts, lifts
        fastest = decay = 0.0
        for s in range(n_experts):
            sample_pulls(
                chosen, members[s], force, totals[s], means[s], n_routed, per_gate, per_mean
            )
            w, g, pull, lift = weights[s], gains[s], pulls[s], lifts[s]
            for p in range(n_patterns):
                if per_gate[p] == 0:
                    pull[p] = lift[p] = 0.0
                    continue
                own_pull = w[p] * per_gate[p]
                own_lift = ratio * (g[p] * per_gate[p] - w[p] * per_mean[p])
                pull[p] = own_pull
                lift[p] = own_lift
                fastest = max(fastest, abs(own_lift))
                alive = up[s, p] + down[s, p]
                decay += alive * own_pull * own_pull + own_lift * own_lift * per_ratio
        ahead = 0.0
        if done >= n_exact:
            step = max(rate, min(growth * time, largest / fastest, largest * loss / decay))
            if done > n_exact:
                ahead = 0.5 * step / last
        for s in range(n_experts):
            move(
                step, ahead, pulls[s], old_pulls[s], lifts[s], old_lifts[s], u[s], scores[s],
                up[s], up_start[s], down[s], down_start[s], weights[s], gains[s], values[s],
            )  # fmt: skip
        last = step
        time += step
        done += 1
