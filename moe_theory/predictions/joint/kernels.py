"""Inner loops of `joint`: the flow of one number u per expert and pattern."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import inlined, kernel
from moe_theory.predictions.joint.kernel_arguments import Course, Experts, Inputs, Speeds, Sums

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
def new_sums(n_experts: int, n_inputs: int, n_patterns: int) -> Sums:
    """Return arrays of zeros."""
    return Sums(
        np.zeros((n_experts, n_inputs)),
        np.zeros((n_experts, n_inputs)),
        np.zeros(n_inputs),
        np.zeros(n_patterns),
        np.zeros(n_patterns),
    )


@inlined
def gated_means(chosen: Array, inputs: Inputs, experts: Experts, sums: Sums, s: int) -> None:
    """Route the ``chosen`` inputs to expert s; write Σ e^S over what it keeps, and Σ G h."""
    n_routed, members = inputs.n_routed, inputs.members[s]
    scores, weights, gains = experts.scores[s], experts.weights[s], experts.gains[s]
    totals, means = sums.totals[s], sums.means[s]
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


@inlined
def sample_pulls(chosen: Array, inputs: Inputs, sums: Sums, s: int) -> None:
    """Write Σ force/Z of the samples that send a pattern to expert s, and Σ force·(Σ G h)/Z."""
    members, force, totals, means = inputs.members[s], sums.force, sums.totals[s], sums.means[s]
    per_gate, per_mean = sums.per_gate, sums.per_mean
    per_gate[:] = 0
    per_mean[:] = 0
    for i in chosen:
        gate = force[i] / totals[i]
        mean = gate * means[i]
        own = members[i]
        for j in range(inputs.n_routed):
            per_gate[own[j]] += gate
            per_mean[own[j]] += mean


@inlined
def loss_and_force(
    chosen: Array, inputs: Inputs, experts: Experts, sums: Sums, scale: float
) -> float:
    """Return the mean loss of the ``chosen`` inputs, and write the force on each output."""
    force = sums.force
    force[:] = 0
    for s in range(len(experts.scores)):
        gated_means(chosen, inputs, experts, sums, s)
        for i in chosen:
            force[i] += sums.means[s, i]
    loss = 0.0
    for i in chosen:
        margin = force[i] * inputs.labels[i] * scale
        loss += math.log1p(math.exp(-margin)) / len(chosen)
        force[i] = inputs.labels[i] * scale / (1 + math.exp(margin)) / len(chosen)
    return loss


@inlined
def find_speeds(
    chosen: Array, inputs: Inputs, experts: Experts, sums: Sums, ratio: float, speeds: Speeds
) -> tuple[float, float]:
    """Write du/dt and dS/dt; return the largest |dS/dt| and how fast the loss falls."""
    fastest, decay, per_ratio = 0.0, 0.0, 1 / ratio
    per_gate, per_mean = sums.per_gate, sums.per_mean
    for s in range(len(experts.scores)):
        sample_pulls(chosen, inputs, sums, s)
        pull, lift = speeds.pulls[s], speeds.lifts[s]
        w, g, up, down = experts.weights[s], experts.gains[s], experts.up[s], experts.down[s]
        for p in range(len(pull)):
            if per_gate[p] == 0:
                pull[p] = lift[p] = 0.0
                continue
            own_pull = w[p] * per_gate[p]
            own_lift = ratio * (g[p] * per_gate[p] - w[p] * per_mean[p])
            pull[p] = own_pull
            lift[p] = own_lift
            fastest = max(fastest, abs(own_lift))
            alive = up[p] + down[p]
            decay += alive * own_pull * own_pull + own_lift * own_lift * per_ratio
    return fastest, decay


@inlined
def _expert(experts: Experts, s: int) -> Experts:
    """Return the rows of expert s."""
    return Experts(
        experts.scores[s],
        experts.weights[s],
        experts.values[s],
        experts.gains[s],
        experts.u[s],
        experts.up[s],
        experts.up_start[s],
        experts.down[s],
        experts.down_start[s],
    )


@inlined
def move(experts: Experts, speeds: Speeds, old: Speeds, step: float, ahead: float) -> None:
    """Advance by a step, with the speeds extrapolated by ``ahead`` times their last change."""
    for s in range(len(experts.u)):
        expert, pull, lift = _expert(experts, s), speeds.pulls[s], speeds.lifts[s]
        old_pull, old_lift = old.pulls[s], old.lifts[s]
        for p in range(len(pull)):
            if pull[p] == 0 and old_pull[p] == 0:
                continue
            expert.u[p] += step * (pull[p] + ahead * (pull[p] - old_pull[p]))
            x = step * (lift[p] + ahead * (lift[p] - old_lift[p]))
            expert.scores[p] += x
            # A rational form of e^x, exact up to x⁵/720, is faster.
            factor = (12 + x * (6 + x)) / (12 - x * (6 - x)) if abs(x) < 0.5 else math.exp(x)
            expert.weights[p] *= factor
            _renew_value(expert, p)


@inlined
def _renew_value(expert: Experts, p: int) -> None:
    """Write what pattern p adds in an expert; units whose pre-activation has reached 0 die."""
    rise = expert.up_start[p] + expert.up[p] * expert.u[p]
    fall = expert.down_start[p] - expert.down[p] * expert.u[p]
    if rise <= 0:
        expert.up[p] = expert.up_start[p] = rise = 0.0
    if fall <= 0:
        expert.down[p] = expert.down_start[p] = fall = 0.0
    expert.values[p] = rise - fall
    expert.gains[p] = expert.weights[p] * expert.values[p]


@kernel
def start(experts: Experts) -> None:
    """Write e^S, h and e^S·h of scores and units before training."""
    for s in range(len(experts.scores)):
        for p in range(experts.scores.shape[1]):
            experts.weights[s, p] = math.exp(experts.scores[s, p])
            experts.values[s, p] = experts.up_start[s, p] - experts.down_start[s, p]
            experts.gains[s, p] = experts.weights[s, p] * experts.values[s, p]


@kernel
def follow_flow(inputs: Inputs, experts: Experts, course: Course) -> tuple[float, float]:
    """Follow the flow from u = 0 to the end of its ``course``; return time and mean loss.

    Members are reordered and ``experts`` updated in place.
    """
    shape = experts.scores.shape
    n_samples = len(inputs.labels)
    sums = new_sums(shape[0], n_samples, shape[1])
    speeds = Speeds(np.zeros(shape), np.zeros(shape))
    old = Speeds(np.zeros(shape), np.zeros(shape))
    n_exact, everyone = len(course.bounds) - 1, np.arange(n_samples)
    time, step, last, done = 0.0, course.rate, course.rate, 0
    start(experts)
    while True:
        exact, chosen = done < n_exact, everyone
        if exact:
            chosen = course.order[course.bounds[done] : course.bounds[done + 1]]
        loss = loss_and_force(chosen, inputs, experts, sums, course.scale)
        if exact and loss < HALF_LOSS:
            n_exact = done
            continue
        over = not exact and (loss <= course.target or done - n_exact == MOST_STEPS)
        if over or time >= course.longest:
            return time, loss
        speeds, old = old, speeds
        fastest, decay = find_speeds(chosen, inputs, experts, sums, course.ratio, speeds)
        ahead = 0.0
        if not exact:
            most = min(course.largest / fastest, course.largest * loss / decay)
            step = max(course.rate, min(course.growth * time, most))
            if done > n_exact:
                ahead = 0.5 * step / last
        move(experts, speeds, old, step, ahead)
        last = step
        time += step
        done += 1
