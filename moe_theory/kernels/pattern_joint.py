"""SGD in pattern space with routers and experts trained together through a softmax gate.

As `kernels.pattern_fixed`, with the scores S_sp = ⟨w_s, pattern_p⟩ of the routers as further
state. The arithmetic is that of `kernels.joint` up to rounding. Source: derived in
docs/theory/dynamics.md.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.gates import choose, gate_slopes, new_gates, pool
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_step import move_routers, pattern_values, renew
from moe_theory.kernels.routing import width
from moe_theory.kernels.vectors import lanes_of, load, store

CHUNK = 16


class _Buffers(NamedTuple):
    """``values`` and ``slopes`` as in `kernels.pattern_fixed`, ``router_slopes`` in the scores.

    ``by_pattern`` holds the scores, those of a pattern together and filled up to whole vectors;
    ``patterns`` (l, C) the patterns that experts keep, in the columns of ``gates``.
    """

    values: Any
    slopes: Any
    router_slopes: Any
    change: Any
    by_pattern: Any
    patterns: Any
    gates: Any
    f: Any


@kernel
def _buffers(network_scores, n_patches, n_routed, size):
    n_experts, n_patterns = network_scores.shape
    dtype = network_scores.dtype
    return _Buffers(
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty(n_patterns, dtype),
        np.zeros((n_patterns, width(n_experts, network_scores)), dtype),
        np.empty((n_routed, size * n_experts), np.int32),
        new_gates(n_patches, n_routed, size * n_experts, network_scores),
        np.empty(size, dtype),
    )


@kernel
def _group(scores, by_pattern):
    for s in range(len(scores)):
        for p in range(scores.shape[1]):
            by_pattern[p, s] = scores[s, p]


@kernel
def _route_and_pool(indices, rows, values, scale, buffers):
    """Route the samples ``rows`` and write their f."""
    n_patches, n_experts = indices.shape[1], len(buffers.router_slopes)
    gates, patterns = buffers.gates, buffers.patterns
    for i in range(len(rows)):
        for j in range(n_patches):
            p = indices[rows[i], j]
            for s in range(0, n_experts, lanes_of(gates.scores)):
                # What is written beyond the last expert, the next input overwrites.
                store(gates.scores, j, i * n_experts + s, load(buffers.by_pattern, p, s))
    choose(gates, len(rows) * n_experts)
    for q in range(len(patterns)):
        for i in range(len(rows)):
            for s in range(n_experts):
                column = i * n_experts + s
                p = indices[rows[i], int(gates.places[q, column])]
                patterns[q, column] = p
                gates.values[q, column] = values[s, p]
    pool(gates, n_experts, scale, buffers.f[: len(rows)])


@kernel
def outputs_pattern_joint(values, scores, indices, n_routed, scale):
    """Return f of every input, shape (N,)."""
    n_samples, n_patches = indices.shape
    buffers = _buffers(scores, n_patches, n_routed, CHUNK)
    _group(scores, buffers.by_pattern)
    out = np.empty(n_samples, values.dtype)
    for first in range(0, n_samples, CHUNK):
        rows = np.arange(first, min(first + CHUNK, n_samples))
        _route_and_pool(indices, rows, values, values.dtype.type(scale), buffers)
        for i in range(len(rows)):
            out[first + i] = buffers.f[i]
    return out


@kernel
def _outputs(network, samples, rows, buffers):
    scale = buffers.f.dtype.type(network.scale)
    _route_and_pool(samples.rows, rows, buffers.values, scale, buffers)


@kernel
def _step(network, samples, rows, steps, buffers):
    n_experts = len(network.scores)
    f, gates, patterns = buffers.f[: len(rows)], buffers.gates, buffers.patterns
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    number = f.dtype.type
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    gate_slopes(gates, n_experts, f)
    slopes[:] = 0
    router_slopes[:] = 0
    for q in range(len(patterns)):
        for i in range(len(rows)):
            for s in range(n_experts):
                column = i * n_experts + s
                p = patterns[q, column]
                slopes[s, p] += gates.gated[q, column]
                router_slopes[s, p] += gates.leads[q, column]
    renew(network, number(steps.learning_rate), slopes, buffers.values, buffers.change)
    move_routers(network, number(steps.router_rate), router_slopes, buffers.change)
    _group(network.scores, buffers.by_pattern)
    return True


@kernel
def train_pattern_joint(network, samples, steps, state):
    """Take one SGD step per batch, updating products and scores; see `descent.descend`."""
    n_patches = samples.rows.shape[1]
    buffers = _buffers(network.scores, n_patches, network.rule.n_kept, longest(steps.bounds))
    pattern_values(network.z, network.output, buffers.values, network.activation)
    _group(network.scores, buffers.by_pattern)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
