"""SGD on raw patches where patches choose experts, routers and experts trained together.

All k experts score all n patches; an expert touches only those that chose it and for which it has
room. A *row* is a patch of the batch, i·n + j.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.token_routing import admit, choose_experts, new_choices
from moe_theory.kernels.units import add_units, unit_slopes


class _Buffers(NamedTuple):
    """Of all rows their patches ``inputs`` (B·n,), ``choices`` and which are ``admitted``.

    Per expert the number ``counts`` (k,) of rows that it takes, these rows ``taken`` and their
    patches ``picked`` (k, B·n), pre-activations ``hidden`` (k, u, B·n) and ``values`` (k, B·n),
    what a row would add to f at gate 1, before the scale. ``means`` (B·n,) is what a row adds with
    its gates.
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
    slopes: Any
    router_slopes: Any
    f: Any


@kernel
def _buffers(network, samples, steps):
    n_experts, n_chosen = len(network.routers), network.rule.n_kept
    size = longest(steps.bounds)
    n_rows = size * samples.rows.shape[1]
    dtype = samples.table.dtype
    return _Buffers(
        np.empty(n_rows, samples.rows.dtype),
        new_choices(n_experts, n_chosen, n_rows, samples.table),
        np.empty((n_rows, n_chosen), np.bool_),
        np.empty(n_experts, np.int64),
        np.empty((n_experts, n_rows), np.int64),
        np.empty((n_experts, n_rows), samples.rows.dtype),
        np.empty((n_experts, len(network.output) // n_experts, n_rows), dtype),
        np.empty((n_experts, n_rows), dtype),
        np.empty(n_rows, dtype),
        np.empty(n_rows, dtype),
        np.empty((n_experts, n_rows), dtype),
        np.empty(size, dtype),
    )


@kernel
def _choose(network, samples, rows, buffers):
    """Let the patches of a batch choose, and list per expert what it takes."""
    n_patches = samples.rows.shape[1]
    n_rows = len(rows) * n_patches
    inputs, choices, admitted = buffers.inputs[:n_rows], buffers.choices, buffers.admitted
    for i in range(len(rows)):
        for j in range(n_patches):
            inputs[i * n_patches + j] = samples.rows[rows[i], j]
    inner_products(samples.table, inputs, network.routers, choices.scores)
    choose_experts(choices, n_rows)
    everyone = np.arange(n_rows)
    buffers.counts[:] = 0
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


@kernel
def _outputs(network, samples, rows, buffers):
    n_patches = samples.rows.shape[1]
    n_experts = len(network.routers)
    n_units = len(network.output) // n_experts
    means, f = buffers.means, buffers.f
    _choose(network, samples, rows, buffers)
    means[: len(rows) * n_patches] = 0
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        count, z, values = buffers.counts[s], buffers.hidden[s], buffers.values[s]
        inner_products(samples.table, buffers.picked[s, :count], network.experts[own], z)
        add_units(z, network.output[own], count, values, network.activation)
        for place in range(count):
            row = buffers.taken[s, place]
            means[row] += buffers.choices.gates[s, row] * values[place]
    scale = f.dtype.type(network.scale)
    for i in range(len(rows)):
        f[i] = 0
        for row in range(i * n_patches, (i + 1) * n_patches):
            f[i] += means[row]
        f[i] *= scale


@kernel
def _step(network, samples, rows, steps, buffers):
    n_patches = samples.rows.shape[1]
    n_experts = len(network.routers)
    n_units = len(network.output) // n_experts
    n_rows = len(rows) * n_patches
    f, gates = buffers.f[: len(rows)], buffers.choices.gates
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    number = f.dtype.type
    rate, gate_rate = number(steps.learning_rate), number(steps.router_rate)
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        count, z = buffers.counts[s], buffers.hidden[s]
        for row in range(n_rows):
            gated = f[row // n_patches] * gates[s, row]
            router_slopes[s, row] = -gate_rate * gated * buffers.means[row]
        for place in range(count):
            row = buffers.taken[s, place]
            gated = f[row // n_patches] * gates[s, row]
            lead = buffers.values[s, place] - buffers.means[row]
            router_slopes[s, row] = gate_rate * gated * lead
            slopes[place] = rate * gated
        unit_slopes(slopes, network.output[own], count, z, network.activation)
        subtract_outer(samples.table, buffers.picked[s, :count], z, network.experts[own])
    subtract_outer(samples.table, buffers.inputs[:n_rows], router_slopes, network.routers)
    return True


@kernel
def train_token(network, samples, steps, state):
    """Take one SGD step per batch, updating experts and routers; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
