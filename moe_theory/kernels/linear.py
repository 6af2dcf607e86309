"""Linear algebra in a fixed order: every number is a chain of fused multiply-adds.

The loops that the compiler puts on the vector units run over independent sums, so their width
changes no bits.
"""

import math

import numpy as np

from moe_theory.kernels import elementary
from moe_theory.kernels.bits import fma
from moe_theory.kernels.jit import kernel


@kernel
def combine(factors, rows, out):
    """Write out[r] = Σ_i factors[r, i]·rows[i], added in the order of i, shape (R, d)."""
    n_terms, dim = rows.shape
    out[:] = 0
    for r in range(len(factors)):
        total = out[r]
        whole = n_terms - n_terms % 4
        for i in range(0, whole, 4):
            c0, c1, c2, c3 = factors[r, i], factors[r, i + 1], factors[r, i + 2], factors[r, i + 3]
            x0, x1, x2, x3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
            for q in range(dim):
                total[q] = fma(c3, x3[q], fma(c2, x2[q], fma(c1, x1[q], fma(c0, x0[q], total[q]))))
        for i in range(whole, n_terms):
            c, x = factors[r, i], rows[i]
            for q in range(dim):
                total[q] = fma(c, x[q], total[q])


@kernel
def orthonormalise(rows):
    """Replace the rows, in place, by the orthonormal ones that Gram and Schmidt make of them.

    Every row is freed of the earlier ones twice, which leaves only rounding.
    """
    n_rows, dim = rows.shape
    columns = np.empty((dim, n_rows))
    parts = np.empty(n_rows)
    for i in range(n_rows):
        row = rows[i]
        for _ in range(2):
            parts[:i] = 0
            for q in range(dim):
                value, column = row[q], columns[q]
                for j in range(i):
                    parts[j] = fma(value, column[j], parts[j])
            for j in range(i):
                part, earlier = -parts[j], rows[j]
                for q in range(dim):
                    row[q] = fma(part, earlier[q], row[q])
        square = 0.0
        for q in range(dim):
            square = fma(row[q], row[q], square)
        length = math.sqrt(square)
        for q in range(dim):
            row[q] /= length
            columns[q, i] = row[q]


@kernel
def add_squared_slopes(table, indices, bends, gates, output, shares, squares):
    """Add the mean over inputs of (∂f/∂w)² to ``squares`` (m, d), for the units of one expert.

    ``bends`` (m, P) holds φ′ of the units' pre-activations on the patterns, ``gates`` (N, n) what
    the expert gives each patch, ``output`` (m,) the output weights with the output's scale,
    ``shares`` (N,) the weight of each input.
    """
    n_samples, n_patches = indices.shape
    dim = table.shape[1]
    slope = np.empty(dim)
    for i in range(n_samples):
        for r in range(len(output)):
            slope[:] = 0
            for j in range(n_patches):
                p = indices[i, j]
                factor = bends[r, p] * gates[i, j]
                if factor != 0:
                    patch = table[p]
                    for q in range(dim):
                        slope[q] = fma(factor, patch[q], slope[q])
            total = squares[r]
            for q in range(dim):
                value = output[r] * slope[q]
                total[q] = fma(shares[i], value * value, total[q])


@kernel
def exp_all(values, out):
    """Write eˣ of every value."""
    for i in range(len(values)):
        out[i] = elementary.exp(values[i])


@kernel
def log_all(values, out):
    """Write the natural logarithm of every value."""
    for i in range(len(values)):
        out[i] = elementary.log(values[i])


@kernel
def log1p_all(values, out):
    """Write log(1 + x) of every value."""
    for i in range(len(values)):
        out[i] = elementary.log1p(values[i])
