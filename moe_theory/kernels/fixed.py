"""SGD on raw patches where routing is fixed: dense and separately trained networks.

A dense network is one expert that receives all n patches.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer


class _Buffers(NamedTuple):
    """Per expert the rows ``picked`` (k, B·l) and pre-activations ``hidden`` (k, u, B·l)."""

    picked: Any
    hidden: Any
    values: Any
    slopes: Any
    f: Any


@kernel
def _buffers(network, samples, steps):
    _, n_experts, n_routed = samples.rows.shape
    size = longest(steps.bounds)
    dtype = samples.table.dtype
    n_units = len(network.output) // n_experts
    return _Buffers(
        np.empty((n_experts, size * n_routed), samples.rows.dtype),
        np.empty((n_experts, n_units, size * n_routed), dtype),
        np.empty(size * n_routed, dtype),
        np.empty(size * n_routed, dtype),
        np.empty(size, dtype),
    )


@kernel
def add_units(z, output, n_rows, values):
    """Write what the units of an expert add on each of its rows, Σ_r a_r relu(z_r)."""
    zero = values.dtype.type(0)
    values[:n_rows] = 0
    for r in range(len(output)):
        a = output[r]
        for row in range(n_rows):
            h = z[r, row]
            values[row] += a * (h if h > zero else zero)


@kernel
def _outputs(network, samples, rows, buffers):
    _, n_experts, n_routed = samples.rows.shape
    n_units = len(network.output) // n_experts
    n_rows = len(rows) * n_routed
    f = buffers.f
    f[: len(rows)] = 0
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        picked = buffers.picked[s, :n_rows]
        for i in range(len(rows)):
            for j in range(n_routed):
                picked[i * n_routed + j] = samples.rows[rows[i], s, j]
        inner_products(samples.table, picked, network.experts[own], buffers.hidden[s])
        add_units(buffers.hidden[s], network.output[own], n_rows, buffers.values)
        for i in range(len(rows)):
            for row in range(i * n_routed, (i + 1) * n_routed):
                f[i] += buffers.values[row]
    scale = f.dtype.type(network.scale)
    for i in range(len(rows)):
        f[i] *= scale


@kernel
def unit_slopes(slopes, output, n_rows, z):
    """Turn pre-activations into the steps of their units, given those of the rows."""
    zero = z.dtype.type(0)
    for r in range(len(output)):
        a = output[r]
        for row in range(n_rows):
            slope = slopes[row] * a
            z[r, row] = slope if z[r, row] > zero else zero


@kernel
def _step(network, samples, rows, steps, buffers):
    _, n_experts, n_routed = samples.rows.shape
    n_units = len(network.output) // n_experts
    n_rows = len(rows) * n_routed
    f, slopes = buffers.f[: len(rows)], buffers.slopes
    number = f.dtype.type
    rate = number(steps.learning_rate)
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    for i in range(len(rows)):
        slopes[i * n_routed : (i + 1) * n_routed] = rate * f[i]
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        z = buffers.hidden[s]
        unit_slopes(slopes, network.output[own], n_rows, z)
        subtract_outer(samples.table, buffers.picked[s, :n_rows], z, network.experts[own])
    return True


@kernel
def train_fixed(network, samples, steps, state):
    """Take one SGD step per batch, updating ``network.experts``; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
