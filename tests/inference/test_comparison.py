"""Which way is best: the intervals cover, and equal ways are not told apart."""

import numpy as np
import pytest

from moe_theory.inference import compare_losses


def drawn(rng, means, n_draws=40):
    shared = rng.normal(size=(n_draws, 1))
    return shared + rng.normal(size=(n_draws, len(means))) * 0.2 + np.asarray(means)


def test_means_and_differences():
    losses = drawn(np.random.default_rng(0), [0.3, 0.0, 0.5])
    found = compare_losses(losses)
    np.testing.assert_allclose(found.mean, losses.mean(axis=0))
    np.testing.assert_allclose(found.behind, losses.mean(axis=0) - losses[:, 1].mean(), atol=1e-12)
    assert found.behind[1] == found.behind_low[1] == found.behind_high[1] == 0
    assert found.may_be_best.tolist() == [False, True, False]
    assert found.n_draws == 40
    # Paired: intervals of differences are shorter than those of means, which draws share.
    assert np.all(found.high - found.low > 2 * (found.behind_high - found.behind_low))


def test_the_best_is_never_excluded_more_often_than_it_should():
    """Of five ways with one mean, none is excluded in 95 % of trials; nor is the true best."""
    equal, excluded, covered = 0, 0, 0
    truth = np.array([0.0, 0.0, 0.1, 0.2, 0.2])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        equal += compare_losses(drawn(rng, np.zeros(5)), n_resamples=300).may_be_best.all()
        found = compare_losses(drawn(rng, truth), n_resamples=300)
        excluded += not found.may_be_best[:2].all()
        apart = truth - truth[np.argmin(found.mean)]
        covered += np.all((found.behind_low <= apart) & (apart <= found.behind_high))
    # 95 % nominal; with 40 draws the resampling is a little short, and 200 trials have an error.
    assert equal >= 178
    assert excluded <= 22
    assert covered >= 178


def test_differences_are_found():
    found = compare_losses(drawn(np.random.default_rng(3), [0.0, 0.3, 0.6], 100))
    assert found.may_be_best.tolist() == [True, False, False]
    assert found.behind_low[2] > 0.4


def test_interval_of_a_mean_covers():
    covered = 0
    for seed in range(200):
        losses = np.random.default_rng(seed).exponential(size=(60, 1))
        found = compare_losses(losses, n_resamples=300)
        covered += found.low[0] <= 1 <= found.high[0]
    assert covered >= 175


def test_ways_that_do_the_same():
    losses = np.repeat(np.random.default_rng(0).random((10, 1)), 3, axis=1)
    found = compare_losses(losses)
    assert found.may_be_best.all()
    assert not found.behind_high.any()
    assert compare_losses(losses[:, :1]).may_be_best.tolist() == [True]


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match=r"losses\.shape must be that of at least two draws"):
        compare_losses([[0.1, 0.2]])
    with pytest.raises(ValueError, match="confidence must be a finite number"):
        compare_losses([[0.1], [0.2]], confidence=1)
    with pytest.raises(ValueError, match="n_resamples must be an integer"):
        compare_losses([[0.1], [0.2]], n_resamples=0)


@pytest.mark.parametrize("shift", [10.3, 0.7 / 3, -5.1])
def test_a_gap_that_never_changes_widens_nothing(shift):
    """Its error is that of rounding alone, and no part of the spread of the others."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 200, 1))
    plain = compare_losses(np.hstack([first, second]))
    found = compare_losses(np.hstack([first, second, first + shift]))
    width = plain.behind_high - plain.behind_low
    assert (found.behind_high - found.behind_low)[:2].max() <= 1.5 * width.max()
    constant = compare_losses(np.hstack([first, np.full((200, 1), shift), np.full((200, 1), 20.1)]))
    assert not constant.may_be_best[2]
    assert (constant.behind_high - constant.behind_low).max() < 1
