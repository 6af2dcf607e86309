"""The two matrix products of SGD on raw patches, in an order of sums that the code fixes.

Both read the patches where they lie in the table, several rows at a time against several units, so
that each number loaded serves several multiply-adds. On the small, thin matrices of these networks
that is faster than gathering the rows for BLAS. How many rows and units are taken together changes
no bit: an inner product adds every eighth number (in double precision every fourth) by fused
multiply-adds, then these sums in pairs; a sum over rows adds them one after another.

Rows of ``table`` and ``weights`` hold whole vectors, see `training.inputs.padded`.
"""

from moe_theory.kernels.jit import inlined, kernel
from moe_theory.kernels.vectors import (
    broadcast,
    lane_sum,
    lanes_of,
    load,
    multiply_add,
    store,
    store_lane_sums,
    subtract,
    zeros_like,
)


@kernel
def inner_products(table, picked, weights, out):
    """Write out[r, i] = ⟨weights[r], table[picked[i]]⟩, shape (u, R); further columns stay."""
    n_rows, n_units = len(picked), len(weights)
    if n_rows < 4:
        _few_products(table, picked, weights, out)
        return
    for start in range(0, n_rows, 4):
        # The last four rows overlap those before: they are computed twice, with the same bits.
        i = min(start, n_rows - 4)
        r = 0
        # Units in threes and twos, as 5 = 3 + 2 and 7 = 3 + 2 + 2; one alone is the slowest.
        while n_units - r == 3 or n_units - r > 4:
            _three_units(table, picked, weights, out, r, i)
            r += 3
        while n_units - r > 1:
            _two_units(table, picked, weights, out, r, i)
            r += 2
        if r < n_units:
            _one_unit(table, picked, weights, out, r, i)


@inlined
def _three_units(table, picked, weights, out, r, i):
    x0, x1, x2, x3 = picked[i], picked[i + 1], picked[i + 2], picked[i + 3]
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = c0 = c1 = c2 = c3 = zeros_like(table)
    for q in range(0, table.shape[1], lanes_of(table)):
        w0, w1, w2 = load(weights, r, q), load(weights, r + 1, q), load(weights, r + 2, q)
        x = load(table, x0, q)
        a0, b0, c0 = multiply_add(x, w0, a0), multiply_add(x, w1, b0), multiply_add(x, w2, c0)
        x = load(table, x1, q)
        a1, b1, c1 = multiply_add(x, w0, a1), multiply_add(x, w1, b1), multiply_add(x, w2, c1)
        x = load(table, x2, q)
        a2, b2, c2 = multiply_add(x, w0, a2), multiply_add(x, w1, b2), multiply_add(x, w2, c2)
        x = load(table, x3, q)
        a3, b3, c3 = multiply_add(x, w0, a3), multiply_add(x, w1, b3), multiply_add(x, w2, c3)
    store_lane_sums(out, r, i, a0, a1, a2, a3)
    store_lane_sums(out, r + 1, i, b0, b1, b2, b3)
    store_lane_sums(out, r + 2, i, c0, c1, c2, c3)


@inlined
def _two_units(table, picked, weights, out, r, i):
    x0, x1, x2, x3 = picked[i], picked[i + 1], picked[i + 2], picked[i + 3]
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zeros_like(table)
    for q in range(0, table.shape[1], lanes_of(table)):
        w0, w1 = load(weights, r, q), load(weights, r + 1, q)
        x = load(table, x0, q)
        a0, b0 = multiply_add(x, w0, a0), multiply_add(x, w1, b0)
        x = load(table, x1, q)
        a1, b1 = multiply_add(x, w0, a1), multiply_add(x, w1, b1)
        x = load(table, x2, q)
        a2, b2 = multiply_add(x, w0, a2), multiply_add(x, w1, b2)
        x = load(table, x3, q)
        a3, b3 = multiply_add(x, w0, a3), multiply_add(x, w1, b3)
    store_lane_sums(out, r, i, a0, a1, a2, a3)
    store_lane_sums(out, r + 1, i, b0, b1, b2, b3)


@inlined
def _one_unit(table, picked, weights, out, r, i):
    x0, x1, x2, x3 = picked[i], picked[i + 1], picked[i + 2], picked[i + 3]
    a0 = a1 = a2 = a3 = zeros_like(table)
    for q in range(0, table.shape[1], lanes_of(table)):
        w = load(weights, r, q)
        a0, a1 = multiply_add(load(table, x0, q), w, a0), multiply_add(load(table, x1, q), w, a1)
        a2, a3 = multiply_add(load(table, x2, q), w, a2), multiply_add(load(table, x3, q), w, a3)
    store_lane_sums(out, r, i, a0, a1, a2, a3)


@inlined
def _few_products(table, picked, weights, out):
    for i in range(len(picked)):
        for r in range(len(weights)):
            a = zeros_like(table)
            for q in range(0, table.shape[1], lanes_of(table)):
                a = multiply_add(load(table, picked[i], q), load(weights, r, q), a)
            out[r, i] = lane_sum(a)


@kernel
def subtract_outer(table, picked, factors, weights):
    """Subtract Σ_i factors[r, i]·table[picked[i]] from weights[r], for every unit r, in place."""
    n_units, dim = weights.shape
    lanes = lanes_of(table)
    for q in range(0, dim - lanes, 2 * lanes):
        r = 0
        while r < n_units:
            left = n_units - r
            if left % 4 == 0 or left == 6:
                _four_by_two(table, picked, factors, weights, r, q)
                r += 4
            elif left >= 5:
                _five_by_two(table, picked, factors, weights, r, q)
                r += 5
            else:
                _one_by_two(table, picked, factors, weights, r, q)
                r += 1
    if dim // lanes % 2:
        for r in range(n_units):
            _one_by_one(table, picked, factors, weights, r, dim - lanes)


@inlined
def _five_by_two(table, picked, factors, weights, r, q):
    second = q + lanes_of(table)
    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = zeros_like(table)
    for i in range(len(picked)):
        row = picked[i]
        x, y = load(table, row, q), load(table, row, second)
        g = broadcast(factors[r, i])
        a0, b0 = multiply_add(x, g, a0), multiply_add(y, g, b0)
        g = broadcast(factors[r + 1, i])
        a1, b1 = multiply_add(x, g, a1), multiply_add(y, g, b1)
        g = broadcast(factors[r + 2, i])
        a2, b2 = multiply_add(x, g, a2), multiply_add(y, g, b2)
        g = broadcast(factors[r + 3, i])
        a3, b3 = multiply_add(x, g, a3), multiply_add(y, g, b3)
        g = broadcast(factors[r + 4, i])
        a4, b4 = multiply_add(x, g, a4), multiply_add(y, g, b4)
    _subtract_pair(weights, r, q, a0, b0)
    _subtract_pair(weights, r + 1, q, a1, b1)
    _subtract_pair(weights, r + 2, q, a2, b2)
    _subtract_pair(weights, r + 3, q, a3, b3)
    _subtract_pair(weights, r + 4, q, a4, b4)


@inlined
def _four_by_two(table, picked, factors, weights, r, q):
    second = q + lanes_of(table)
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zeros_like(table)
    for i in range(len(picked)):
        row = picked[i]
        x, y = load(table, row, q), load(table, row, second)
        g = broadcast(factors[r, i])
        a0, b0 = multiply_add(x, g, a0), multiply_add(y, g, b0)
        g = broadcast(factors[r + 1, i])
        a1, b1 = multiply_add(x, g, a1), multiply_add(y, g, b1)
        g = broadcast(factors[r + 2, i])
        a2, b2 = multiply_add(x, g, a2), multiply_add(y, g, b2)
        g = broadcast(factors[r + 3, i])
        a3, b3 = multiply_add(x, g, a3), multiply_add(y, g, b3)
    _subtract_pair(weights, r, q, a0, b0)
    _subtract_pair(weights, r + 1, q, a1, b1)
    _subtract_pair(weights, r + 2, q, a2, b2)
    _subtract_pair(weights, r + 3, q, a3, b3)


@inlined
def _one_by_two(table, picked, factors, weights, r, q):
    second = q + lanes_of(table)
    a = b = zeros_like(table)
    for i in range(len(picked)):
        row = picked[i]
        g = broadcast(factors[r, i])
        a, b = multiply_add(load(table, row, q), g, a), multiply_add(load(table, row, second), g, b)
    _subtract_pair(weights, r, q, a, b)


@inlined
def _one_by_one(table, picked, factors, weights, r, q):
    a = zeros_like(table)
    for i in range(len(picked)):
        a = multiply_add(load(table, picked[i], q), broadcast(factors[r, i]), a)
    store(weights, r, q, subtract(load(weights, r, q), a))


@inlined
def _subtract_pair(weights, r, q, a, b):
    second = q + lanes_of(weights)
    store(weights, r, q, subtract(load(weights, r, q), a))
    store(weights, r, second, subtract(load(weights, r, second), b))
