"""Rounding of weights one column after the other, in a fixed order of sums."""

import math

import numpy as np

from moe_theory.kernels.bits import fma
from moe_theory.kernels.jit import kernel


@kernel
def inverse_factor(moments, factor):
    """Write the upper triangular U with UᵀU = M⁻¹, for a positive definite M of shape (d, d).

    M is read from its last row and column to the first: M = R Rᵀ with an upper triangular R, and
    U = R⁻¹. Return whether M was positive definite.
    """
    size = len(moments)
    root = np.zeros((size, size))
    for i in range(size - 1, -1, -1):
        for j in range(size - 1, i - 1, -1):
            total = moments[i, j]
            for q in range(j + 1, size):
                total = fma(-root[i, q], root[j, q], total)
            if j > i:
                root[i, j] = total / root[j, j]
            elif total > 0:
                root[i, i] = math.sqrt(total)
            else:
                return False
    factor[:] = 0
    for i in range(size - 1, -1, -1):
        factor[i, i] = 1.0
        row = factor[i]
        for j in range(i + 1, size):
            part, below = -root[i, j], factor[j]
            for q in range(j, size):
                row[q] = fma(part, below[q], row[q])
        for q in range(i, size):
            row[q] /= root[i, i]
    return True


@kernel
def round_columns(weights, low, step, top, factor, columns, out):
    """Round the ``columns`` from first to last one after another to a grid of each row.

    What a column loses, the later ones of ``weights`` (u, d) make up for as well as they can, by
    ``factor`` of `inverse_factor`; they change in place. ``low`` and ``step`` (u,) are the grids,
    whose last point is number ``top``.
    """
    first, last = columns
    for r in range(len(weights)):
        row = weights[r]
        for q in range(first, last):
            level = 0.0
            if step[r] > 0:
                level = min(max(np.rint((row[q] - low[r]) / step[r]), 0.0), top)
            out[r, q] = fma(level, step[r], low[r])
            lost, onto = -(row[q] - out[r, q]) / factor[q, q], factor[q]
            for j in range(q + 1, len(row)):
                row[j] = fma(lost, onto[j], row[j])
