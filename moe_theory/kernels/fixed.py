"""SGD on raw patches where routing is fixed: dense and separately trained networks.

A dense network is one expert that receives all n patches.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.units import add_units, move_expert, unit_slopes


class _Buffers(NamedTuple):
    """Per expert the rows ``picked`` (k, B·l) and pre-activations ``hidden`` (k, u, B·l).

    ``change`` (u, d) holds the gradient of an expert where it is taken at unit length.
    """

    picked: Any
    hidden: Any
    values: Any
    slopes: Any
    change: Any
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
        np.empty((n_units if steps.normalize else 0, samples.table.shape[1]), dtype),
        np.empty(size, dtype),
    )


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
        add_units(
            buffers.hidden[s], network.output[own], n_rows, buffers.values, network.activation
        )
        for i in range(len(rows)):
            for row in range(i * n_routed, (i + 1) * n_routed):
                f[i] += buffers.values[row]
    scale = f.dtype.type(network.scale)
    for i in range(len(rows)):
        f[i] *= scale


@kernel
def _step(network, samples, rows, steps, buffers):
    _, n_experts, n_routed = samples.rows.shape
    n_units = len(network.output) // n_experts
    n_rows = len(rows) * n_routed
    f, slopes = buffers.f[: len(rows)], buffers.slopes
    number = f.dtype.type
    rate = number(1.0 if steps.normalize else steps.learning_rate)
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    for i in range(len(rows)):
        slopes[i * n_routed : (i + 1) * n_routed] = rate * f[i]
    for s in range(n_experts):
        own = slice(s * n_units, (s + 1) * n_units)
        z, picked, experts = buffers.hidden[s], buffers.picked[s, :n_rows], network.experts[own]
        unit_slopes(slopes, network.output[own], n_rows, z, network.activation)
        if steps.normalize:
            move_expert(samples.table, picked, z, experts, steps.learning_rate, buffers.change)
        else:
            subtract_outer(samples.table, picked, z, experts)
    return True


@kernel
def train_fixed(network, samples, steps, state):
    """Take one SGD step per batch, updating ``network.experts``; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
