"""N*(ε) and steps to ε: coverage on a known law, censoring, sharing, and bad requests."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import binom

from moe_theory import (
    SGD,
    DenseCNN,
    PatchPatterns,
    SampleStudy,
    Search,
    SeparateMoE,
    Setting,
    TrainingStudy,
    grid,
    sample_complexity,
)
from moe_theory.experiments.crossing import antitonic, cross, resampled_means
from moe_theory.experiments.search import SampleSearch

DATA = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
STEPS = SGD(2.0, batch_size=20, n_steps=100)
SETTING = Setting({"arm": "dense"}, DATA, DenseCNN(8), STEPS, 10)
SMALL = Search(n_max=128, precision=0.5, min_draws=10, max_draws=20)


def test_resampled_means_have_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(size=(12, 2))
    found = resampled_means(values, 40_000, np.random.default_rng(1))
    assert found.shape == (40_000, 2)
    error = np.sqrt(values.var(axis=0) / 12)
    np.testing.assert_array_less(abs(found.mean(axis=0) - values.mean(axis=0)), error / 30)
    np.testing.assert_allclose(found.std(axis=0), error, rtol=0.03)


def test_sizes_are_the_rounded_geometric_grid():
    for search in (Search(), Search(n_min=6, n_max=5000, per_octave=5)):
        expected = search.n_min * 2 ** (np.arange(200) / search.per_octave)
        even = {2 * round(place / 2) for place in expected} | {search.n_min, search.n_max}
        assert search.sizes() == sorted(n for n in even if search.n_min <= n <= search.n_max)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=9))
def test_antitonic_is_isotonic_regression(points):
    means, weights = (np.array(column, float) for column in zip(*points, strict=True))
    reference = isotonic_regression(means, weights=weights, increasing=False).x
    np.testing.assert_allclose(antitonic(means, weights), reference, atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_cross_is_the_first_place_at_the_level(values, level):
    curve = np.sort(values)[::-1]
    places = np.arange(len(curve), dtype=float)
    found = cross(places, curve, level)
    if curve[-1] > level:
        assert math.isinf(found)
    else:
        assert np.interp(found, places, curve) <= level + 1e-9
        assert found == 0 or np.interp(found - 1e-6, places, curve) > level - 1e-5


def searched(seed, scale=37.0, epsilon=0.05):
    """A search on errors drawn around ½ exp(−N/scale)."""
    rng = np.random.default_rng(seed)
    search = SampleSearch(epsilon, Search(precision=0.15, max_draws=100), seed)
    drawn = {}
    while wanted := search.wanted():
        for size, n_draws in wanted.items():
            have = drawn.setdefault(size, [])
            while len(have) < n_draws:
                mean = 0.5 * np.exp(-size / scale)
                have.append(rng.beta(4 * mean, 4 * (1 - mean)))
            search.add(size, have[:n_draws])
    return search


def test_the_interval_covers_as_often_as_it_says():
    n_repeats, true = 150, 37 * math.log(0.5 / 0.05)
    found = [searched(seed) for seed in range(n_repeats)]
    covered = sum(s.crossing.low <= true <= s.crossing.high for s in found)
    assert covered >= binom.ppf(1e-4, n_repeats, 0.95)
    values = np.array([s.crossing.value for s in found])
    assert np.mean(values) == pytest.approx(true, rel=0.03)
    # It is no trivial interval: as precise as asked for, or all draws were spent.
    for s in found:
        width = (s.crossing.high - s.crossing.low) / (2 * s.crossing.value)
        assert s.ending == "max_draws" or width <= 0.15


def test_same_seed_same_search():
    first, second = searched(3), searched(3)
    assert first.crossing == second.crossing
    assert list(first.errors) == list(second.errors)


def test_a_study_does_not_depend_on_workers_or_interruption(tmp_path):
    families = [SETTING, Setting({"arm": "wide"}, DATA, DenseCNN(16), STEPS, 10)]
    study = SampleStudy(families, (0.05, 0.2), SMALL, n_test=200)
    whole = study.run(tmp_path / "a", n_workers=1, progress=False)
    again = study.run(tmp_path / "a", n_workers=2, progress=False)
    other = study.run(n_workers=2, batch_size=3, progress=False)
    assert whole.rows == again.rows == other.rows
    assert [row["arm"] for row in whole.rows] == ["dense", "dense", "wide", "wide"]
    for row in whole.rows:
        assert row["low"] <= row["value"] <= row["high"]
        at = {int(n): mean for n, mean, _, _ in row["evaluated"]}
        assert min(at.values()) <= row["epsilon"] < max(at.values())
    strict, lax = whole.rows[0], whole.rows[1]
    assert strict["value"] > lax["value"]


def test_not_reached_is_said():
    threshold = sample_complexity(SETTING, 1e-9, Search(n_max=8, max_draws=40), n_test=50)
    assert (threshold.value, threshold.high) == (math.inf, math.inf)
    assert (threshold.low, threshold.censored) == (8, "above")
    assert threshold.log_error == math.inf
    easy = sample_complexity(SETTING, 0.99, Search(n_max=8, max_draws=40), n_test=50)
    assert (easy.value, easy.censored) == (2, "below")


def test_table_of_functions_of_n():
    def family(n_train):
        sgd = SGD(2.0, batch_size=n_train, n_steps=50)
        return Setting({"arm": "full batch"}, DATA, DenseCNN(8), sgd, n_train)

    table = SampleStudy([family], 0.1, SMALL, n_test=100).run(progress=False)
    assert table.rows[0]["arm"] == "full batch"
    with pytest.raises(ValueError, match="family must be a Setting with n_train"):
        SampleStudy([lambda n_train: SETTING], 0.1, SMALL).run(progress=False)


def test_steps_and_operations_to_an_error():
    sgd = SGD(2.0, batch_size=20, n_steps=200, record=10)
    setting = Setting({"arm": "dense"}, DATA, DenseCNN(8), sgd, 60)
    steps, flops = TrainingStudy([setting], 0.1, n_draws=6).thresholds(progress=False)
    errors = {point.at: point.mean_error for point in steps.evaluated}
    assert steps.value == min(at for at, error in errors.items() if error <= 0.1)
    assert 0 <= steps.low <= steps.value - 10  # nothing is known between two records
    assert steps.value <= steps.high <= 200
    assert steps.censored == ("below" if steps.value == 10 else None)
    per_step = flops.value / steps.value
    assert flops.low == pytest.approx(steps.low * per_step)
    with pytest.raises(ValueError, match=r"sgd\.record must be set"):
        TrainingStudy([SETTING], 0.1).thresholds(progress=False)


def test_operations_to_what_the_dense_network_reaches():
    sgd = SGD(2.0, batch_size=20, n_steps=60, router_n_epochs=10, record=5)
    arms = {"dense": DenseCNN(8), "separate": SeparateMoE(2, 8, 2)}
    settings = grid(DATA, arms, sgd, n_train=(30, 60))
    study = TrainingStudy(settings, {"arm": "dense"}, n_draws=6, n_test=200)
    found = study.thresholds(progress=False)
    for dense, separate in ((found[0], found[2]), (found[4], found[6])):
        end = dense.evaluated[-1].mean_error
        assert dense.epsilon == separate.epsilon == end
        assert dense.high < math.inf  # it reaches in every resample what it itself has there
        first = min((e.at for e in separate.evaluated if e.mean_error <= end), default=math.inf)
        assert separate.value == first
    assert [row["n_train"] for row in study.run(progress=False).rows] == [30] * 4 + [60] * 4
    with pytest.raises(ValueError, match="epsilon must be labels of one setting"):
        TrainingStudy(settings, {"arm": "joint"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_min": 3}, "n_min must be even; got 3"),
        ({"n_min": 64, "n_max": 32}, "n_max must be an integer >= 66"),
        ({"precision": 0.0}, "precision must be"),
        ({"confidence": 1.0}, "confidence must be"),
        ({"n_draws": 1}, "n_draws must be an integer >= 2"),
        ({"n_draws": 50, "min_draws": 40}, "min_draws must be an integer >= 50"),
        *(
            (dict.fromkeys((*names, "max_draws", "max_runs"), 10**9), f"{names[0]} must be .* fits")
            for names in (("n_draws", "min_draws"), ("min_draws",))
        ),
        ({"n_resamples": 10**9}, "n_resamples must be an integer in"),
    ],
)
def test_bad_searches(changes, message):
    with pytest.raises(ValueError, match=message):
        Search(**changes)


def test_bad_studies():
    with pytest.raises(ValueError, match="epsilon must be"):
        SampleStudy([SETTING], 1.0)
    with pytest.raises(ValueError, match="families and epsilon must be at least one of each"):
        SampleStudy([], 0.1)
    with pytest.raises(ValueError, match="families must be of different labels"):
        SampleStudy([SETTING, SETTING], 0.1)
