"""SGD in pattern space where patches choose experts, routers and experts trained together.

As `kernels.pattern_joint`. Which experts a patch chooses, and its gates, depend on its pattern
alone, so that they are found once per pattern and step; only who finds room depends on the input.
The arithmetic is that of `kernels.token` up to rounding. Source: dossier §6 [D].
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.pattern_fixed import pattern_values
from moe_theory.kernels.pattern_gram import move_products
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED
from moe_theory.kernels.token_routing import admit, choose_experts


@kernel
def _admit_and_pool(patterns, values, chosen, chosen_scores, gates, capacity, by_score, kept):
    """Find room for the patches of one input, write ``kept`` (n, c); return f before the scale."""
    admit(patterns, chosen, chosen_scores, len(values), capacity, by_score, kept)
    f = values.dtype.type(0)
    for j in range(len(patterns)):
        p = patterns[j]
        for q in range(kept.shape[1]):
            if kept[j, q]:
                s = chosen[p, q]
                f += gates[p, s] * values[s, p]
    return f


@kernel
def _choice_buffers(values, n_chosen):
    n_experts, n_patterns = values.shape
    return (
        np.empty((n_patterns, n_chosen), np.int64),
        np.empty((n_patterns, n_chosen), values.dtype),
        np.empty((n_patterns, n_experts), values.dtype),
    )


@kernel
def outputs_pattern_token(values, scores, indices, n_chosen, capacity, by_score, scale):
    """Return f of every input, shape (N,)."""
    n_samples, n_patches = indices.shape
    factor = values.dtype.type(scale)
    choices = _choice_buffers(values, n_chosen)
    choose_experts(scores, *choices)
    kept = np.empty((n_patches, n_chosen), np.bool_)
    out = np.empty(n_samples, values.dtype)
    for i in range(n_samples):
        out[i] = factor * _admit_and_pool(indices[i], values, *choices, capacity, by_score, kept)
    return out


@kernel
def _first_failure(
    values, choices, indices, labels, capacity, by_score, scale, cursor, loss, target, kept
):
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples = len(labels)
    total = 0.0
    for offset in range(n_samples):
        i = (cursor + offset) % n_samples
        f = scale * _admit_and_pool(indices[i], values, *choices, capacity, by_score, kept)
        failed, total = fails(labels[i] * f, n_samples, loss, target, total)
        if failed:
            return i
    return NEVER


@kernel
def _slopes(weights, values, gates, slopes, gate_slopes):
    """Write the slopes in h_sp and in the scores, each (k, P).

    ``weights`` (k, P) sums the slopes of f over the patches of pattern p that expert s takes.
    """
    n_experts, n_patterns = values.shape
    for p in range(n_patterns):
        mean = values.dtype.type(0)
        for s in range(n_experts):
            slopes[s, p] = weights[s, p] * gates[p, s]
            mean += slopes[s, p] * values[s, p]
        for s in range(n_experts):
            gate_slopes[s, p] = slopes[s, p] * values[s, p] - gates[p, s] * mean


@kernel
def train_pattern_token(
    z, scores, coefficients, router_coefficients, gram_start, gram_column, gram_value, indices,
    labels, output, n_chosen, capacity, by_score, scale, order, bounds, learning_rate, router_rate,
    loss, stop, target, state,
):  # fmt: skip
    """Take one SGD step per batch, updating ``z`` (m, P) and ``scores`` (k, P) in place.

    ``coefficients`` (m, P), ``router_coefficients`` (k, P) and the Gram matrix as for
    `pattern_fixed.train_pattern_fixed`; the rest as for `token.train_token`.
    """
    n_samples, n_patches = indices.shape
    n_experts, n_patterns = scores.shape
    n_units = len(output) // n_experts
    number = z.dtype.type
    zero = number(0)
    factor = number(scale)
    rate = number(learning_rate)
    gate_rate = number(router_rate)
    values = np.empty((n_experts, n_patterns), z.dtype)
    weights = np.empty((n_experts, n_patterns), z.dtype)
    slopes = np.empty((n_experts, n_patterns), z.dtype)
    gate_slopes = np.empty((n_experts, n_patterns), z.dtype)
    masked = np.empty(n_patterns, z.dtype)
    kept = np.empty((n_patches, n_chosen), np.bool_)
    choices = _choice_buffers(values, n_chosen)
    chosen, _, gates = choices
    pattern_values(z, output, values)
    choose_experts(scores, *choices)
    for t in range(len(bounds) - 1):
        weights[:] = 0
        size = number(bounds[t + 1] - bounds[t])
        for b in range(bounds[t], bounds[t + 1]):
            i = order[b]
            f = factor * _admit_and_pool(indices[i], values, *choices, capacity, by_score, kept)
            if not math.isfinite(f):
                return False
            y = number(labels[i])
            slope = number(loss_slope(y * f, loss)) * y * factor / size
            for j in range(n_patches):
                for q in range(n_chosen):
                    if kept[j, q]:
                        weights[chosen[indices[i, j], q], indices[i, j]] += slope
        _slopes(weights, values, gates, slopes, gate_slopes)
        for s in range(n_experts):
            for r in range(s * n_units, (s + 1) * n_units):
                for p in range(n_patterns):
                    masked[p] = slopes[s, p] if z[r, p] > 0 else zero
                move_products(
                    -rate * output[r], masked, coefficients[r] if len(gram_start) else masked,
                    gram_start, gram_column, gram_value, z[r],
                )  # fmt: skip
            move_products(
                -gate_rate, gate_slopes[s], router_coefficients[s] if len(gram_start) else masked,
                gram_start, gram_column, gram_value, scores[s],
            )  # fmt: skip
        pattern_values(z, output, values)
        choose_experts(scores, *choices)
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(
                    values, choices, indices, labels, capacity, by_score, factor, state[CURSOR],
                    loss, -1.0, kept,
                )  # fmt: skip
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(
                    values, choices, indices, labels, capacity, by_score, factor, state[CURSOR],
                    loss, target, kept,
                )  # fmt: skip
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
