"""Fitted exponents: intervals that cover, curvature that is found, data that are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from moe_theory.statistics import fit_exponents

X = np.array([8.0, 16, 32, 64, 128, 256])
N_REPEATS = 400


def noisy(rng, exponent=2.0, noise=0.2, curvature=0.0):
    logs = np.log(X / 8)
    return np.exp(exponent * logs + curvature * logs**2 + noise * rng.normal(size=len(X)))


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=3),
    st.floats(-5, 5),
    st.integers(0, 2**32 - 1),
)
def test_exact_laws_are_found(exponents, intercept, seed):
    rng = np.random.default_rng(seed)
    x = np.exp(rng.uniform(0, 3, size=(12, len(exponents))))
    value = np.exp(intercept + np.log(x) @ exponents)
    fit = fit_exponents(x, value, np.full(12, 0.1))
    np.testing.assert_allclose(fit.exponent, exponents, atol=1e-7)
    assert fit.intercept == pytest.approx(intercept, abs=1e-6)
    np.testing.assert_allclose(fit.predict(x), value, rtol=1e-6)
    assert (fit.n_points, fit.dof) == (12, 11 - len(exponents))


def test_weighted_fit_is_the_textbook_one():
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.05, 0.5, len(X))
    value = noisy(rng)
    fit = fit_exponents(X, value, errors)
    slope, intercept = np.polyfit(np.log(X), np.log(value), 1, w=1 / errors)
    assert fit.exponent[0] == pytest.approx(slope)
    assert fit.intercept == pytest.approx(intercept)
    assert fit.chi2 == pytest.approx(np.sum((fit.residuals / errors) ** 2))


@pytest.mark.parametrize("given_errors", [None, 1.0, 0.4])
def test_intervals_cover(given_errors):
    """At 90 %; without errors, with true ones, and with errors told 2.5 times too small."""
    rng = np.random.default_rng(1)
    told = None if given_errors is None else np.full(len(X), 0.2 * given_errors)
    fits = [fit_exponents(X, noisy(rng), told, confidence=0.9) for _ in range(N_REPEATS)]
    covered = sum(bool(fit.low[0] <= 2 <= fit.high[0]) for fit in fits)
    assert covered >= binom.ppf(1e-4, N_REPEATS, 0.9)
    if told is None:
        assert covered <= binom.ppf(1 - 1e-4, N_REPEATS, 0.9)


def test_curvature_is_found_where_it_is_and_not_where_it_is_not():
    rng = np.random.default_rng(2)
    errors = np.full(len(X), 0.2)
    straight, bent = (
        [
            fit_exponents(X, noisy(rng, curvature=bend), errors).curvature_p_value[0] < 0.05
            for _ in range(N_REPEATS)
        ]
        for bend in (0.0, 0.3)
    )
    assert sum(straight) <= binom.ppf(1 - 1e-4, N_REPEATS, 0.05)
    assert np.mean(bent) > 0.5


def test_the_end_slope_is_that_of_the_curve():
    logs = np.log(X / 8)
    fit = fit_exponents(X, np.exp(logs + 0.25 * logs**2), np.full(len(X), 0.01))
    assert fit.curvature[0] == pytest.approx(0.5)
    assert fit.end_exponent[0] == pytest.approx(1 + 0.5 * logs[-1])
    assert fit.end_low[0] < fit.end_exponent[0] < fit.end_high[0]


@pytest.mark.parametrize(
    ("x", "value", "errors", "message"),
    [
        ([1, 2], [1, 2], None, "number of points must be an integer >= 3"),
        ([1, 2, 3], [1, 2, -3], None, "value must be positive everywhere; got -3"),
        ([1, 2, 0], [1, 2, 3], None, "x must be positive everywhere; got 0"),
        ([1, 2, np.inf], [1, 2, 3], None, "x must be finite everywhere"),
        ([1, 2, 3], [1, 2, 3], [1, 1, 0], "standard_error must be positive"),
        ([1, 2, 3], [1, 2, 3], [1, 1], r"standard_error.shape must be \(3,\)"),
        ([2, 2, 2], [1, 2, 3], None, "x must be regressors that vary"),
        ([[1, 1], [2, 4], [3, 9], [4, 16]], [1, 2, 3, 4], None, "none a product of powers"),
        ([[1, 2, 3]], [1, 2, 3], None, r"x.shape must be"),
    ],
)
def test_bad_data(x, value, errors, message):
    with pytest.raises(ValueError, match=message):
        fit_exponents(x, value, errors)
