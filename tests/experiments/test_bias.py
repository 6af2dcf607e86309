"""Bias and spread of predictions: what is put in is found, as often as is said."""

import numpy as np
import pytest
from scipy import stats

from moe_theory.experiments import bias_and_spread


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1])
def test_intervals_hold_what_was_drawn(spread):
    """In 95 % of the samples, that of the spread at 0 in 97.5 %, as it has one side there."""
    rng, inside, found = np.random.default_rng(0), [], []
    for _ in range(600):
        noise = rng.uniform(0.02, 0.06, 12)
        logs = 0.05 + spread * rng.standard_normal(12) + noise * rng.standard_normal(12)
        known = bias_and_spread(np.exp(logs), noise)
        found.append((np.log(known.bias), known.spread**2))
        inside.append((
            known.bias_low <= np.exp(0.05) <= known.bias_high,
            known.spread_low <= spread + 1e-12 and spread <= known.spread_high,
        ))  # fmt: skip
        assert known.spread_low <= known.spread <= known.spread_high
    counts = np.sum(inside, axis=0)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 600, 0.95)
    assert counts[1] >= low
    assert counts[1] <= high or spread == 0
    # Where the spread is not known, Student's interval is a little too wide.
    assert counts[0] >= low
    errors = 4 * np.std(found, axis=0) / 600**0.5
    assert abs(np.mean(found, axis=0)[0] - 0.05) < errors[0]
    if spread == 0.1:
        assert np.mean(found, axis=0)[1] == pytest.approx(spread**2, rel=0.06)


def test_equal_noise_is_the_textbook():
    """The weights are equal, and the spread is what is left of the sample variance."""
    logs = np.array([0.3, -0.1, 0.2, 0.0, 0.1])
    found = bias_and_spread(np.exp(logs), np.full(5, 0.05))
    assert np.log(found.bias) == pytest.approx(logs.mean())
    assert found.spread**2 == pytest.approx(logs.var(ddof=1) - 0.05**2, rel=1e-4)
    width = stats.t.ppf(0.975, 4) * np.sqrt(logs.var(ddof=1) / 5)
    assert np.log(found.bias_high) == pytest.approx(logs.mean() + width, rel=1e-4)


@pytest.mark.parametrize(
    ("ratios", "errors", "message"),
    [
        ([1.0], [0.1], r"len\(ratios\) must be at least 2"),
        ([1.0, 0.0], [0.1, 0.1], "ratios must be positive"),
        ([1.0, 1.0], [0.1, 0.0], "standard_errors must be positive"),
        ([1.0, 1.0], [0.1, 0.1, 0.1], r"len\(standard_errors\) must be 2"),
    ],
)
def test_impossible_numbers(ratios, errors, message):
    with pytest.raises(ValueError, match=message):
        bias_and_spread(ratios, errors)
