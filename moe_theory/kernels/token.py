"""SGD on raw patches where patches choose experts, routers and experts trained together.

All k routers score all n patches; an expert touches only those that chose it and for which it has
room, a shared expert touches all. A *row* is a patch of the batch, i·n + j.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.token_routing import admit, choose_experts, new_choices
from moe_theory.kernels.token_slopes import (
    add_load_slopes,
    count_choices,
    is_centred,
    move_bias,
    through_gates,
    uses_load,
)
from moe_theory.kernels.units import add_units, unit_slopes


class _Buffers(NamedTuple):
    """Of all rows their patches ``inputs`` (B·n,), ``choices`` and which are ``admitted``.

    Per expert, shared ones last, the number ``counts`` of rows that it takes, these rows ``taken``
    and their patches ``picked`` (·, B·n), pre-activations ``hidden`` (·, u, B·n) and ``values``
    (·, B·n), what a row would add to f at gate 1, before the scale. ``means`` (B·n,) is what a row
    adds with its gates, and ``always`` what it adds by shared experts. ``visited`` counts the
    inputs of earlier steps of the call, whose noise is used up; ``load`` (k,) counts choices.
    """

    inputs: Any
    choices: Any
    admitted: Any
    counts: Any
    taken: Any
    picked: Any
    hidden: Any
    values: Any
    means: Any
    always: Any
    visits: Any
    visited: Any
    load: Any
    slopes: Any
    router_slopes: Any
    f: Any


@kernel
def _buffers(network, samples, steps):
    n_experts, rule = len(network.routers), network.rule
    n_all = n_experts + rule.n_shared
    size = longest(steps.bounds)
    n_rows = size * samples.rows.shape[1]
    dtype = samples.table.dtype
    return _Buffers(
        np.empty(n_rows, samples.rows.dtype),
        new_choices(n_experts, rule, n_rows, samples.table),
        np.empty((n_rows, rule.n_kept), np.bool_),
        np.empty(n_all, np.int64),
        np.empty((n_all, n_rows), np.int64),
        np.empty((n_all, n_rows), samples.rows.dtype),
        np.empty((n_all, len(network.output) // n_all, n_rows), dtype),
        np.empty((n_all, n_rows), dtype),
        np.empty(n_rows, dtype),
        np.empty(n_rows, dtype),
        np.ones(n_rows, np.int64),
        np.zeros(1, np.int64),
        np.zeros(n_experts, np.int64),
        np.empty(n_rows, dtype),
        np.empty((n_experts, n_rows), dtype),
        np.empty(size, dtype),
    )


@kernel
def _choose(network, samples, rows, noise, buffers):
    """Let the patches of a batch choose, and list per expert what it takes."""
    n_patches, n_experts = samples.rows.shape[1], len(network.routers)
    n_rows = len(rows) * n_patches
    inputs, choices, admitted = buffers.inputs[:n_rows], buffers.choices, buffers.admitted
    for i in range(len(rows)):
        for j in range(n_patches):
            inputs[i * n_patches + j] = samples.rows[rows[i], j]
    inner_products(samples.table, inputs, network.routers, choices.scores)
    for i in range(len(noise)):
        for j in range(n_patches):
            for s in range(n_experts):
                choices.scores[s, i * n_patches + j] += noise[i, j * n_experts + s]
    choose_experts(choices, n_rows, network.rule, network.bias)
    everyone = np.arange(n_rows)
    buffers.counts[:n_experts] = 0
    for i in range(len(rows)):
        own = slice(i * n_patches, (i + 1) * n_patches)
        admit(everyone[own], choices, network.rule, admitted[own])
    for row in range(n_rows):
        for q in range(network.rule.n_kept):
            if admitted[row, q]:
                s = int(choices.places[q, row])
                buffers.taken[s, buffers.counts[s]] = row
                buffers.picked[s, buffers.counts[s]] = inputs[row]
                buffers.counts[s] += 1
    for s in range(n_experts, n_experts + network.rule.n_shared):
        buffers.counts[s] = n_rows
        buffers.taken[s, :n_rows] = everyone
        buffers.picked[s, :n_rows] = inputs


@kernel
def _pool(network, samples, rows, noise, buffers):
    """Route the samples ``rows`` and write their f."""
    n_patches, n_shared = samples.rows.shape[1], network.rule.n_shared
    n_experts, n_rows = len(network.routers), len(rows) * n_patches
    n_units = len(network.output) // (n_experts + n_shared)
    means, always, f = buffers.means, buffers.always, buffers.f
    _choose(network, samples, rows, noise, buffers)
    means[:n_rows] = 0
    always[:n_rows] = 0
    for s in range(n_experts + n_shared):
        own = slice(s * n_units, (s + 1) * n_units)
        count, z, values = buffers.counts[s], buffers.hidden[s], buffers.values[s]
        inner_products(samples.table, buffers.picked[s, :count], network.experts[own], z)
        add_units(z, network.output[own], count, values, network.activation)
        added = means if s < n_experts else always
        for place in range(count):
            row = buffers.taken[s, place]
            added[row] += buffers.choices.gates[s, row] * values[place]
    scale = f.dtype.type(network.scale)
    for i in range(len(rows)):
        f[i] = 0
        for row in range(i * n_patches, (i + 1) * n_patches):
            f[i] += means[row]
            if n_shared > 0:
                f[i] += always[row]
        f[i] *= scale


@kernel
def _outputs(network, samples, rows, buffers):
    _pool(network, samples, rows, buffers.choices.scores[:0], buffers)


@kernel
def _step(network, samples, rows, steps, buffers):
    n_patches, n_experts = samples.rows.shape[1], len(network.routers)
    n_all = n_experts + network.rule.n_shared
    n_units = len(network.output) // n_all
    n_rows = len(rows) * n_patches
    f, gates = buffers.f[: len(rows)], buffers.choices.gates
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    number = f.dtype.type
    rate, gate_rate = number(steps.learning_rate), number(steps.router_rate)
    first = buffers.visited[0]
    buffers.visited[0] += len(rows)
    _pool(network, samples, rows, steps.noise[first : first + len(rows)], buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    _write_score_steps(network.rule, n_patches, n_rows, f, gate_rate, buffers)
    for s in range(n_all):
        own = slice(s * n_units, (s + 1) * n_units)
        count, z = buffers.counts[s], buffers.hidden[s]
        for place in range(count):
            row = buffers.taken[s, place]
            slopes[place] = rate * (f[row // n_patches] * gates[s, row])
        unit_slopes(slopes, network.output[own], count, z, network.activation)
        subtract_outer(samples.table, buffers.picked[s, :count], z, network.experts[own])
    if uses_load(steps):
        visits = buffers.visits[:n_rows]
        load, choices = buffers.load, buffers.choices
        count_choices(choices, visits, load)
        add_load_slopes(choices, visits, load, network.rule, steps, gate_rate, router_slopes)
        move_bias(network.bias, load, steps.bias_rate)
    subtract_outer(samples.table, buffers.inputs[:n_rows], router_slopes, network.routers)
    return True


@kernel
def _write_score_steps(rule, n_patches, n_rows, f, rate, buffers):
    """Write ``rate`` times the slopes of the data loss in the scores, given those in f."""
    gates, means, steps = buffers.choices.gates, buffers.means, buffers.router_slopes
    if not is_centred(rule):
        means[:n_rows] = 0
    for s in range(len(steps)):
        for row in range(n_rows):
            steps[s, row] = -rate * (f[row // n_patches] * gates[s, row]) * means[row]
        for place in range(buffers.counts[s]):
            row = buffers.taken[s, place]
            lead = buffers.values[s, place] - means[row]
            steps[s, row] = rate * (f[row // n_patches] * gates[s, row]) * lead
    through_gates(buffers.choices, rule, steps)


@kernel
def train_token(network, samples, steps, state):
    """Take one SGD step per batch, updating experts and routers; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
