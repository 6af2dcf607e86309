"""What hidden units add, and how they move: φ is the ReLU, z³ or z.

Which one it is, is asked outside of the loops over rows and patterns.
"""

import math

import numpy as np

from moe_theory.kernels.bits import fma
from moe_theory.kernels.codes import CUBIC, RELU
from moe_theory.kernels.jit import kernel
from moe_theory.kernels.products import subtract_outer


@kernel
def add_units(z, output, n_rows, values, activation):
    """Write what the units of an expert add on each of its rows, Σ_r a_r φ(z_r)."""
    zero = values.dtype.type(0)
    values[:n_rows] = 0
    for r in range(len(output)):
        a = output[r]
        if activation == RELU:
            for row in range(n_rows):
                h = z[r, row]
                values[row] += a * (h if h > zero else zero)
        elif activation == CUBIC:
            for row in range(n_rows):
                h = z[r, row]
                values[row] += a * (h * h * h)
        else:
            for row in range(n_rows):
                values[row] += a * z[r, row]


@kernel
def unit_slopes(slopes, output, n_rows, z, activation):
    """Turn pre-activations into the steps of their units, given those of the rows."""
    zero, three = z.dtype.type(0), z.dtype.type(3)
    for r in range(len(output)):
        a = output[r]
        if activation == RELU:
            for row in range(n_rows):
                slope = slopes[row] * a
                z[r, row] = slope if z[r, row] > zero else zero
        elif activation == CUBIC:
            for row in range(n_rows):
                h = z[r, row]
                z[r, row] = slopes[row] * a * (three * h * h)
        else:
            for row in range(n_rows):
                z[r, row] = slopes[row] * a


@kernel
def move_expert(table, picked, factors, weights, rate, change):
    """Step an expert down its gradient, Σ_i factors[r, i]·table[picked[i]], at unit length.

    ``change`` has the shape of ``weights`` (u, d); a gradient of zeros moves nothing.
    """
    change[:] = 0
    subtract_outer(table, picked, factors, change)
    length = frobenius(change)
    if length != 0.0:
        number = weights.dtype.type
        for r in range(len(weights)):
            for q in range(weights.shape[1]):
                weights[r, q] += number(rate * (np.float64(change[r, q]) / length))


@kernel
def frobenius(matrix):
    """Return the Frobenius norm, in double precision, without overflow of squares."""
    largest, zero = 0.0, True
    for r in range(len(matrix)):
        for q in range(matrix.shape[1]):
            size = abs(np.float64(matrix[r, q]))
            zero = zero and size == 0.0  # NaN is not
            largest = max(largest, size)
    if zero:
        return 0.0
    square = 0.0
    for r in range(len(matrix)):
        for q in range(matrix.shape[1]):
            part = np.float64(matrix[r, q]) / largest
            square = fma(part, part, square)
    return largest * math.sqrt(square)
