"""The vectorised kernels against NumPy, at every remainder of their blocks."""

import numpy as np
import pytest
import twins
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory._arithmetic import VECTOR_BYTES, padded
from moe_theory.kernels.codes import HINGE, LOGISTIC
from moe_theory.kernels.losses import loss_slopes, loss_value
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.routing import choose_best, softmax, width


@settings(max_examples=40)
@given(
    st.integers(0, 19), st.integers(1, 13), st.integers(1, 50), st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_products(n_rows, n_units, dim, seed, dtype):
    rng = np.random.default_rng(seed)
    table = padded(rng.normal(size=(6, dim)).astype(dtype), VECTOR_BYTES)
    picked = rng.integers(6, size=n_rows).astype(np.int32)
    weights = padded(rng.normal(size=(n_units, dim)).astype(dtype), VECTOR_BYTES)
    factors = rng.normal(size=(n_units, n_rows + 2)).astype(dtype)
    out = np.full((n_units, n_rows + 2), 7, dtype)
    inner_products(table, picked, weights, out)
    np.testing.assert_array_equal(out[:, :n_rows], twins.inner_products(weights, table[picked]))
    assert (out[:, n_rows:] == 7).all()
    expected = twins.subtract_outer(table[picked], factors[:, :n_rows], weights)
    subtract_outer(table, picked, factors, weights)
    np.testing.assert_array_equal(weights, expected)


def test_products_keep_nan_and_infinity():
    table = np.array([[np.inf, 1.0], [np.nan, 1.0], [1.0, 1.0], [2.0, 1.0]])
    out = np.zeros((1, 4))
    weights = padded(np.array([[1.0, 0.0]]))
    inner_products(padded(table), np.arange(4, dtype=np.int32), weights, out)
    np.testing.assert_array_equal(out[0], [np.inf, np.nan, 1.0, 2.0])


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=11, max_size=11), min_size=1, max_size=12),
    st.integers(1, 11), st.sampled_from([np.float32, np.float64]), st.data(),
)  # fmt: skip
def test_choose_best_is_a_stable_sort(rows, n_columns, dtype, data):
    n_kept = data.draw(st.integers(1, len(rows)))
    scores = np.zeros((len(rows), width(11, np.zeros((1, 1), dtype))), dtype)
    scores[:, :11] = rows
    kept, places, gates = (np.empty((n_kept, scores.shape[1]), dtype) for _ in range(3))
    choose_best(scores, n_columns, kept, places)
    softmax(kept, kept[0], n_columns, gates)
    for c in range(n_columns):
        best = twins.top_l(scores[:, c], n_kept)
        np.testing.assert_array_equal(places[:, c], best)
        np.testing.assert_array_equal(kept[:, c], scores[best, c])
        expected = twins.softmax(scores[best, c].astype(float))
        np.testing.assert_allclose(gates[:, c], expected, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("name", "code"), [("logistic", LOGISTIC), ("hinge", HINGE)])
def test_losses(name, code):
    for margin in (-800.0, -3.0, -0.2, 0.0, 0.7, 2.0, 800.0):
        assert loss_value(margin, code) == pytest.approx(twins.loss_of(margin, name), rel=1e-14)
        step = 1e-6
        numeric = (twins.loss_of(margin + step, name) - twins.loss_of(margin - step, name)) / 2e-6
        # Rounding of the loss over the step: 800·1e-16/1e-6.
        assert slope_at(margin, code) == pytest.approx(numeric, abs=2e-7)
    assert slope_at(1.0, HINGE) == 0


def slope_at(margin, code):
    margins = np.array([margin])
    loss_slopes(margins, code)
    return margins[0]
