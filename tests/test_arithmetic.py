"""Products and decompositions in a fixed order against NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_theory import _arithmetic as arithmetic
from moe_theory.kernels import linear

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 13)


@given(SIZES, SIZES, SIZES, SEEDS, st.sampled_from([np.float32, np.float64]))
def test_products(n_left, n_right, dim, seed, dtype):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n_left, dim)).astype(dtype)
    b = rng.normal(size=(n_right, dim)).astype(dtype)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(arithmetic.products(a, b), a @ b.T, atol=tolerance)
    np.testing.assert_allclose(arithmetic.combine(a, b.T[:dim]), a @ b.T, atol=tolerance)
    np.testing.assert_allclose(arithmetic.combine(a[0], b.T), a[0] @ b.T, atol=tolerance)
    assert arithmetic.products(a, b).dtype == arithmetic.combine(a, b.T).dtype == dtype
    np.testing.assert_allclose(arithmetic.norms(a), np.linalg.norm(a, axis=1), rtol=tolerance)


def test_mixed_and_integer_operands_give_doubles():
    ones = np.ones((2, 3), np.float32)
    assert arithmetic.products(ones, np.ones((1, 3))).dtype == np.float64
    assert arithmetic.products(np.ones((2, 3), int), [[1, 2, 3]]).tolist() == [[6.0], [6.0]]


@given(SIZES, SIZES, SEEDS)
def test_orthonormal(n_rows, more, seed):
    rows = np.random.default_rng(seed).normal(size=(n_rows, n_rows + more))
    made = arithmetic.orthonormal(rows)
    np.testing.assert_allclose(made @ made.T, np.eye(n_rows), atol=1e-14)
    triangle = rows @ made.T
    assert (np.diag(triangle) > 0).all()
    np.testing.assert_allclose(np.triu(triangle, 1), 0, atol=1e-12)


def test_nearly_dependent_rows_become_orthonormal():
    rows = np.ones((4, 6)) + 1e-9 * np.random.default_rng(0).normal(size=(4, 6))
    made = arithmetic.orthonormal(rows)
    np.testing.assert_allclose(made @ made.T, np.eye(4), atol=1e-14)


@given(st.integers(1, 5), SEEDS)
def test_triangles_and_condition_numbers(size, seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.uniform(0.5, 2, (size, size)))
    np.testing.assert_allclose(arithmetic.upper_inverse(upper) @ upper, np.eye(size), atol=1e-9)
    columns = rng.normal(size=(size + 3, size))
    expected = np.linalg.cond(columns)
    assert arithmetic.condition_number(columns) == pytest.approx(expected, rel=1e-9)


def test_condition_numbers_of_dependent_columns():
    column = np.arange(1.0, 6.0)
    assert arithmetic.condition_number(np.stack([column, 0 * column], axis=1)) == np.inf
    assert arithmetic.condition_number(np.stack([column, column], axis=1)) > 1e15
    nearly = np.stack([column, column + 1e-8 * column**2], axis=1)
    assert arithmetic.condition_number(nearly) == pytest.approx(np.linalg.cond(nearly), rel=1e-6)


@pytest.mark.parametrize("name", ["exp", "log", "log1p"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions(name, dtype):
    values = np.random.default_rng(0).uniform(0.01, 9, (3, 7)).astype(dtype)
    found = getattr(arithmetic, name)(values[:, ::2])
    assert found.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found, getattr(np, name)(values[:, ::2]), rtol=2 * eps, atol=eps)
    assert getattr(arithmetic, name)(2).shape == ()


def test_squared_slopes():
    rng = np.random.default_rng(0)
    table, indices = rng.normal(size=(5, 3)), rng.integers(5, size=(6, 4))
    bends, gates = (np.maximum(rng.normal(size=size), 0) for size in ((2, 5), (6, 4)))
    output, shares = rng.normal(size=2), rng.random(6)
    squares = np.zeros((2, 3))
    linear.add_squared_slopes(table, indices, bends, gates, output, shares, squares)
    pooled = bends.T[indices] * gates[:, :, None] * output
    slopes = np.einsum("ijr,ijd->ird", pooled, table[indices])
    np.testing.assert_allclose(squares, np.einsum("i,ird->rd", shares, slopes**2))
