"""A step of `TokenChoiceMoE`, one scalar operation at a time, with every option.

Gates are taken of all experts only where they are needed, and scores without slope move nothing.
"""

from typing import Any, NamedTuple

import numpy as np
from token_twin import choose


class Visit(NamedTuple):
    """One input: affinities and gates by (patch, expert), who is chosen, slopes in the scores."""

    x: Any
    affinities: dict
    log_sums: list
    gates: dict
    chosen: Any
    room: Any
    slopes: dict


def token_step(twin, xs, ys, noise):
    """``xs`` (B, n, d) holds all patches, ``noise`` (B, n, k) is None where there is none."""
    c, sgd = twin.c, twin.sgd
    each = [None] * len(xs) if noise is None else noise
    visits = [visit(twin, x, extra) for x, extra in zip(xs, each, strict=True)]
    gradient, router_gradient = np.zeros_like(twin.w), np.zeros_like(twin.routers)
    for own, y in zip(visits, ys, strict=True):
        add_data_slopes(twin, own, y, len(xs), gradient)
    counts = sum(own.chosen.sum(axis=0) for own in visits)
    if sgd.balance_weight:
        add_balance(twin, visits, counts)
    if sgd.z_weight:
        add_z_loss(twin, visits)
    for own in visits:
        for (j, s), slope in own.slopes.items():
            add_outer(c, router_gradient[s], slope, own.x[j])
    twin.update(twin.w, gradient, twin.rate)
    twin.update(twin.routers, router_gradient, twin.router_rate)
    if twin.bias is not None:
        for s, way in enumerate(np.sign(counts.mean() - counts)):
            twin.bias[s] = c.add(twin.bias[s], way * sgd.bias_rate)


def add_outer(c, row, factor, patch):
    for q, value in enumerate(patch):
        row[q] = c.add(row[q], c.mul(factor, value))


def visit(twin, x, noise):
    """Score the patches of one input and let them choose."""
    c, model, sgd = twin.c, twin.model, twin.sgd
    h = np.array([[c.dot(router, patch) for router in twin.routers] for patch in x])
    if noise is not None:
        h = np.array([list(map(c.add, *rows)) for rows in zip(h, noise, strict=True)])
    spread = model.gate == "softmax" and not model.renormalize
    needed = spread or sgd.balance_weight or sgd.z_weight or twin.bias is not None
    (chosen,), (room,) = choose(model, h[None], twin.bias)
    if twin.bias is not None:
        c.count += h.size  # what is added to affinities, which `choose` does not count
    affinities, log_sums, gates = {}, [], {}
    for j, scores in enumerate(h):
        asked = range(model.n_experts) if needed else np.flatnonzero(chosen[j])
        if model.gate == "softmax":
            parts, largest, total = exponentials(c, scores[asked])
            own = [c.div(part, total) for part in parts]
            if sgd.z_weight:
                log_sums.append(c.add(largest, c.log(total)))
        else:
            own = [c.div(1.0, c.add(1.0, c.exp(-scores[s]))) for s in asked]
        affinities |= {(j, s): value for s, value in zip(asked, own, strict=True)}
        named = [(j, s) for s in (asked if spread else np.flatnonzero(chosen[j]))]
        gates |= {place: affinities[place] for place in named}
        if model.renormalize and (needed or model.gate == "sigmoid"):
            total = 0.0
            for place in named:
                total = c.add(total, affinities[place])
            gates |= {place: c.div(affinities[place], total) for place in named}
    return Visit(x, affinities, log_sums, gates, chosen, room, {})


def exponentials(c, scores):
    largest = scores.max()
    parts, total = [c.exp(c.add(score, -largest)) for score in scores], 0.0
    for part in parts:
        total = c.add(total, part)
    return parts, largest, total


class Pass(NamedTuple):
    """What one input has on its way to f: values and active units by place, means by patch."""

    values: dict
    active: dict
    means: Any
    f: float


def forward(twin, own):
    """The output for one visit."""
    c, x, units = twin.c, own.x, twin.experts()
    values, active, means, f = {}, {}, np.zeros(len(x)), 0.0
    for j, s in served(own) + shared(twin, x):
        values[j, s] = 0.0
        for r in units[s]:
            z = c.dot(twin.w[r], x[j])
            active[r, j] = z > 0
            values[j, s] = c.add(values[j, s], c.mul(twin.a[r], max(z, 0.0)))
        if (j, s) in own.gates:
            means[j] = c.add(means[j], c.mul(own.gates[j, s], values[j, s]))
        else:
            f = c.add(f, values[j, s])
    for mean in means:
        f = c.add(f, mean)
    return Pass(values, active, means, c.mul(f, twin.model.output_scale(len(x))))


def served(own):
    return [(j, s) for j, s in np.argwhere(own.room)]


def shared(twin, x):
    names = range(twin.model.n_experts, len(twin.experts()))
    return [(j, s) for j in range(len(x)) for s in names]


def add_data_slopes(twin, own, y, size, gradient):
    c, model, x, units = twin.c, twin.model, own.x, twin.experts()
    values, active, means, f = forward(twin, own)
    slope = twin.slope(y, f, model.output_scale(len(x)), size)
    reach = dict.fromkeys(shared(twin, x), slope)
    centred = model.gate == "softmax" or model.renormalize
    for place in own.gates if centred else served(own):
        reach[place] = c.mul(slope, own.gates[place])
        minus_mean = -means[place[0]] if centred else None
        through = reach[place]
        if model.gate == "sigmoid":
            through = c.mul(through, c.add(1.0, -own.affinities[place]))
        own.slopes[place] = c.mul(through, lead(c, values.get(place), minus_mean))
    for j, s in values:
        for r in units[s]:
            unit_slope = c.mul(reach[j, s], twin.a[r]) * active[r, j]
            add_outer(c, gradient[r], unit_slope, x[j])


def lead(c, value, minus_mean):
    """The value over the mean: no value where there was no room, no mean of single sigmoids."""
    if value is None or minus_mean is None:
        return value if minus_mean is None else minus_mean
    return c.add(value, minus_mean)


def add_to(c, own, place, change):
    own.slopes[place] = c.add(own.slopes.get(place, 0.0), change)


def add_balance(twin, visits, counts):
    """Add the slopes of λ·k·Σ_s F_s P_s in the scores, with F taken as fixed."""
    c, k = twin.c, len(counts)
    rows = sum(len(own.x) for own in visits)
    factor = c.div(c.mul(twin.sgd.balance_weight, k), rows)
    shares = [c.mul(factor, c.div(count, counts.sum())) for count in counts]
    for own in visits:
        for j in range(len(own.x)):
            p = [own.affinities[j, s] for s in range(k)]
            if twin.model.gate == "sigmoid":
                total = 0.0
                for value in p:
                    total = c.add(total, value)
                p = [c.div(value, total) for value in p]
            mean = c.dot(shares, p)
            for s in range(k):
                change = c.mul(p[s], c.add(shares[s], -mean))
                if twin.model.gate == "sigmoid":
                    change = c.mul(change, c.add(1.0, -own.affinities[j, s]))
                add_to(c, own, (j, s), change)


def add_z_loss(twin, visits):
    """Add the slopes of μ·mean (log Σ_s exp h_s)² in the scores."""
    c, rows = twin.c, sum(len(own.x) for own in visits)
    factor = c.div(c.mul(2.0, twin.sgd.z_weight), rows)
    for own in visits:
        for j, log_sum in enumerate(own.log_sums):
            pull = c.mul(factor, log_sum)
            for s in range(twin.model.n_experts):
                add_to(c, own, (j, s), c.mul(pull, own.affinities[j, s]))
