"""The vectorised kernels against NumPy, at every remainder of their blocks."""

import numpy as np
import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st

from moe_theory.kernels.losses import HINGE, LOGISTIC, loss_slope, loss_value
from moe_theory.kernels.products import inner_products, subtract_outer
from moe_theory.kernels.routing import top_l


@given(
    st.integers(0, 19), st.integers(1, 9), st.integers(1, 35), st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_products(n_rows, n_units, dim, seed, dtype):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(6, dim)).astype(dtype)
    picked = rng.integers(6, size=n_rows).astype(np.int32)
    weights = rng.normal(size=(n_units, dim)).astype(dtype)
    factors = rng.normal(size=(n_units, n_rows + 2)).astype(dtype)
    out = np.full((n_units, n_rows + 2), 7, dtype)
    inner_products(table, picked, weights, out)
    # Sums of at most 35 products of standard normals.
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(out[:, :n_rows], weights @ table[picked].T, atol=tolerance)
    assert (out[:, n_rows:] == 7).all()
    expected = weights - factors[:, :n_rows] @ table[picked]
    subtract_outer(table, picked, factors, weights)
    np.testing.assert_allclose(weights, expected, atol=tolerance)


def test_products_keep_nan_and_infinity():
    table = np.array([[np.inf, 1.0], [np.nan, 1.0], [1.0, 1.0], [2.0, 1.0]])
    out = np.zeros((1, 4))
    inner_products(table, np.arange(4, dtype=np.int32), np.array([[1.0, 0.0]]), out)
    np.testing.assert_array_equal(out[0], [np.inf, np.nan, 1.0, 2.0])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.data())
def test_top_l_is_a_stable_sort(scores, data):
    n_routed = data.draw(st.integers(1, len(scores)))
    scores = np.array(scores, float)
    chosen, kept = np.empty(n_routed, np.int64), np.empty(n_routed)
    top_l(scores, chosen, kept)
    np.testing.assert_array_equal(chosen, twins.top_l(scores, n_routed))
    np.testing.assert_array_equal(kept, scores[chosen])


@pytest.mark.parametrize(("name", "code"), [("logistic", LOGISTIC), ("hinge", HINGE)])
def test_losses(name, code):
    for margin in (-800.0, -3.0, -0.2, 0.0, 0.7, 2.0, 800.0):
        assert loss_value(margin, code) == pytest.approx(twins.loss_of(margin, name), rel=1e-14)
        step = 1e-6
        numeric = (twins.loss_of(margin + step, name) - twins.loss_of(margin - step, name)) / 2e-6
        # Rounding of the loss over the step: 800·1e-16/1e-6.
        assert loss_slope(margin, code) == pytest.approx(numeric, abs=2e-7)
    assert loss_slope(1.0, HINGE) == 0
