"""SGD on raw patches where routing is fixed: dense and separately trained networks.

``routed`` (N, k, l) holds the dictionary rows of the patches that each expert receives; a dense
network is one expert that receives all n. The units of expert s are rows s·u to (s+1)·u of
``experts``, u = m/k.
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED


@kernel
def _forward(table, routed, rows, experts, output, scale, picked, hidden, f):
    """Fill ``f`` (B,), and per expert rows ``picked`` and pre-activations ``hidden`` (u, B·l)."""
    _, n_experts, n_routed = routed.shape
    n_units = len(output) // n_experts
    size = len(rows)
    values = np.empty(size * n_routed, table.dtype)
    f[:size] = 0
    for s in range(n_experts):
        z = hidden[s]
        first = s * n_units
        for i in range(size):
            for j in range(n_routed):
                picked[s, i * n_routed + j] = routed[rows[i], s, j]
        own = picked[s, : size * n_routed]
        inner_products(table, own, experts[first : first + n_units], z)
        values[:] = 0
        for r in range(n_units):
            for row in range(size * n_routed):
                values[row] += output[first + r] * max(z[r, row], 0)
        for i in range(size):
            for j in range(n_routed):
                f[i] += values[i * n_routed + j]
    for i in range(size):
        f[i] *= scale


@kernel
def _buffers(table, routed, output, batch_size):
    _, n_experts, n_routed = routed.shape
    picked = np.empty((n_experts, batch_size * n_routed), routed.dtype)
    hidden = np.empty((n_experts, len(output) // n_experts, batch_size * n_routed), table.dtype)
    return picked, hidden, np.empty(batch_size, table.dtype)


@kernel
def _first_failure(
    table, routed, labels, experts, output, scale, cursor, loss, target, picked, hidden, f
):
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples = routed.shape[0]
    chunk = len(f)
    rows = np.empty(chunk, np.int64)
    done = 0
    total = 0.0
    while done < n_samples:
        size = min(chunk, n_samples - done)
        for b in range(size):
            rows[b] = (cursor + done + b) % n_samples
        _forward(table, routed, rows[:size], experts, output, scale, picked, hidden, f)
        for b in range(size):
            failed, total = fails(labels[rows[b]] * f[b], n_samples, loss, target, total)
            if failed:
                return rows[b]
        done += size
    return NEVER


@kernel
def train_fixed(
    table,
    routed,
    labels,
    experts,
    output,
    scale,
    order,
    bounds,
    learning_rate,
    loss,
    stop,
    target,
    state,
):
    """Take one SGD step per batch, updating ``experts`` in place; return whether f stayed finite.

    Batch t is order[bounds[t]:bounds[t+1]], and an epoch ends where bounds[t+1] is a multiple
    of N. ``state`` carries over calls, see `kernels.state`, and counts the steps taken: training
    ends early where f is not finite, at zero training error if ``stop``, and where the mean
    training loss is at most ``target``, if that is not negative.
    """
    n_samples, n_experts, n_routed = routed.shape
    n_units = len(output) // n_experts
    number = table.dtype.type
    factor = number(scale)
    rate = number(learning_rate)
    zero = number(0)
    batch_size = 0
    for t in range(len(bounds) - 1):
        batch_size = max(batch_size, bounds[t + 1] - bounds[t])
    picked, hidden, f = _buffers(table, routed, output, batch_size)
    slopes = np.empty(batch_size * n_routed, table.dtype)
    for t in range(len(bounds) - 1):
        rows = order[bounds[t] : bounds[t + 1]]
        size = len(rows)
        _forward(table, routed, rows, experts, output, factor, picked, hidden, f)
        for i in range(size):
            if not math.isfinite(f[i]):
                return False
            y = number(labels[rows[i]])
            f[i] = number(loss_slope(y * f[i], loss)) * y * factor / number(size) * rate
        for s in range(n_experts):
            z = hidden[s]
            first = s * n_units
            for i in range(size):
                for j in range(n_routed):
                    slopes[i * n_routed + j] = f[i]
            for r in range(n_units):
                for row in range(size * n_routed):
                    z[r, row] = slopes[row] * output[first + r] if z[r, row] > 0 else zero
            weights = experts[first : first + n_units]
            subtract_outer(table, picked[s, : size * n_routed], z, weights)
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(
                    table, routed, labels, experts, output, factor, state[CURSOR], loss, -1.0,
                    picked, hidden, f,
                )  # fmt: skip
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(
                    table, routed, labels, experts, output, factor, state[CURSOR], loss, target,
                    picked, hidden, f,
                )  # fmt: skip
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
