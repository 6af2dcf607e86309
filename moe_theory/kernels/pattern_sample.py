"""SGD in pattern space where whole inputs choose experts, routers and experts trained together.

As `kernels.pattern_joint`: the scores of an input are the sums of those of its patterns. The
arithmetic is that of `kernels.sample` up to rounding. Source: derived in docs/theory/dynamics.md.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.input_routing import (
    choose_for_inputs,
    gate_inputs,
    new_input_choices,
    score_slopes,
    sum_scores,
)
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_step import move_routers, pattern_values, renew, to_unit_length

CHUNK = 64


class _Buffers(NamedTuple):
    """As in `kernels.pattern_joint`, and ``visited`` and ``choices`` as in `kernels.sample`."""

    values: Any
    slopes: Any
    router_slopes: Any
    change: Any
    choices: Any
    visited: Any
    f: Any


class _Routed(NamedTuple):
    """What patterns add in experts, ``values``, and their ``scores``, (k, W), with the rule."""

    values: Any
    scores: Any
    rule: Any
    scale: Any


@kernel
def _pool(routed, indices, rows, noise, softened, choices, f):
    """Route the samples ``rows`` and write their f."""
    scale = f.dtype.type(routed.scale)
    for i in range(len(rows)):
        sum_scores(routed.scores, indices[rows[i]], choices.scores, i)
    choose_for_inputs(choices, len(rows), noise, softened)
    gate_inputs(choices, len(rows), routed.rule.gated)
    for i in range(len(rows)):
        own, value = indices[rows[i]], routed.values[choices.chosen[i]]
        total = f.dtype.type(0)
        for j in range(len(own)):
            total += value[own[j]]
        choices.values[i] = total
        f[i] = choices.own[i] * total * scale


@kernel
def outputs_pattern_sample(values, scores, indices, noise, rule, scale):
    """Return f of every input, shape (N,); ``noise`` (N, k) may be empty."""
    n_samples = len(indices)
    out = np.empty(n_samples, values.dtype)
    choices = new_input_choices(len(scores), CHUNK, scores)
    routed = _Routed(values, scores, rule, scale)
    for first in range(0, n_samples, CHUNK):
        end = min(first + CHUNK, n_samples)
        rows = np.arange(first, end)
        _pool(routed, indices, rows, noise[first:end], rule.gated, choices, out[first:end])
    return out


@kernel
def _outputs(network, samples, rows, buffers):
    choices, rule = buffers.choices, network.rule
    routed = _Routed(buffers.values, network.scores, rule, network.scale)
    nothing = choices.scores[:0]
    _pool(routed, samples.rows, rows, nothing, rule.gated, choices, buffers.f)


@kernel
def _step(network, samples, rows, steps, buffers):
    f, choices, rule = buffers.f[: len(rows)], buffers.choices, network.rule
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    number = f.dtype.type
    first = buffers.visited[0]
    buffers.visited[0] += len(rows)
    noise = steps.noise[first : first + len(rows)]
    softened = rule.gated or steps.balance > 0
    routed = _Routed(buffers.values, network.scores, rule, network.scale)
    _pool(routed, samples.rows, rows, noise, softened, choices, f)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    if softened:
        score_slopes(choices, f, rule.gated, steps.balance)
    slopes[:] = 0
    for i in range(len(rows)):
        own, slope = samples.rows[rows[i]], slopes[choices.chosen[i]]
        for j in range(len(own)):
            slope[own[j]] += f[i] * choices.own[i]
    if steps.normalize:
        to_unit_length(network, slopes, buffers.change)
    if softened:
        router_slopes[:] = 0
        for i in range(len(rows)):
            own = samples.rows[rows[i]]
            for s in range(len(router_slopes)):
                for j in range(len(own)):
                    router_slopes[s, own[j]] += choices.slopes[s, i]
        move_routers(network, number(steps.router_rate), router_slopes, buffers.change)
    renew(network, number(steps.learning_rate), slopes, buffers.values, buffers.change)
    return True


@kernel
def train_pattern_sample(network, samples, steps, state):
    """Take one SGD step per batch, updating products and scores; see `descent.descend`."""
    n_experts, n_patterns = network.scores.shape
    size = longest(steps.bounds)
    dtype = network.z.dtype
    buffers = _Buffers(
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty(n_patterns, dtype),
        new_input_choices(n_experts, size, network.scores),
        np.zeros(1, np.int64),
        np.empty(size, dtype),
    )
    pattern_values(network.z, network.output, buffers.values, network.activation)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
