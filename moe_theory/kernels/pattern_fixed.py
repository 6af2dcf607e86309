"""SGD in pattern space where routing is fixed: dense and separately trained networks.

Every patch is one of P patterns, so that a unit is known by its products z_rp = ⟨w_r, pattern_p⟩
alone, and a step costs O(B·k·l + m·P) whatever the dimension d. The arithmetic is that of
`kernels.fixed` up to rounding. Source: derived in docs/theory/dynamics.md.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import inlined, kernel
from moe_theory.kernels.pattern_step import pattern_values, renew, to_unit_length


class _Buffers(NamedTuple):
    """What a pattern adds in each expert, ``values``, and the ``slopes`` in it, (k, W)."""

    values: Any
    slopes: Any
    change: Any
    f: Any


@inlined
def _pool(values, received, rows, scale, f):
    """Write f of the samples ``rows``, given what each expert receives, (N, k, l)."""
    _, n_experts, n_routed = received.shape
    for i in range(len(rows)):
        total = f.dtype.type(0)
        own = received[rows[i]]
        for s in range(n_experts):
            for j in range(n_routed):
                total += values[s, own[s, j]]
        f[i] = scale * total


@kernel
def outputs_pattern_fixed(values, received, scale):
    """Return f of every input from what each pattern adds in each expert, shape (N,)."""
    out = np.empty(len(received), values.dtype)
    _pool(values, received, np.arange(len(received)), values.dtype.type(scale), out)
    return out


@inlined
def _outputs(network, samples, rows, buffers):
    scale = buffers.f.dtype.type(network.scale)
    _pool(buffers.values, samples.rows, rows, scale, buffers.f)


@inlined
def _step(network, samples, rows, steps, buffers):
    _, n_experts, n_routed = samples.rows.shape
    f, slopes = buffers.f[: len(rows)], buffers.slopes
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, f.dtype.type(network.scale)):
        return False
    slopes[:] = 0
    for i in range(len(rows)):
        own = samples.rows[rows[i]]
        for s in range(n_experts):
            for j in range(n_routed):
                slopes[s, own[s, j]] += f[i]
    if steps.normalize:
        to_unit_length(network, slopes, buffers.change)
    rate = f.dtype.type(steps.learning_rate)
    renew(network, rate, slopes, buffers.values, buffers.change)
    return True


@kernel
def train_pattern_fixed(network, samples, steps, state):
    """Take one SGD step per batch, updating ``network.z``; see `descent.descend`."""
    n_experts = samples.rows.shape[1]
    n_patterns = network.z.shape[1]
    dtype = network.z.dtype
    buffers = _Buffers(
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty(n_patterns, dtype),
        np.empty(longest(steps.bounds), dtype),
    )
    pattern_values(network.z, network.output, buffers.values, network.activation)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
