import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_theory.data import ClusterSignal

RARE = 1e-6  # level of every test of a law
KINDS = ("positions", "centre_positions", "feature_noise_positions")
MANY = ClusterSignal(n_clusters=5, n_patches=6, patch_dim=16, noise_std=0.8, scale=3.0)


def coefficients(model, data):
    """Return all patches along each feature and centre, without the scale, shape (N, n, 2K)."""
    basis = np.concatenate([model.features, model.centres])
    return data.patches() @ basis.T / model.scale


def along(model, data, places, vectors):
    patches = data.patches()[np.arange(len(data)), places]
    return (patches * vectors).sum(axis=1) / model.scale


def strengths(model, data):
    """Return the factors of feature, centre and feature noise of every input, with signs."""
    rows = np.arange(len(data))
    feature = along(model, data, data.positions, model.features[data.clusters])
    centre = along(model, data, data.centre_positions, model.centres[data.clusters])
    noise = coefficients(model, data)[rows, data.feature_noise_positions, : model.n_clusters]
    return feature, centre, noise


@given(k=st.integers(2, 9), extra=st.integers(0, 3), seed=st.integers(0, 9))
def test_features_and_centres_are_orthonormal(k, extra, seed):
    model = ClusterSignal(n_clusters=k, patch_dim=2 * k + extra, dictionary_seed=seed)
    basis = np.concatenate([model.features, model.centres])
    np.testing.assert_allclose(basis @ basis.T, np.eye(2 * k), atol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        model.features[0] = 0


def test_vectors_come_from_their_own_seed():
    first, second = (ClusterSignal(dictionary_seed=seed) for seed in (0, 1))
    assert np.abs(first.features - second.features).max() > 0.1
    np.testing.assert_array_equal(first.centres, ClusterSignal.published(4).centres)


@settings(max_examples=40)
@given(
    k=st.integers(2, 6),
    n=st.integers(3, 7),
    laws=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)).map(sorted), min_size=3, max_size=3),
    std=st.floats(0, 2),
    scale=st.floats(0.1, 20),
    seed=st.integers(0, 99),
)
def test_every_patch_is_what_its_place_says(k, n, laws, std, scale, seed):
    model = ClusterSignal(k, n, 2 * k + 1, *laws, noise_std=std, scale=scale)
    data = model.sample(7, seed)
    assert (data.n_samples, data.n_patches, data.patch_dim) == (7, n, 2 * k + 1)
    feature, centre, noise = strengths(model, data)
    assert (np.sign(feature[feature != 0]) == data.labels[feature != 0]).all()
    others = np.abs(noise).argmax(axis=1)
    factors = np.abs(feature), centre, np.abs(noise[range(7), others])
    for (low, high), factor in zip(laws, factors, strict=True):
        assert (factor >= low - 1e-9).all()
        assert (factor <= high + 1e-9).all()
    # Nothing is left of a patch without its own vector.
    for places, vectors, factor in (
        (data.positions, model.features[data.clusters], feature),
        (data.centre_positions, model.centres[data.clusters], centre),
        (data.feature_noise_positions, model.features[others], noise[range(7), others]),
    ):
        rest = data.patches()[range(7), places] - scale * factor[:, None] * vectors
        np.testing.assert_allclose(rest, 0, atol=1e-12 * scale)
    assert (others != data.clusters)[np.abs(noise).max(axis=1) > 1e-9].all()


def test_places_are_distinct_and_uniform():
    data = MANY.sample(6000, 3)
    places = np.stack([getattr(data, name) for name in KINDS], axis=1)
    assert all(len(set(row)) == 3 for row in places.tolist())
    # Each of the 6·5·4 orders of places is equally likely.
    counts = np.bincount(places @ [36, 6, 1], minlength=216)
    assert (counts > 0).sum() == 120
    assert stats.chisquare(counts[counts > 0]).pvalue > RARE


@pytest.mark.parametrize("n", [3, 4])
def test_three_patches_have_no_noise(n):
    model = ClusterSignal(n_patches=n, noise_std=2.0)
    data = model.sample(50, 0)
    others = sum(getattr(data, name) for name in KINDS)
    if n == 3:
        assert (others == 3).all()
    else:
        rest = data.patches()[range(50), 6 - others]
        assert np.abs(rest).min(axis=1).max() > 0


def test_laws_of_the_strengths():
    """Uniform laws, tested as a whole; mean and variance within 5 standard errors."""
    model = ClusterSignal.published(1)
    data = model.sample(16_000, 0)
    feature, centre, noise = strengths(model, data)
    strongest = np.abs(noise).max(axis=1)
    laws = {"alpha": np.abs(feature), "beta": centre, "gamma": strongest}
    for name, factor in laws.items():
        low, high = getattr(model, name)
        assert stats.kstest(factor, "uniform", (low, high - low)).pvalue > RARE, name
        variance = (high - low) ** 2 / 12
        assert abs(factor.mean() - (low + high) / 2) < 5 * np.sqrt(variance / len(data))
        fourth = (high - low) ** 4 / 80
        spread = np.sqrt((fourth - variance**2) / len(data))
        assert abs(((factor - (low + high) / 2) ** 2).mean() - variance) < 5 * spread
    pairs = [(laws[a], laws[b]) for a, b in (("alpha", "beta"), ("alpha", "gamma"))]
    assert all(stats.spearmanr(*pair).pvalue > RARE for pair in pairs)


def test_other_cluster_and_sign_of_feature_noise_are_uniform():
    data = MANY.sample(16_000, 1)
    noise = strengths(MANY, data)[2]
    others = np.abs(noise).argmax(axis=1)
    steps = (others - data.clusters) % 5
    counts = np.bincount(steps, minlength=5)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > RARE
    signs = np.sign(noise[np.arange(16_000), others])
    assert stats.binomtest(int((signs > 0).sum()), 16_000).pvalue > RARE
    table = np.histogram2d(signs, data.labels, bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > RARE


@pytest.mark.parametrize("fraction", [0.5, 0.2])
def test_label_and_cluster_are_independent_and_clusters_uniform(fraction):
    data = ClusterSignal(positive_fraction=fraction).sample(16_000, 2)
    assert stats.chisquare(np.bincount(data.clusters, minlength=4)).pvalue > RARE
    positive = int((data.labels > 0).sum())
    assert stats.binomtest(positive, 16_000, fraction).pvalue > RARE
    table = np.histogram2d(data.clusters, data.labels, bins=(4, 2))[0]
    assert stats.chi2_contingency(table).pvalue > RARE


def test_gaussian_noise_has_the_stated_spread():
    model = ClusterSignal.published(2)
    data = model.sample(4000, 0)
    rest = 6 - sum(getattr(data, name) for name in KINDS)
    noise = data.patches()[np.arange(4000), rest].ravel() * np.sqrt(50) / (2 * 10)
    assert stats.kstest(noise, "norm").pvalue > RARE
    assert abs((noise**2).mean() - 1) < 5 * np.sqrt(2 / noise.size)


def test_balanced_labels():
    assert ClusterSignal(balanced=True).sample(300, 0).labels.sum() == 0
    sums = [ClusterSignal().sample(300, seed).labels.sum() for seed in range(20)]
    assert len(set(sums)) > 5


def test_scale_multiplies_all_patches():
    small, large = (ClusterSignal(scale=scale).sample(30, 5) for scale in (0.5, 4.0))
    np.testing.assert_array_equal(8 * small.dictionary, large.dictionary)
    np.testing.assert_array_equal(small.clusters, large.clusters)


def test_a_law_of_one_number_is_a_constant():
    model = ClusterSignal(alpha=(0.7, 0.7), beta=(0, 0), gamma=(2, 2), scale=1.0, noise_std=0.0)
    data = model.sample(40, 0)
    feature, centre, noise = strengths(model, data)
    np.testing.assert_allclose(feature * data.labels, 0.7, rtol=1e-12)
    np.testing.assert_array_equal(centre, 0)
    np.testing.assert_allclose(np.abs(noise).max(axis=1), 2, rtol=1e-12)


def test_a_field_changes_only_what_it_says():
    """Streams have names: another law of γ, or noise, leaves all else."""
    base, other = (ClusterSignal.published(setting).sample(60, 4) for setting in (1, 4))
    for name in ("labels", "clusters", *KINDS):
        np.testing.assert_array_equal(getattr(base, name), getattr(other, name))
    rows = np.arange(60)
    for places in (base.positions, base.centre_positions):
        np.testing.assert_array_equal(base.patches()[rows, places], other.patches()[rows, places])


def test_published_settings():
    models = [ClusterSignal.published(setting) for setting in (1, 2, 3, 4)]
    sizes = {(m.n_clusters, m.n_patches, m.patch_dim, m.scale, m.balanced) for m in models}
    assert sizes == {(4, 4, 50, 10.0, False)}
    assert {(m.alpha, m.beta) for m in models} == {((0.5, 2.0), (1.0, 2.0))}
    assert [m.gamma for m in models] == [(0.5, 3.0)] * 2 + [(0.5, 2.0)] * 2
    assert [m.noise_std for m in models] == [1.0, 2.0, 1.0, 2.0]
    for setting in (0, 5, "1", None, True):
        with pytest.raises(ValueError, match=r"setting must be an integer in \[1, 4\]"):
            ClusterSignal.published(setting)


def test_subsets_keep_clusters_and_places():
    data = MANY.sample(20, 0)
    part = data[data.labels > 0]
    for name in ("clusters", *KINDS):
        np.testing.assert_array_equal(getattr(part, name), getattr(data, name)[data.labels > 0])


def test_as_many_inputs_as_published_take_no_time():
    start = time.perf_counter()
    ClusterSignal().sample(16_000, 0)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_clusters": 1}, "n_clusters must be an integer >= 2; got 1"),
        ({"n_patches": 2}, "n_patches must be an integer >= 3; got 2"),
        ({"patch_dim": 7}, "patch_dim must be >= 2*n_clusters = 8, as features and centres are"),
        ({"patch_dim": 8.0}, "patch_dim must be an integer"),
        ({"alpha": (2, 1)}, "alpha must be two numbers (low, high) with 0 <= low <= high"),
        ({"beta": (-1, 1)}, "beta must be a finite number in [0, 1e+50]; got -1"),
        ({"gamma": (0, np.inf)}, "gamma must be a finite number in [0, 1e+50]; got inf"),
        ({"gamma": 1.0}, "gamma must be two numbers"),
        ({"gamma": (1, 2, 3)}, "gamma must be two numbers"),
        ({"noise_std": -0.1}, "noise_std must be a finite number in [0, 1e+50]"),
        ({"scale": 0}, "scale must be a finite number in (0, 1e+50]; got 0"),
        ({"positive_fraction": 1.0}, "positive_fraction must be"),
        ({"balanced": 1}, "balanced must be True or False; got 1"),
        ({"dictionary_seed": -1}, "dictionary_seed must be an integer >= 0; got -1"),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ClusterSignal(**changes)


def test_largest_numbers_stay_finite():
    model = ClusterSignal(alpha=(1e50, 1e50), gamma=(0, 1e50), noise_std=1e50, scale=1e50)
    assert np.isfinite(model.sample(20, 0).dictionary ** 2).all()
