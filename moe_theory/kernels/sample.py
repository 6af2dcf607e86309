"""SGD on raw patches where whole inputs choose experts, routers and experts trained together.

Routers score the sum of the patches of an input; an expert touches the inputs that chose it.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.input_routing import (
    choose_for_inputs,
    gate_inputs,
    new_input_choices,
    score_slopes,
)
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.units import add_units, move_expert, unit_slopes


class _Buffers(NamedTuple):
    """Of a batch the ``sums`` of patches (B, W) and what inputs choose.

    Inputs stand expert by expert in ``taken`` (B,), as numbers within the batch, those of expert s
    from ``starts[s]`` on; in the same order their patches ``picked`` (B·n,) and, one expert after
    the other, the pre-activations ``hidden`` (u·B·n,). ``visited`` counts the inputs of earlier
    steps of the call, whose noise is used up; ``change`` is as in `kernels.fixed`.
    """

    everyone: Any
    sums: Any
    choices: Any
    starts: Any
    taken: Any
    picked: Any
    hidden: Any
    values: Any
    slopes: Any
    change: Any
    visited: Any
    f: Any


@kernel
def _buffers(network, samples, steps):
    n_experts, n_patches = len(network.routers), samples.rows.shape[1]
    n_units = len(network.output) // n_experts
    size, dim = longest(steps.bounds), samples.table.shape[1]
    n_rows = size * n_patches
    dtype = samples.table.dtype
    return _Buffers(
        np.arange(size).astype(np.int32),
        np.empty((size, dim), dtype),
        new_input_choices(n_experts, size, samples.table),
        np.zeros(n_experts + 1, np.int64),
        np.empty(size, np.int64),
        np.empty(n_rows, samples.rows.dtype),
        np.empty(n_units * n_rows, dtype),
        np.empty(n_rows, dtype),
        np.empty(n_rows, dtype),
        np.empty((n_units if steps.normalize else 0, dim), dtype),
        np.zeros(1, np.int64),
        np.empty(size, dtype),
    )


@kernel
def _choose(network, samples, rows, noise, softened, buffers):
    """Let the inputs of a batch choose, and list the inputs and patches of every expert."""
    n_patches = samples.rows.shape[1]
    sums, choices, starts = buffers.sums, buffers.choices, buffers.starts
    for i in range(len(rows)):
        total = sums[i]
        total[:] = 0
        for j in range(n_patches):
            patch = samples.table[samples.rows[rows[i], j]]
            for q in range(len(total)):
                total[q] += patch[q]
    inner_products(sums, buffers.everyone[: len(rows)], network.routers, choices.scores)
    choose_for_inputs(choices, len(rows), noise, softened)
    starts[0] = 0
    for s in range(len(choices.counts)):
        starts[s + 1] = starts[s] + choices.counts[s]
    # Each start is moved to the next one while its list fills, and back.
    for i in range(len(rows)):
        place = starts[choices.chosen[i]]
        starts[choices.chosen[i]] += 1
        buffers.taken[place] = i
        for j in range(n_patches):
            buffers.picked[place * n_patches + j] = samples.rows[rows[i], j]
    for s in range(len(choices.counts), 0, -1):
        starts[s] = starts[s - 1]
    starts[0] = 0


@kernel
def _hidden(network, n_patches, s, buffers):
    """Return the patches of expert s and the matrix of its pre-activations."""
    first, end = buffers.starts[s] * n_patches, buffers.starts[s + 1] * n_patches
    n_units = len(network.output) // len(network.routers)
    z = buffers.hidden[n_units * first : n_units * end].reshape(n_units, end - first)
    return buffers.picked[first:end], z


@kernel
def _pool(network, samples, rows, noise, softened, buffers):
    """Route the samples ``rows`` and write their f."""
    n_patches, n_experts = samples.rows.shape[1], len(network.routers)
    n_units = len(network.output) // n_experts
    choices, f = buffers.choices, buffers.f
    _choose(network, samples, rows, noise, softened, buffers)
    gate_inputs(choices, len(rows), network.rule.gated)
    scale = f.dtype.type(network.scale)
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        if choices.counts[s] == 0:
            continue
        picked, z = _hidden(network, n_patches, s, buffers)
        inner_products(samples.table, picked, network.experts[own], z)
        add_units(z, network.output[own], len(picked), buffers.values, network.activation)
        for place in range(buffers.starts[s], buffers.starts[s + 1]):
            i, first = buffers.taken[place], (place - buffers.starts[s]) * n_patches
            total = f.dtype.type(0)
            for row in range(first, first + n_patches):
                total += buffers.values[row]
            choices.values[i] = total
            f[i] = choices.own[i] * total * scale


@kernel
def _outputs(network, samples, rows, buffers):
    _pool(network, samples, rows, buffers.choices.scores[:0], network.rule.gated, buffers)


@kernel
def _step(network, samples, rows, steps, buffers):
    n_patches, n_experts = samples.rows.shape[1], len(network.routers)
    n_units = len(network.output) // n_experts
    f, choices, gated = buffers.f[: len(rows)], buffers.choices, network.rule.gated
    number = f.dtype.type
    first = buffers.visited[0]
    buffers.visited[0] += len(rows)
    softened = gated or steps.balance > 0
    _pool(network, samples, rows, steps.noise[first : first + len(rows)], softened, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    rate = number(1.0 if steps.normalize else steps.learning_rate)
    if softened:
        score_slopes(choices, f, gated, steps.balance)
    for s in range(n_experts):
        if choices.counts[s] == 0:
            continue
        picked, z = _hidden(network, n_patches, s, buffers)
        for place in range(buffers.starts[s], buffers.starts[s + 1]):
            i, row = buffers.taken[place], (place - buffers.starts[s]) * n_patches
            buffers.slopes[row : row + n_patches] = rate * (f[i] * choices.own[i])
        own = slice(s * n_units, (s + 1) * n_units)
        unit_slopes(buffers.slopes, network.output[own], len(picked), z, network.activation)
        experts = network.experts[own]
        if steps.normalize:
            move_expert(samples.table, picked, z, experts, steps.learning_rate, buffers.change)
        else:
            subtract_outer(samples.table, picked, z, experts)
    if softened:
        gate_rate = number(steps.router_rate)
        for s in range(n_experts):
            for i in range(len(rows)):
                choices.slopes[s, i] *= gate_rate
        everyone = buffers.everyone[: len(rows)]
        subtract_outer(buffers.sums, everyone, choices.slopes, network.routers)
    return True


@kernel
def train_sample(network, samples, steps, state):
    """Take one SGD step per batch, updating experts and routers; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
