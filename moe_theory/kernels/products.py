"""The two matrix products of SGD on raw patches, written for the vector units.

Both read the patches where they lie in the table, four rows at a time against several units, so
that each number loaded serves several multiply-adds. On the small, thin matrices of these networks
that is faster than gathering the rows for BLAS, and bits cannot depend on a BLAS library or its
threads. Sums may be reordered for the vector units, but NaN and infinity keep their meaning.
"""

import numba

from moe_theory.kernels.jit import OPTIONS

vectorised = numba.njit(fastmath={"reassoc", "contract", "nsz"}, **OPTIONS)


@vectorised
def inner_products(table, picked, weights, out):
    """Write out[r, i] = ⟨weights[r], table[picked[i]]⟩, shape (u, R); further columns stay."""
    n_rows = len(picked)
    n_units, dim = weights.shape
    zero = table.dtype.type(0)
    for i in range(0, n_rows - n_rows % 4, 4):
        x0, x1 = table[picked[i]], table[picked[i + 1]]
        x2, x3 = table[picked[i + 2]], table[picked[i + 3]]
        for r in range(0, n_units - n_units % 4, 4):
            w0, w1, w2, w3 = weights[r], weights[r + 1], weights[r + 2], weights[r + 3]
            a00 = a01 = a02 = a03 = a10 = a11 = a12 = a13 = zero
            a20 = a21 = a22 = a23 = a30 = a31 = a32 = a33 = zero
            for q in range(dim):
                p0, p1, p2, p3 = x0[q], x1[q], x2[q], x3[q]
                v0, v1, v2, v3 = w0[q], w1[q], w2[q], w3[q]
                a00 += p0 * v0
                a01 += p0 * v1
                a02 += p0 * v2
                a03 += p0 * v3
                a10 += p1 * v0
                a11 += p1 * v1
                a12 += p1 * v2
                a13 += p1 * v3
                a20 += p2 * v0
                a21 += p2 * v1
                a22 += p2 * v2
                a23 += p2 * v3
                a30 += p3 * v0
                a31 += p3 * v1
                a32 += p3 * v2
                a33 += p3 * v3
            out[r, i], out[r, i + 1], out[r, i + 2], out[r, i + 3] = (
                a00, a10, a20, a30,
            )  # fmt: skip
            out[r + 1, i], out[r + 1, i + 1], out[r + 1, i + 2], out[r + 1, i + 3] = (
                a01, a11, a21, a31,
            )  # fmt: skip
            out[r + 2, i], out[r + 2, i + 1], out[r + 2, i + 2], out[r + 2, i + 3] = (
                a02, a12, a22, a32,
            )  # fmt: skip
            out[r + 3, i], out[r + 3, i + 1], out[r + 3, i + 2], out[r + 3, i + 3] = (
                a03, a13, a23, a33,
            )  # fmt: skip
        for r in range(n_units - n_units % 4, n_units):
            w0 = weights[r]
            a00 = a10 = a20 = a30 = zero
            for q in range(dim):
                v0 = w0[q]
                a00 += x0[q] * v0
                a10 += x1[q] * v0
                a20 += x2[q] * v0
                a30 += x3[q] * v0
            out[r, i], out[r, i + 1], out[r, i + 2], out[r, i + 3] = a00, a10, a20, a30
    for i in range(n_rows - n_rows % 4, n_rows):
        x0 = table[picked[i]]
        for r in range(n_units):
            w0 = weights[r]
            a00 = zero
            for q in range(dim):
                a00 += x0[q] * w0[q]
            out[r, i] = a00


@vectorised
def subtract_outer(table, picked, factors, weights):
    """Subtract Σ_i factors[r, i]·table[picked[i]] from weights[r], for every unit r, in place.

    Eight rows at a time, because each pass must wait for what the last one stored.
    """
    n_rows = len(picked)
    n_units, dim = weights.shape
    for i in range(0, n_rows - n_rows % 8, 8):
        x0, x1, x2, x3 = (
            table[picked[i]], table[picked[i + 1]], table[picked[i + 2]], table[picked[i + 3]],
        )  # fmt: skip
        x4, x5, x6, x7 = (
            table[picked[i + 4]], table[picked[i + 5]], table[picked[i + 6]], table[picked[i + 7]],
        )  # fmt: skip
        for r in range(0, n_units - n_units % 2, 2):
            s = r + 1
            a0, a1, a2, a3 = factors[r, i], factors[r, i + 1], factors[r, i + 2], factors[r, i + 3]
            a4, a5 = factors[r, i + 4], factors[r, i + 5]
            a6, a7 = factors[r, i + 6], factors[r, i + 7]
            b0, b1, b2, b3 = factors[s, i], factors[s, i + 1], factors[s, i + 2], factors[s, i + 3]
            b4, b5 = factors[s, i + 4], factors[s, i + 5]
            b6, b7 = factors[s, i + 6], factors[s, i + 7]
            w0, w1 = weights[r], weights[s]
            for q in range(dim):
                p0, p1, p2, p3 = x0[q], x1[q], x2[q], x3[q]
                p4, p5, p6, p7 = x4[q], x5[q], x6[q], x7[q]
                w0[q] -= (a0 * p0 + a1 * p1 + a2 * p2 + a3 * p3) + (
                    a4 * p4 + a5 * p5 + a6 * p6 + a7 * p7
                )
                w1[q] -= (b0 * p0 + b1 * p1 + b2 * p2 + b3 * p3) + (
                    b4 * p4 + b5 * p5 + b6 * p6 + b7 * p7
                )
        if n_units % 2:
            r = n_units - 1
            a0, a1, a2, a3 = factors[r, i], factors[r, i + 1], factors[r, i + 2], factors[r, i + 3]
            a4, a5 = factors[r, i + 4], factors[r, i + 5]
            a6, a7 = factors[r, i + 6], factors[r, i + 7]
            w0 = weights[r]
            for q in range(dim):
                w0[q] -= (a0 * x0[q] + a1 * x1[q] + a2 * x2[q] + a3 * x3[q]) + (
                    a4 * x4[q] + a5 * x5[q] + a6 * x6[q] + a7 * x7[q]
                )
    for i in range(n_rows - n_rows % 8, n_rows):
        x0 = table[picked[i]]
        for r in range(n_units):
            a0 = factors[r, i]
            w0 = weights[r]
            for q in range(dim):
                w0[q] -= a0 * x0[q]
