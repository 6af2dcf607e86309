"""SGD on raw patches with routers and experts trained together through a softmax gate.

``indices`` (N, n) holds the dictionary row of each patch. Routing scores all n patches; an expert
touches only the l it keeps. The units of expert s are rows s·u to (s+1)·u of ``experts``, u = m/k.
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.routing import softmax, top_l
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED


@kernel
def _forward(
    table, indices, rows, experts, output, routers, scale, inputs, scores, picked, hidden,
    gates, values, f,
):  # fmt: skip
    """Fill ``f`` (B,) and what the backward pass needs.

    ``inputs`` (B·n,), the rows of all patches, and their ``scores`` (k, B·n); per expert the rows
    ``picked`` (k, B·l), pre-activations ``hidden`` (k, u, B·l), ``gates`` (k, B, l), and ``values``
    (k, B·l), what a patch would add to f at gate 1, before the scale.
    """
    n_patches = indices.shape[1]
    n_experts, _, n_routed = gates.shape
    n_units = len(output) // n_experts
    size = len(rows)
    kept = np.empty(n_routed, table.dtype)
    chosen = np.empty(n_routed, np.int64)
    f[:size] = 0
    for i in range(size):
        for j in range(n_patches):
            inputs[i * n_patches + j] = indices[rows[i], j]
    inner_products(table, inputs[: size * n_patches], routers, scores)
    for s in range(n_experts):
        z = hidden[s]
        first = s * n_units
        for i in range(size):
            top_l(scores[s, i * n_patches : (i + 1) * n_patches], chosen, kept)
            for j in range(n_routed):
                picked[s, i * n_routed + j] = inputs[i * n_patches + chosen[j]]
            softmax(kept, gates[s, i])
        weights = experts[first : first + n_units]
        inner_products(table, picked[s, : size * n_routed], weights, z)
        values[s, : size * n_routed] = 0
        for r in range(n_units):
            for row in range(size * n_routed):
                values[s, row] += output[first + r] * max(z[r, row], 0)
        for i in range(size):
            for j in range(n_routed):
                f[i] += gates[s, i, j] * values[s, i * n_routed + j]
    for i in range(size):
        f[i] *= scale


@kernel
def _buffers(table, indices, n_experts, n_routed, output, batch_size):
    n_patches = indices.shape[1]
    dtype = table.dtype
    return (
        np.empty(batch_size * n_patches, indices.dtype),
        np.empty((n_experts, batch_size * n_patches), dtype),
        np.empty((n_experts, batch_size * n_routed), indices.dtype),
        np.empty((n_experts, len(output) // n_experts, batch_size * n_routed), dtype),
        np.empty((n_experts, batch_size, n_routed), dtype),
        np.empty((n_experts, batch_size * n_routed), dtype),
        np.empty(batch_size, dtype),
    )


@kernel
def _first_failure(
    table, indices, labels, experts, output, routers, scale, cursor, loss, target, buffers
):
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples = indices.shape[0]
    f = buffers[6]
    rows = np.empty(len(f), np.int64)
    done = 0
    total = 0.0
    while done < n_samples:
        size = min(len(f), n_samples - done)
        for b in range(size):
            rows[b] = (cursor + done + b) % n_samples
        _forward(table, indices, rows[:size], experts, output, routers, scale, *buffers)
        for b in range(size):
            failed, total = fails(labels[rows[b]] * f[b], n_samples, loss, target, total)
            if failed:
                return rows[b]
        done += size
    return NEVER


@kernel
def train_joint(
    table, indices, labels, experts, output, routers, n_routed, scale, order, bounds,
    learning_rate, router_rate, loss, stop, target, state,
):  # fmt: skip
    """Take one SGD step per batch, updating ``experts`` and ``routers`` in place.

    Arguments, state and return value as for `fixed.train_fixed`.
    """
    n_samples = indices.shape[0]
    n_experts = len(routers)
    n_units = len(output) // n_experts
    number = table.dtype.type
    factor = number(scale)
    zero = number(0)
    rate = number(learning_rate)
    gate_rate = number(router_rate)
    batch_size = 0
    for t in range(len(bounds) - 1):
        batch_size = max(batch_size, bounds[t + 1] - bounds[t])
    buffers = _buffers(table, indices, n_experts, n_routed, output, batch_size)
    _, _, picked, hidden, gates, values, f = buffers
    gated = np.empty(batch_size * n_routed, table.dtype)
    gate_slopes = np.empty((1, batch_size * n_routed), table.dtype)
    for t in range(len(bounds) - 1):
        rows = order[bounds[t] : bounds[t + 1]]
        size = len(rows)
        _forward(table, indices, rows, experts, output, routers, factor, *buffers)
        for i in range(size):
            if not math.isfinite(f[i]):
                return False
            y = number(labels[rows[i]])
            f[i] = number(loss_slope(y * f[i], loss)) * y * factor / number(size)
        for s in range(n_experts):
            z = hidden[s]
            first = s * n_units
            for i in range(size):
                mean = zero
                for j in range(n_routed):
                    mean += gates[s, i, j] * values[s, i * n_routed + j]
                for j in range(n_routed):
                    row = i * n_routed + j
                    gated[row] = f[i] * gates[s, i, j]
                    gate_slopes[0, row] = gate_rate * gated[row] * (values[s, row] - mean)
            for r in range(n_units):
                step = rate * output[first + r]
                for row in range(size * n_routed):
                    z[r, row] = step * gated[row] if z[r, row] > 0 else zero
            own = picked[s, : size * n_routed]
            subtract_outer(table, own, z, experts[first : first + n_units])
            subtract_outer(table, own, gate_slopes, routers[s : s + 1])
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(
                    table, indices, labels, experts, output, routers, factor, state[CURSOR], loss,
                    -1.0, buffers,
                )  # fmt: skip
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(
                    table, indices, labels, experts, output, routers, factor, state[CURSOR], loss,
                    target, buffers,
                )  # fmt: skip
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
