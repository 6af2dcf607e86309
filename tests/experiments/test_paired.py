"""Paired ratios of what two networks take."""

import numpy as np
import pytest

from moe_theory.experiments import paired_ratio

SPENT = np.geomspace(1, 1000, 30)


def curves(shift, offsets, places=SPENT):
    """Errors that fall to ε = 0.1 at exp(shift + offset) in each draw."""
    falls = np.log(places)[None] - shift - np.asarray(offsets)[:, None]
    return {"spent": places, "errors": np.clip(0.1 - 0.05 * falls, 0, 0.5)}


def test_what_all_draws_share_cancels():
    """Draws differ by a factor of ten, which an unpaired interval would hold."""
    offsets = np.random.default_rng(0).normal(0, 0.8, 60)
    found = paired_ratio(curves(3.0, offsets), curves(2.0, offsets), 0.1)
    assert found.value == pytest.approx(np.e, rel=0.01)
    assert found.low == pytest.approx(np.e, rel=0.02)
    assert found.high == pytest.approx(np.e, rel=0.02)
    other = paired_ratio(curves(3.0, offsets), curves(2.0, offsets[::-1]), 0.1)
    assert other.high / other.low > 1.2


def test_intervals_cover_the_truth():
    """Two networks whose draws differ on their own, with a ratio of e in the mean."""
    rng = np.random.default_rng(1)
    covered = [
        paired_ratio(
            curves(3.0, rng.normal(0, 0.5, 30)), curves(2.0, rng.normal(0, 0.5, 30)), 0.1,
            n_resamples=400,
        )
        for _ in range(200)
    ]  # fmt: skip
    hits = sum(one.low <= np.e <= one.high for one in covered)
    # 95 % of 200 with a standard deviation of 3.1; a bootstrap of 30 draws is a little short.
    assert 176 <= hits <= 199


def test_what_is_not_reached():
    never = {"spent": SPENT, "errors": np.full((5, 30), 0.4)}
    some = curves(2.0, np.zeros(5))
    assert paired_ratio(never, some, 0.1).value == np.inf
    assert paired_ratio(some, never, 0.1).value == 0
    assert np.isnan(paired_ratio(never, never, 0.1).value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spent": [0.0, 1.0]}, "more spent must be above 0 and rising"),
        ({"spent": [2.0, 1.0]}, "more spent must be above 0 and rising"),
        ({"spent": [1.0, 2.0, 3.0]}, r"more errors\.shape must be \(D, 3\)"),
        ({"errors": [[0.5, 0.1]]}, "at least 2 draws"),
        ({"errors": [[0.5, 7.0]] * 2}, r"more errors must be fractions"),
        ({"errors": [[0.5, 0.1]] * 3}, r"len\(less errors\) must be 3"),
    ],
)
def test_what_does_not_fit(change, message):
    given = {"spent": [1.0, 2.0], "errors": [[0.5, 0.1]] * 2}
    with pytest.raises(ValueError, match=message):
        paired_ratio({**given, **change}, given, 0.1)
