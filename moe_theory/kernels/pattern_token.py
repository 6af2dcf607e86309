"""SGD in pattern space where patches choose experts, routers and experts trained together.

As `kernels.pattern_joint`. Which experts a patch chooses, and its gates, depend on its pattern
alone, so that they are found once per pattern and step; only who finds room depends on the input.
The arithmetic is that of `kernels.token` up to rounding. Source: derived in
docs/theory/dynamics.md and token-choice.md.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_step import move_routers, pattern_values, renew
from moe_theory.kernels.token_routing import admit, choose_by, new_choices


class _Buffers(NamedTuple):
    """``values``, ``slopes`` and ``router_slopes`` as in `kernels.pattern_joint`.

    ``choices`` has a column per pattern; ``admitted`` (B, n, c) tells which find room;
    ``weights`` (k, P) sums the slopes of f over the patches of a pattern that an expert takes.
    """

    values: Any
    slopes: Any
    router_slopes: Any
    change: Any
    weights: Any
    choices: Any
    admitted: Any
    f: Any


@kernel
def _admit_and_pool(patterns, values, choices, rule, admitted):
    """Find room for the patches of one input; return f before the scale."""
    admit(patterns, choices, rule, admitted)
    f = values.dtype.type(0)
    for j in range(len(patterns)):
        p = patterns[j]
        for q in range(admitted.shape[1]):
            if admitted[j, q]:
                s = int(choices.places[q, p])
                f += choices.gates[s, p] * values[s, p]
    return f


@kernel
def outputs_pattern_token(values, choices, indices, rule, scale):
    """Return f of every input, shape (N,), given what each pattern chooses."""
    n_samples, n_patches = indices.shape
    factor = values.dtype.type(scale)
    admitted = np.empty((n_patches, rule.n_kept), np.bool_)
    out = np.empty(n_samples, values.dtype)
    for i in range(n_samples):
        out[i] = factor * _admit_and_pool(indices[i], values, choices, rule, admitted)
    return out


@kernel
def _outputs(network, samples, rows, buffers):
    scale = buffers.f.dtype.type(network.scale)
    for i in range(len(rows)):
        patterns, admitted = samples.rows[rows[i]], buffers.admitted[i]
        f = _admit_and_pool(patterns, buffers.values, buffers.choices, network.rule, admitted)
        buffers.f[i] = scale * f


@kernel
def _write_slopes(buffers):
    """Write the slopes in what patterns add and in the scores, given their ``weights``."""
    weights, values, gates = buffers.weights, buffers.values, buffers.choices.gates
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    n_experts, n_patterns = values.shape
    for p in range(n_patterns):
        mean = values.dtype.type(0)
        for s in range(n_experts):
            slopes[s, p] = weights[s, p] * gates[s, p]
            mean += slopes[s, p] * values[s, p]
        for s in range(n_experts):
            router_slopes[s, p] = slopes[s, p] * values[s, p] - gates[s, p] * mean


@kernel
def _step(network, samples, rows, steps, buffers):
    f, weights = buffers.f[: len(rows)], buffers.weights
    number = f.dtype.type
    _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    weights[:] = 0
    for i in range(len(rows)):
        patterns = samples.rows[rows[i]]
        for j in range(len(patterns)):
            for q in range(network.rule.n_kept):
                if buffers.admitted[i, j, q]:
                    weights[int(buffers.choices.places[q, patterns[j]]), patterns[j]] += f[i]
    _write_slopes(buffers)
    renew(network, number(steps.learning_rate), buffers.slopes, buffers.values, buffers.change)
    move_routers(network, number(steps.router_rate), buffers.router_slopes, buffers.change)
    choose_by(network.scores, buffers.choices)
    return True


@kernel
def train_pattern_token(network, samples, steps, state):
    """Take one SGD step per batch, updating products and scores; see `descent.descend`."""
    n_experts, n_patterns = network.scores.shape
    n_chosen, size = network.rule.n_kept, longest(steps.bounds)
    dtype = network.z.dtype
    buffers = _Buffers(
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty(n_patterns, dtype),
        np.empty((n_experts, n_patterns), dtype),
        new_choices(n_experts, n_chosen, n_patterns, network.z),
        np.empty((size, samples.rows.shape[1], n_chosen), np.bool_),
        np.empty(size, dtype),
    )
    pattern_values(network.z, network.output, buffers.values, network.activation)
    choose_by(network.scores, buffers.choices)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
