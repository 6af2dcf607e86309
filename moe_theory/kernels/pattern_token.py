"""SGD in pattern space where patches choose experts, routers and experts trained together.

As `kernels.pattern_joint`. Without noise, which experts a patch chooses, and its gates, depend on
its pattern alone, so that they are found once per pattern and step; only who finds room depends on
the input. With noise every patch of a batch, a *row*, chooses for itself. The arithmetic is that of
`kernels.token` up to rounding. Source: derived in docs/theory/dynamics.md and token-choice.md.
"""

from typing import Any, NamedTuple

import numpy as np

from moe_theory.kernels.descent import descend, longest, to_slopes
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_step import move_routers, pattern_values, renew
from moe_theory.kernels.routing import width
from moe_theory.kernels.token_routing import admit, choose_by, choose_experts, new_choices
from moe_theory.kernels.token_slopes import (
    add_load_slopes,
    count_choices,
    is_centred,
    move_bias,
    through_gates,
    uses_load,
)


class _Buffers(NamedTuple):
    """``values``, ``slopes`` and ``router_slopes`` as in `kernels.pattern_joint`.

    ``values`` and ``slopes`` have rows for shared experts too. ``choices`` has a column per
    pattern; ``admitted`` (B, n, c) tells which find room; ``weights``, of the shape of ``values``,
    sums the slopes of f over the patches of a pattern that an expert takes. ``visits`` (P,) counts
    the patches of a pattern in the batch, ``load`` (k,) how often each expert was chosen.
    """

    values: Any
    slopes: Any
    router_slopes: Any
    change: Any
    weights: Any
    choices: Any
    admitted: Any
    noisy: Any
    visits: Any
    load: Any
    visited: Any
    f: Any


class _Noisy(NamedTuple):
    """What rows choose where there is noise.

    ``places`` (B, n) holds the columns i·n + j of ``choices``, and ``slopes`` (k, C) those of the
    loss in the scores of rows.
    """

    choices: Any
    places: Any
    visits: Any
    slopes: Any


@kernel
def _admit_and_pool(patterns, columns, values, choices, rule, admitted):
    """Find room for the patches of one input, by their columns; return f before the scale."""
    admit(columns, choices, rule, admitted)
    f = values.dtype.type(0)
    for j in range(len(patterns)):
        p, c = patterns[j], columns[j]
        for q in range(admitted.shape[1]):
            if admitted[j, q]:
                s = int(choices.places[q, c])
                f += choices.gates[s, c] * values[s, p]
        for s in range(len(values) - rule.n_shared, len(values)):
            f += values[s, p]
    return f


@kernel
def outputs_pattern_token(values, choices, indices, rule, scale):
    """Return f of every input, shape (N,), given what each pattern chooses."""
    n_samples, n_patches = indices.shape
    factor = values.dtype.type(scale)
    admitted = np.empty((n_patches, rule.n_kept), np.bool_)
    out = np.empty(n_samples, values.dtype)
    for i in range(n_samples):
        own = indices[i]
        out[i] = factor * _admit_and_pool(own, own, values, choices, rule, admitted)
    return out


@kernel
def _outputs(network, samples, rows, buffers):
    scale, rule = buffers.f.dtype.type(network.scale), network.rule
    for i in range(len(rows)):
        own, admitted = samples.rows[rows[i]], buffers.admitted[i]
        f = _admit_and_pool(own, own, buffers.values, buffers.choices, rule, admitted)
        buffers.f[i] = scale * f


@kernel
def _noisy_outputs(network, samples, rows, noise, buffers):
    """Write f of the samples ``rows`` whose patches choose with ``noise`` (B, n·k)."""
    scale, rule = buffers.f.dtype.type(network.scale), network.rule
    choices, places = buffers.noisy.choices, buffers.noisy.places
    n_experts, n_patches = len(network.scores), samples.rows.shape[1]
    for i in range(len(rows)):
        own = samples.rows[rows[i]]
        for j in range(n_patches):
            for s in range(n_experts):
                score = network.scores[s, own[j]] + noise[i, j * n_experts + s]
                choices.scores[s, places[i, j]] = score
    choose_experts(choices, len(rows) * n_patches, rule, network.bias)
    for i in range(len(rows)):
        own, admitted = samples.rows[rows[i]], buffers.admitted[i]
        f = _admit_and_pool(own, places[i], buffers.values, choices, rule, admitted)
        buffers.f[i] = scale * f


@kernel
def _write_slopes(rule, buffers):
    """Write the slopes in what patterns add and in the scores, given their ``weights``."""
    weights, values, gates = buffers.weights, buffers.values, buffers.choices.gates
    slopes, router_slopes = buffers.slopes, buffers.router_slopes
    n_experts, n_patterns = router_slopes.shape
    centred = is_centred(rule)
    for p in range(n_patterns):
        mean = values.dtype.type(0)
        for s in range(n_experts):
            slopes[s, p] = weights[s, p] * gates[s, p]
            if centred:
                mean += slopes[s, p] * values[s, p]
        for s in range(n_experts):
            router_slopes[s, p] = slopes[s, p] * values[s, p] - gates[s, p] * mean
        for s in range(n_experts, len(values)):
            slopes[s, p] = weights[s, p]
    through_gates(buffers.choices, rule, router_slopes)


@kernel
def _write_noisy_slopes(rule, samples, rows, f, buffers):
    """Write the slopes of rows in their scores, and those in what patterns add."""
    choices, places, steps = buffers.noisy.choices, buffers.noisy.places, buffers.noisy.slopes
    values, slopes, gates = buffers.values, buffers.slopes, choices.gates
    slopes[:] = 0
    steps[:] = 0
    for i in range(len(rows)):
        own = samples.rows[rows[i]]
        for j in range(len(own)):
            p, c = own[j], places[i, j]
            mean = f.dtype.type(0)
            for q in range(rule.n_kept):
                if buffers.admitted[i, j, q]:
                    s = int(choices.places[q, c])
                    gated = f[i] * gates[s, c]
                    slopes[s, p] += gated
                    steps[s, c] = gated * values[s, p]
                    mean += steps[s, c]
            if is_centred(rule):
                for s in range(len(steps)):
                    steps[s, c] -= gates[s, c] * mean
            for s in range(len(steps), len(values)):
                slopes[s, p] += f[i]
    through_gates(choices, rule, steps)


@kernel
def _sum_rows(samples, rows, buffers):
    """Write the slopes in the scores of patterns, sums of those of the rows."""
    router_slopes, noisy = buffers.router_slopes, buffers.noisy
    router_slopes[:] = 0
    for s in range(len(router_slopes)):
        for i in range(len(rows)):
            own = samples.rows[rows[i]]
            for j in range(len(own)):
                router_slopes[s, own[j]] += noisy.slopes[s, noisy.places[i, j]]


@kernel
def _sum_weights(rule, samples, rows, f, buffers):
    """Write the ``weights`` of patterns in experts."""
    weights, places = buffers.weights, buffers.choices.places
    weights[:] = 0
    for i in range(len(rows)):
        own = samples.rows[rows[i]]
        for j in range(len(own)):
            for q in range(rule.n_kept):
                if buffers.admitted[i, j, q]:
                    weights[int(places[q, own[j]]), own[j]] += f[i]
            for s in range(len(weights) - rule.n_shared, len(weights)):
                weights[s, own[j]] += f[i]


@kernel
def _add_load(network, samples, rows, steps, buffers):
    """Add the slopes of balance and z-loss, and move the bias; with noise, row by row."""
    one, load = network.z.dtype.type(1), buffers.load
    if len(steps.noise) > 0:
        choices = buffers.noisy.choices
        visits = buffers.noisy.visits[: len(rows) * samples.rows.shape[1]]
        count_choices(choices, visits, load)
        add_load_slopes(choices, visits, load, network.rule, steps, one, buffers.noisy.slopes)
    else:
        visits = buffers.visits
        visits[:] = 0
        for i in range(len(rows)):
            for j in range(samples.rows.shape[1]):
                visits[samples.rows[rows[i], j]] += 1
        count_choices(buffers.choices, visits, load)
        slopes = buffers.router_slopes
        add_load_slopes(buffers.choices, visits, load, network.rule, steps, one, slopes)
    move_bias(network.bias, load, steps.bias_rate)


@kernel
def _step(network, samples, rows, steps, buffers):
    f, rule = buffers.f[: len(rows)], network.rule
    number = f.dtype.type
    noisy = len(steps.noise) > 0
    first = buffers.visited[0]
    buffers.visited[0] += len(rows)
    if noisy:
        _noisy_outputs(network, samples, rows, steps.noise[first : first + len(rows)], buffers)
    else:
        _outputs(network, samples, rows, buffers)
    if not to_slopes(f, rows, samples.labels, steps.loss, number(network.scale)):
        return False
    if noisy:
        _write_noisy_slopes(rule, samples, rows, f, buffers)
    else:
        _sum_weights(rule, samples, rows, f, buffers)
        _write_slopes(rule, buffers)
    if uses_load(steps):
        _add_load(network, samples, rows, steps, buffers)
    if noisy:
        _sum_rows(samples, rows, buffers)
    renew(network, number(steps.learning_rate), buffers.slopes, buffers.values, buffers.change)
    move_routers(network, number(steps.router_rate), buffers.router_slopes, buffers.change)
    choose_by(network.scores, buffers.choices, rule, network.bias)
    return True


@kernel
def _buffers(network, samples, steps):
    n_experts, n_patterns = network.scores.shape
    n_patches, rule = samples.rows.shape[1], network.rule
    size, dtype = longest(steps.bounds), network.z.dtype
    shape = (n_experts + rule.n_shared, n_patterns)
    n_noisy = size if len(steps.noise) > 0 else 0
    places = np.arange(n_noisy * n_patches).astype(np.int32).reshape(n_noisy, n_patches)
    return _Buffers(
        np.empty(shape, dtype),
        np.empty(shape, dtype),
        np.empty((n_experts, n_patterns), dtype),
        np.empty(n_patterns, dtype),
        np.empty(shape, dtype),
        new_choices(n_experts, rule, n_patterns, network.z),
        np.empty((size, n_patches, rule.n_kept), np.bool_),
        _Noisy(
            new_choices(n_experts, rule, n_noisy * n_patches, network.z),
            places,
            np.ones(n_noisy * n_patches, np.int64),
            np.zeros((n_experts, width(n_noisy * n_patches, network.z)), dtype),
        ),
        np.zeros(n_patterns, np.int64),
        np.zeros(n_experts, np.int64),
        np.zeros(1, np.int64),
        np.empty(size, dtype),
    )


@kernel
def train_pattern_token(network, samples, steps, state):
    """Take one SGD step per batch, updating products and scores; see `descent.descend`."""
    buffers = _buffers(network, samples, steps)
    pattern_values(network.z, network.output, buffers.values, network.activation)
    choose_by(network.scores, buffers.choices, network.rule, network.bias)
    return descend(_step, _outputs, network, samples, steps, buffers, state)
