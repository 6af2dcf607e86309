"""Matrix products and elementary functions with the same bits on every machine.

What is stored goes through these instead of BLAS, LAPACK, `numpy.exp` and `numpy.log`, whose last
bits depend on the processor. NumPy's sums, means, square roots and arithmetic by element do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import read_only
from moe_theory.kernels import linear
from moe_theory.kernels.products import inner_products

Array = NDArray[Any]

LINE_BYTES, VECTOR_BYTES = 64, 32


def padded(array: Array, unit: int = LINE_BYTES) -> Array:
    """Return ``array`` with zeros added to its rows, so that they fill whole units of bytes.

    By default these are cache lines: vectors of the kernels then end where rows do, and none lies
    across two lines. Products do not change, and zeros of weights stay zeros in training.

    Examples
    --------
    >>> padded(np.ones((2, 3))).shape
    (2, 8)
    """
    rows, columns = array.shape
    width = columns + -columns % (unit // array.itemsize)
    aligned = array.__array_interface__["data"][0] % LINE_BYTES == 0
    if width == columns and aligned and array.flags.c_contiguous:
        return array
    memory = np.zeros(rows * width * array.itemsize + LINE_BYTES, np.uint8)
    first = -memory.__array_interface__["data"][0] % LINE_BYTES
    whole = memory[first : first + rows * width * array.itemsize].view(array.dtype)
    made = whole.reshape(rows, width)
    made[:, :columns] = array
    return made


def products(a: ArrayLike, b: ArrayLike) -> Array:
    """Return a bᵀ, the inner products of the rows of ``a``, shape (R, d), and ``b``, shape (S, d).

    Examples
    --------
    >>> products([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    array([[11., 17.]])
    """
    left, right = _alike(a, b)
    out = np.empty((len(left), len(right)), left.dtype)
    everyone = np.arange(len(right), dtype=np.int32)
    inner_products(read_only(padded(right)), everyone, read_only(padded(left)), out)
    return out


def combine(factors: ArrayLike, rows: ArrayLike) -> Array:
    """Return factors @ rows, shapes (..., S) and (S, d), each sum in the order of the rows.

    Examples
    --------
    >>> combine([1.0, 10.0], [[3.0, 4.0], [5.0, 6.0]])
    array([53., 64.])
    """
    left, right = _alike(factors, rows)
    flat = left.reshape(-1, left.shape[-1])
    out = np.empty((len(flat), right.shape[1]), left.dtype)
    linear.combine(flat, right, out)
    return out.reshape(*left.shape[:-1], right.shape[1])


def norms(rows: ArrayLike) -> Array:
    """Return the ℓ₂ norms along the last axis.

    Examples
    --------
    >>> norms([[3.0, 4.0], [0.0, 2.0]])
    array([5., 2.])
    """
    values = np.asarray(rows)
    lengths: Array = np.sqrt(np.sum(values * values, axis=-1))
    return lengths


def exp(values: ArrayLike) -> Array:
    """Return eˣ by element.

    Examples
    --------
    >>> exp([0.0, -np.inf])
    array([1., 0.])
    """
    return _by_element(linear.exp_all, values)


def log(values: ArrayLike) -> Array:
    """Return the natural logarithm by element; of 0 it is −∞, below it NaN.

    Examples
    --------
    >>> log([1.0, 0.0])
    array([  0., -inf])
    """
    return _by_element(linear.log_all, values)


def log1p(values: ArrayLike) -> Array:
    """Return log(1 + x) by element.

    Examples
    --------
    >>> log1p([0.0, 1e-20])
    array([0.e+00, 1.e-20])
    """
    return _by_element(linear.log1p_all, values)


def orthonormal(rows: ArrayLike) -> Array:
    """Return the rows, shape (R, d) with R <= d, made orthonormal one after the other.

    Row i is what row i adds to those before it, at unit length, in its own direction. In other
    words, the rows are Qᵀ of the QR decomposition of the transpose with positive diagonal.

    Examples
    --------
    >>> orthonormal([[2.0, 0.0], [1.0, -3.0]])
    array([[ 1.,  0.],
           [ 0., -1.]])
    """
    made = np.array(rows, dtype=np.float64, order="C")
    linear.orthonormalise(made)
    return made


def upper_inverse(triangle: ArrayLike) -> Array:
    """Return the inverse of an upper triangular matrix.

    Examples
    --------
    >>> upper_inverse([[1.0, 2.0], [0.0, 4.0]])
    array([[ 1.  , -0.5 ],
           [ 0.  ,  0.25]])
    """
    upper = np.asarray(triangle, dtype=np.float64)
    size = len(upper)
    inverse = np.zeros((size, size))
    for i in reversed(range(size)):
        inverse[i, i] = 1.0
        for j in range(i + 1, size):
            inverse[i] -= upper[i, j] * inverse[j]
        inverse[i] /= upper[i, i]
    return inverse


def condition_number(columns: ArrayLike) -> float:
    """Return the largest over the smallest singular value of a matrix with few columns.

    By one-sided Jacobi rotations.

    Examples
    --------
    >>> condition_number([[3.0, 0.0], [0.0, 1.5]])
    2.0
    """
    rows = np.array(columns, dtype=np.float64).T.copy()
    pairs = [(i, j) for j in range(len(rows)) for i in range(j)]
    for _ in range(MAX_SWEEPS):
        rotated = False
        for i, j in pairs:
            a, b = float(np.sum(rows[i] * rows[i])), float(np.sum(rows[j] * rows[j]))
            c = float(np.sum(rows[i] * rows[j]))
            if abs(c) > 1e-15 * np.sqrt(a) * np.sqrt(b):
                rotated = True
                half = (b - a) / (2 * c)
                tangent = (1.0 if half >= 0 else -1.0) / (abs(half) + np.sqrt(1 + half * half))
                cosine = 1 / np.sqrt(1 + tangent * tangent)
                first, second = rows[i].copy(), rows[j].copy()
                rows[i] = cosine * (first - tangent * second)
                rows[j] = cosine * (second + tangent * first)
        if not rotated:
            break
    lengths = norms(rows)
    smallest = float(lengths.min())
    return float(lengths.max()) / smallest if smallest > 0 else float("inf")


MAX_SWEEPS = 30


def rounded(value: float) -> float:
    """Return ``value`` to ten significant digits.

    For SciPy's quantiles and tails, whose last bits depend on how it was compiled.

    Examples
    --------
    >>> rounded(1.959963984540054)
    1.959963985
    """
    return float(f"{value:.10g}")


def _alike(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Return both in one precision, contiguous and read-only, so that kernels compile once."""
    left, right = np.asarray(a), np.asarray(b)
    dtype = np.result_type(left, right, np.float32)
    return (
        read_only(np.ascontiguousarray(left, dtype=dtype)),
        read_only(np.ascontiguousarray(right, dtype=dtype)),
    )


def _by_element(kernel: Callable[..., Any], values: ArrayLike) -> Array:
    array = np.asarray(values)
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    flat = read_only(np.ascontiguousarray(array).reshape(-1))
    out = np.empty_like(flat)
    kernel(flat, out)
    return out.reshape(array.shape)
