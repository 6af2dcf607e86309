"""From small weights cubic experts learn one cluster, linear ones all; and who gets an expert."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from moe_theory import SGD, ClusterSignal, DenseCNN, Weights, train
from moe_theory.predictions import coverage_probability

CLUSTERS = ClusterSignal(n_clusters=4, n_patches=5, patch_dim=12, scale=1.0)
RATE = 1e-3


def slopes(activation, z, seed):
    """Return dz_c/dt of one unit, from one step over 4000 inputs, whose outputs are near 0."""
    start = Weights((z @ CLUSTERS.features)[None], np.ones(1))
    data = CLUSTERS.sample(4000, seed)
    sgd = SGD(RATE, 4000, n_steps=1, dtype="float64")
    run = train(DenseCNN(1, "ones", 0.1, activation, "sum"), data, sgd, initial=start)
    return CLUSTERS.features @ (run.weights.experts - start.experts)[0] / RATE


@pytest.mark.parametrize("activation", ["cubic", "linear"])
def test_slopes_at_the_start(activation):
    """ż_c = ½·3·E[α³]·z_c²/K of cubic units, ½·E[α]/K of linear ones."""
    size = 1e-2 if activation == "cubic" else 1e-4  # so that outputs are near 0
    z = size * np.array([2.0, -1.0, 0.5, 3.0])
    found = np.array([slopes(activation, z, seed) for seed in range(30)])
    low, high = CLUSTERS.alpha
    third, first = (high**4 - low**4) / 4 / (high - low), (low + high) / 2
    expected = 1.5 * third * z**2 / 4 if activation == "cubic" else np.full(4, first / 8)
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 5 * errors).all()
    # The mean is known well enough to tell the two laws apart.
    assert (errors[[0, 3]] < 0.1 * expected[[0, 3]]).all()


def test_the_race_has_the_winner_of_the_start():
    """Gradient steps over ż = z² follow z/(1 − zt), and the second is left behind."""
    start = np.array([0.1, 0.05, -0.2, 0.02])
    z, step, n_steps = start.copy(), 1e-4, 95_000
    for _ in range(n_steps):
        z = z + step * z**2
    np.testing.assert_allclose(z, start / (1 - start * step * n_steps), rtol=0.02)
    assert z[0] > 15 * np.abs(z[1:]).max()


@given(st.integers(1, 12), st.integers(1, 60))
def test_coverage_is_that_of_the_coupon_collector(n_clusters, n_experts):
    exact = sum(
        (-1) ** j * comb(n_clusters, j) * Fraction(n_clusters - j, n_clusters) ** n_experts
        for j in range(n_clusters + 1)
    )
    found = coverage_probability(n_clusters, n_experts)
    assert found == pytest.approx(float(exact), abs=1e-12)
    assert found >= 1 - n_clusters * np.exp(-n_experts / n_clusters) - 1e-12


def test_coverage_by_simulation():
    drawn = np.sort(np.random.default_rng(1).integers(0, 5, (20_000, 11)), axis=1)
    covered = int(((np.diff(drawn, axis=1) > 0).sum(axis=1) == 4).sum())
    assert binomtest(covered, 20_000, coverage_probability(5, 11)).pvalue > 1e-6


@pytest.mark.parametrize("wrong", [(0, 1), (2, 10**6), (2.0, 3)])
def test_numbers_out_of_range(wrong):
    with pytest.raises(ValueError, match="must be an integer in"):
        coverage_probability(*wrong)
