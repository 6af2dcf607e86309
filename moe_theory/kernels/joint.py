"""SGD on raw patches with routers and experts trained together through a softmax gate.

Routing scores all n patches; an expert touches only the l it keeps.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.gates import choose, gate_slopes, new_gates, pool
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.units import add_units, unit_slopes


class _Buffers(NamedTuple):
    """``inputs`` (B·n,) and ``scores`` (k, B·n) of all patches; the rest as in `kernels.fixed`."""

    inputs: Any
    scores: Any
    picked: Any
    hidden: Any
    values: Any
    slopes: Any
    router_slopes: Any
    gates: Any
    f: Any


@kernel
def _buffers(network, samples, steps):
    n_patches = samples.rows.shape[1]
    n_experts, n_routed = len(network.routers), network.rule.n_kept
    size = longest(steps.bounds)
    dtype = samples.table.dtype
    n_units = len(network.output) // n_experts
    return _Buffers(
        np.empty(size * n_patches, samples.rows.dtype),
        np.empty((n_experts, size * n_patches), dtype),
        np.empty((n_experts, size * n_routed), samples.rows.dtype),
        np.empty((n_experts, n_units, size * n_routed), dtype),
        np.empty(size * n_routed, dtype),
        np.empty(size * n_routed, dtype),
        np.empty((1, size * n_routed), dtype),
        new_gates(n_patches, n_routed, size * n_experts, samples.table),
        np.empty(size, dtype),
    )


@kernel
def _outputs(network, samples, rows, buffers):
    n_patches = samples.rows.shape[1]
    n_experts, n_routed = len(network.routers), network.rule.n_kept
    n_units = len(network.output) // n_experts
    size, n_rows = len(rows), len(rows) * n_routed
    inputs, gates = buffers.inputs[: size * n_patches], buffers.gates
    for i in range(size):
        for j in range(n_patches):
            inputs[i * n_patches + j] = samples.rows[rows[i], j]
    inner_products(samples.table, inputs, network.routers, buffers.scores)
    for s in range(n_experts):
        for i in range(size):
            for j in range(n_patches):
                gates.scores[j, i * n_experts + s] = buffers.scores[s, i * n_patches + j]
    choose(gates, size * n_experts)
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        picked = buffers.picked[s, :n_rows]
        for i in range(size):
            for q in range(n_routed):
                place = int(gates.places[q, i * n_experts + s])
                picked[i * n_routed + q] = inputs[i * n_patches + place]
        inner_products(samples.table, picked, network.experts[own], buffers.hidden[s])
        add_units(
            buffers.hidden[s], network.output[own], n_rows, buffers.values, network.activation
        )
        for i in range(size):
            for q in range(n_routed):
                gates.values[q, i * n_experts + s] = buffers.values[i * n_routed + q]
    pool(gates, n_experts, buffers.f.dtype.type(network.scale), buffers.f[:size])


@kernel
def _step(network, samples, rows, steps, buffers):
    n_experts, n_routed = len(network.routers), network.rule.n_kept
    n_units = len(network.output) // n_experts
    size, n_rows = len(rows), len(rows) * n_routed
    f, gates = buffers.f[:size], buffers.gates
    number = f.dtype.type
    rate, gate_rate = number(steps.learning_rate), number(steps.router_rate)
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    gate_slopes(gates, n_experts, f)
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        for i in range(size):
            for q in range(n_routed):
                row, column = i * n_routed + q, i * n_experts + s
                buffers.slopes[row] = rate * gates.gated[q, column]
                buffers.router_slopes[0, row] = gate_rate * gates.leads[q, column]
        picked, z = buffers.picked[s, :n_rows], buffers.hidden[s]
        unit_slopes(buffers.slopes, network.output[own], n_rows, z, network.activation)
        subtract_outer(samples.table, picked, z, network.experts[own])
        router = network.routers[s : s + 1]
        subtract_outer(samples.table, picked, buffers.router_slopes, router)
    return True


@kernel
def train_joint(network, samples, steps, state):
    """Take one SGD step per batch, updating experts and routers; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
