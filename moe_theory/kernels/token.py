"""SGD on raw patches where patches choose experts, routers and experts trained together.

``indices`` (N, n) holds the dictionary row of each patch. All k experts score all n patches; an
expert touches only those that chose it and for which it has room. The units of expert s are rows
s·u to (s+1)·u of ``experts``, u = m/k. A *row* is a patch of the batch, i·n + j.
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED
from moe_theory.kernels.token_routing import admit, choose_experts


@kernel
def _forward(
    table, indices, rows, experts, output, routers, scale, capacity, by_score, inputs, scores,
    chosen, chosen_scores, gates, kept, counts, taken, picked, hidden, values, means, f,
):  # fmt: skip
    """Fill ``f`` (B,) and what the backward pass needs.

    ``inputs`` (B·n,) of all patches, their ``scores`` (k, B·n), ``chosen`` experts, ``gates``
    (B·n, k) and ``kept`` choices. Per expert the number ``counts`` (k,) of patches that it takes,
    their rows ``taken`` and table rows ``picked``, pre-activations ``hidden`` (u, ·), and
    ``values``, what a patch would add to f at gate 1, before the scale. ``means`` (B·n,) holds
    what a patch adds with its gates.
    """
    n_patches = indices.shape[1]
    n_experts = len(routers)
    n_units = len(output) // n_experts
    size = len(rows)
    n_rows = size * n_patches
    for i in range(size):
        for j in range(n_patches):
            inputs[i * n_patches + j] = indices[rows[i], j]
    inner_products(table, inputs[:n_rows], routers, scores)
    choose_experts(scores, chosen[:n_rows], chosen_scores[:n_rows], gates[:n_rows])
    places = np.arange(n_patches)
    for i in range(size):
        own = slice(i * n_patches, (i + 1) * n_patches)
        admit(places, chosen[own], chosen_scores[own], n_experts, capacity, by_score, kept[own])
    counts[:] = 0
    for row in range(n_rows):
        for q in range(kept.shape[1]):
            if kept[row, q]:
                s = chosen[row, q]
                taken[s, counts[s]] = row
                picked[s, counts[s]] = inputs[row]
                counts[s] += 1
    means[:n_rows] = 0
    for s in range(n_experts):
        n_own = counts[s]
        first = s * n_units
        z = hidden[s]
        inner_products(table, picked[s, :n_own], experts[first : first + n_units], z)
        values[s, :n_own] = 0
        for r in range(n_units):
            for place in range(n_own):
                values[s, place] += output[first + r] * max(z[r, place], 0)
        for place in range(n_own):
            row = taken[s, place]
            means[row] += gates[row, s] * values[s, place]
    for i in range(size):
        f[i] = 0
        for j in range(n_patches):
            f[i] += means[i * n_patches + j]
        f[i] *= scale


@kernel
def _buffers(table, indices, n_experts, n_chosen, output, batch_size):
    n_rows = batch_size * indices.shape[1]
    dtype = table.dtype
    return (
        np.empty(n_rows, indices.dtype),
        np.empty((n_experts, n_rows), dtype),
        np.empty((n_rows, n_chosen), np.int64),
        np.empty((n_rows, n_chosen), dtype),
        np.empty((n_rows, n_experts), dtype),
        np.empty((n_rows, n_chosen), np.bool_),
        np.empty(n_experts, np.int64),
        np.empty((n_experts, n_rows), np.int64),
        np.empty((n_experts, n_rows), indices.dtype),
        np.empty((n_experts, len(output) // n_experts, n_rows), dtype),
        np.empty((n_experts, n_rows), dtype),
        np.empty(n_rows, dtype),
        np.empty(batch_size, dtype),
    )


@kernel
def _first_failure(
    table, indices, labels, experts, output, routers, scale, capacity, by_score, cursor, loss,
    target, buffers,
):  # fmt: skip
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples = indices.shape[0]
    f = buffers[12]
    rows = np.empty(len(f), np.int64)
    done = 0
    total = 0.0
    while done < n_samples:
        size = min(len(f), n_samples - done)
        for b in range(size):
            rows[b] = (cursor + done + b) % n_samples
        _forward(
            table, indices, rows[:size], experts, output, routers, scale, capacity, by_score,
            *buffers,
        )  # fmt: skip
        for b in range(size):
            failed, total = fails(labels[rows[b]] * f[b], n_samples, loss, target, total)
            if failed:
                return rows[b]
        done += size
    return NEVER


@kernel
def train_token(
    table, indices, labels, experts, output, routers, n_chosen, capacity, by_score, scale, order,
    bounds, learning_rate, router_rate, loss, stop, target, state,
):  # fmt: skip
    """Take one SGD step per batch, updating ``experts`` and ``routers`` in place.

    ``capacity`` and ``by_score`` as for `token_routing.admit`; the other arguments, state and
    return value as for `fixed.train_fixed`.
    """
    n_samples, n_patches = indices.shape
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
    buffers = _buffers(table, indices, n_experts, n_chosen, output, batch_size)
    inputs, _, _, _, gates, _, counts, taken, picked, hidden, values, means, f = buffers
    gated = np.empty((n_experts, batch_size * n_patches), table.dtype)
    gate_slopes = np.empty((n_experts, batch_size * n_patches), table.dtype)
    for t in range(len(bounds) - 1):
        rows = order[bounds[t] : bounds[t + 1]]
        size = len(rows)
        _forward(
            table, indices, rows, experts, output, routers, factor, capacity, by_score, *buffers
        )
        for i in range(size):
            if not math.isfinite(f[i]):
                return False
            y = number(labels[rows[i]])
            f[i] = number(loss_slope(y * f[i], loss)) * y * factor / number(size)
        for s in range(n_experts):
            for i in range(size):
                for row in range(i * n_patches, (i + 1) * n_patches):
                    gated[s, row] = f[i] * gates[row, s]
                    gate_slopes[s, row] = -gate_rate * gated[s, row] * means[row]
            for place in range(counts[s]):
                row = taken[s, place]
                lead = values[s, place] - means[row]
                gate_slopes[s, row] = gate_rate * gated[s, row] * lead
            z = hidden[s]
            first = s * n_units
            for r in range(n_units):
                step = rate * output[first + r]
                for place in range(counts[s]):
                    slope = step * gated[s, taken[s, place]]
                    z[r, place] = slope if z[r, place] > 0 else zero
            weights = experts[first : first + n_units]
            subtract_outer(table, picked[s, : counts[s]], z, weights)
        subtract_outer(table, inputs[: size * n_patches], gate_slopes, routers)
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(
                    table, indices, labels, experts, output, routers, factor, capacity, by_score,
                    state[CURSOR], loss, -1.0, buffers,
                )  # fmt: skip
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(
                    table, indices, labels, experts, output, routers, factor, capacity, by_score,
                    state[CURSOR], loss, target, buffers,
                )  # fmt: skip
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
