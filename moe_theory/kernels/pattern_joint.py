"""SGD in pattern space with routers and experts trained together through a softmax gate.

As `kernels.pattern_fixed`, with the scores S_sp = ⟨w_s, pattern_p⟩ of the routers as further
state. The arithmetic is that of `kernels.joint` up to rounding. Source: dossier §6 [D].
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.pattern_fixed import pattern_values
from moe_theory.kernels.pattern_gram import move_products
from moe_theory.kernels.routing import softmax, top_l
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED


@kernel
def _route_and_pool(patterns, scores, values, own, kept, chosen, gates):
    """Route one input and return f before the scale.

    ``patterns`` (n,) of the input. Writes ``chosen`` (k, l), the patterns that each expert
    receives, and ``gates`` (k, l).
    """
    n_experts, n_routed = chosen.shape
    f = values.dtype.type(0)
    for s in range(n_experts):
        for j in range(len(patterns)):
            own[j] = scores[s, patterns[j]]
        top_l(own, chosen[s], kept)
        for j in range(n_routed):
            chosen[s, j] = patterns[chosen[s, j]]
        softmax(kept, gates[s])
        for j in range(n_routed):
            f += gates[s, j] * values[s, chosen[s, j]]
    return f


@kernel
def _buffers(values, n_patches, n_routed):
    dtype = values.dtype
    shape = (len(values), n_routed)
    return (
        np.empty(n_patches, dtype),
        np.empty(n_routed, dtype),
        np.empty(shape, np.int64),
        np.empty(shape, dtype),
    )


@kernel
def outputs_pattern_joint(values, scores, indices, n_routed, scale):
    """Return f of every input, shape (N,)."""
    n_samples, n_patches = indices.shape
    factor = values.dtype.type(scale)
    own, kept, chosen, gates = _buffers(values, n_patches, n_routed)
    out = np.empty(n_samples, values.dtype)
    for i in range(n_samples):
        f = _route_and_pool(indices[i], scores, values, own, kept, chosen, gates)
        out[i] = factor * f
    return out


@kernel
def _first_failure(values, scores, indices, labels, scale, cursor, loss, target, buffers):
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples = len(labels)
    total = 0.0
    for offset in range(n_samples):
        i = (cursor + offset) % n_samples
        f = scale * _route_and_pool(indices[i], scores, values, *buffers)
        failed, total = fails(labels[i] * f, n_samples, loss, target, total)
        if failed:
            return i
    return NEVER


@kernel
def train_pattern_joint(
    z, scores, coefficients, router_coefficients, gram_start, gram_column, gram_value, indices,
    labels, output, n_routed, scale, order, bounds, learning_rate, router_rate, loss, stop, target,
    state,
):  # fmt: skip
    """Take one SGD step per batch, updating ``z`` (m, P) and ``scores`` (k, P) in place.

    ``coefficients`` (m, P), ``router_coefficients`` (k, P) and the Gram matrix as for
    `pattern_fixed.train_pattern_fixed`; the rest as for `joint.train_joint`.
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
    slopes = np.empty((n_experts, n_patterns), z.dtype)
    gate_slopes = np.empty((n_experts, n_patterns), z.dtype)
    masked = np.empty(n_patterns, z.dtype)
    buffers = _buffers(values, n_patches, n_routed)
    _, _, chosen, gates = buffers
    pattern_values(z, output, values)
    for t in range(len(bounds) - 1):
        slopes[:] = 0
        gate_slopes[:] = 0
        size = number(bounds[t + 1] - bounds[t])
        for b in range(bounds[t], bounds[t + 1]):
            i = order[b]
            f = factor * _route_and_pool(indices[i], scores, values, *buffers)
            if not math.isfinite(f):
                return False
            y = number(labels[i])
            slope = number(loss_slope(y * f, loss)) * y * factor / size
            for s in range(n_experts):
                mean = zero
                for j in range(n_routed):
                    mean += gates[s, j] * values[s, chosen[s, j]]
                for j in range(n_routed):
                    p = chosen[s, j]
                    gated = slope * gates[s, j]
                    slopes[s, p] += gated
                    gate_slopes[s, p] += gated * (values[s, p] - mean)
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
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(
                    values, scores, indices, labels, factor, state[CURSOR], loss, -1.0, buffers
                )
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(
                    values, scores, indices, labels, factor, state[CURSOR], loss, target, buffers
                )
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
