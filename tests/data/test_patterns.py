import dataclasses
import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_theory.data import PatchPatterns

NO_SPREAD = st.just(0.0)


@st.composite
def models(draw, spread=NO_SPREAD):
    n = draw(st.integers(1, 7))
    p = draw(st.integers(0 if n == 1 else 1, 6))
    delta_d = draw(st.one_of(st.floats(-0.99, 0.99), st.sampled_from([1 - 1e-6, 1e-6 - 1])))
    first = draw(st.integers(0, p))
    second = draw(st.integers(0, p - first))
    closeness = draw(st.sampled_from([0.3, 1.0, math.sqrt(2 / (1 - delta_d))]))
    limits = st.integers(0, n - 1) if first + second < p else st.just(n - 1)
    return PatchPatterns(
        n,
        p,
        p + 2 + draw(st.integers(0, 3)),
        delta_d=delta_d,
        spread=draw(spread),
        balanced=draw(st.booleans()),
        n_closer=(first, second),
        closeness=min(closeness, math.sqrt(2 / (1 - delta_d))),
        max_closer=draw(st.none() | limits),
        dictionary_seed=draw(st.integers(0, 5)),
    )


@given(model=models())
def test_gram_matrix(model):
    c1, c2 = model.n_closer
    p, delta = model.n_irrelevant, model.delta_d
    along = model.closeness * math.sqrt((1 - delta) / 2)
    side = np.array([1] * c1 + [-1] * c2 + [0] * (p - c1 - c2))
    expected = np.eye(p + 2)
    expected[0, 1] = expected[1, 0] = delta
    expected[2:, 2:] += along**2 * (np.outer(side, side) - np.diag(side**2))
    expected[0, 2:] = expected[2:, 0] = side * along * math.sqrt((1 - delta) / 2)
    expected[1, 2:] = expected[2:, 1] = -expected[0, 2:]
    gram = model.dictionary @ model.dictionary.T
    np.testing.assert_allclose(gram, expected, atol=1e-12)
    scores = (model.o1 - model.o2) @ model.dictionary[2:].T
    np.testing.assert_allclose(scores, side * model.closeness * (1 - delta), atol=1e-12)


@given(model=models(), n_samples=st.integers(1, 9), seed=st.integers(0, 9))
def test_structure_of_a_sample(model, n_samples, seed):
    data = model.sample(n_samples, seed)
    rows = np.arange(n_samples)
    np.testing.assert_array_equal(data.indices[rows, data.positions], (data.labels < 0))
    assert ((data.indices < 2).sum(axis=1) == 1).all()
    assert data.indices.max() < model.n_irrelevant + 2
    np.testing.assert_array_equal(data.dictionary, model.dictionary)
    c1, c2 = model.n_closer
    limit = model.n_patches - 1 if model.max_closer is None else model.max_closer
    for low, high in ((2, 2 + c1), (2 + c1, 2 + c1 + c2)):
        assert (((data.indices >= low) & (data.indices < high)).sum(axis=1) <= limit).all()


@given(model=models(spread=st.floats(0.01, 2)), n_samples=st.integers(1, 5))
def test_discriminative_patch_has_no_spread(model, n_samples):
    data = model.sample(n_samples, 0)
    assert not model.is_finite
    found = data.patches()[np.arange(n_samples), data.positions]
    np.testing.assert_array_equal(found, np.where(data.labels[:, None] > 0, model.o1, model.o2))
    assert data.n_patterns == n_samples * model.n_patches


def test_spread_is_isotropic_gaussian_around_the_centres_of_the_finite_sample():
    finite = PatchPatterns(8, 5, 7, n_closer=(1, 1))
    noisy = dataclasses.replace(finite, spread=0.3)
    exact, data = finite.sample(400, 2), noisy.sample(400, 2)
    np.testing.assert_array_equal(exact.labels, data.labels)
    noise = (data.patches() - exact.patches()) / 0.3
    noise = noise[np.arange(8) != data.positions[:, None]]
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-6
    covariance = noise.T @ noise / len(noise)
    assert np.abs(covariance - np.eye(7)).max() < 5 * math.sqrt(2 / len(noise))


@pytest.mark.parametrize("label", [1, -1])
def test_irrelevant_patterns_are_uniform_for_either_class(label):
    model = PatchPatterns(6, 7, 9)
    data = model.sample(2000, 5)
    drawn = data.indices[data.labels == label]
    assert stats.chisquare(np.bincount(drawn[drawn >= 2] - 2, minlength=7)).pvalue > 1e-6


def test_limit_favours_no_place_and_redraws_neutral_uniformly():
    model = PatchPatterns(6, 9, 11, n_closer=(5, 2), max_closer=1)
    data = model.sample(6000, 1)
    closer = (data.indices >= 2) & (data.indices < 7)
    assert stats.chisquare(closer.sum(axis=0)).pvalue > 1e-6
    neutral = data.indices[data.indices >= 9] - 9
    assert stats.chisquare(np.bincount(neutral, minlength=2)).pvalue > 1e-6
    # An input lacks a closer patch only if none of its 5 irrelevant patches was one.
    without = int((closer.sum(axis=1) == 0).sum())
    assert stats.binomtest(without, 6000, (4 / 9) ** 5).pvalue > 1e-6


def kept(model, bag, label, n_routed, ties_win):
    """Whether top-l routing by the aligned router keeps the discriminative patch of ``bag``."""
    score = label * np.round(model.dictionary @ (model.o1 - model.o2), 9)
    own = score[0 if label > 0 else 1]
    rivals = score[list(bag)]
    ahead = (rivals > own).sum() if ties_win else (rivals >= own).sum()
    return ahead < n_routed


def possible_bags(model):
    c1, c2 = model.n_closer
    for bag in itertools.combinations_with_replacement(
        range(2, 2 + model.n_irrelevant), model.n_patches - 1
    ):
        on_side = [sum(2 <= q < 2 + c1 for q in bag), sum(2 + c1 <= q < 2 + c1 + c2 for q in bag)]
        if model.max_closer is None or max(on_side) <= model.max_closer:
            yield bag


@settings(max_examples=60)
@given(model=models().filter(lambda model: model.n_patches <= 5 and model.delta_d < 0.99))
def test_l_star_against_every_possible_input(model):
    cases = list(itertools.product(possible_bags(model), (1, -1)))
    sure = [
        n_routed
        for n_routed in range(1, model.n_patches + 1)
        if all(kept(model, bag, label, n_routed, ties_win=False) for bag, label in cases)
    ]
    assert model.l_star == sure[0]


@settings(max_examples=40)
@given(model=models(), seed=st.integers(0, 99))
def test_samples_hold_no_more_closer_patches_than_l_star_says(model, seed):
    data = model.sample(50, seed)
    assert 1 <= model.l_star <= model.n_patches
    scores = data.labels[:, None] * ((model.o1 - model.o2) @ model.dictionary.T)[data.indices]
    ahead = (scores >= 1 - model.delta_d - 1e-9 * (1 - model.delta_d)).sum(axis=1)
    assert ahead.max() <= model.l_star


@pytest.mark.parametrize(
    ("options", "delta_prime", "expected"),
    [
        ({}, 1e-9, 1),
        ({"n_closer": (1, 0)}, 1.0, 8),
        ({"n_closer": (0, 1)}, 1.0, 8),
        ({"n_closer": (1, 1), "max_closer": 2}, 1.0, 3),
        ({"n_closer": (1, 1), "max_closer": 0}, 1.0, 1),
        ({"n_closer": (1, 1), "closeness": np.nextafter(1, 0)}, 1.0, 1),
        ({"n_closer": (1, 1), "closeness": 0.5}, 0.5, 8),
        ({"n_closer": (1, 1), "closeness": 0.5}, 0.51, 1),
        ({"n_closer": (1, 1), "closeness": 1.2}, 1.3, 1),
    ],
)
def test_l_star_at(options, delta_prime, expected):
    model = PatchPatterns(8, 6, 8, **options)
    assert model.l_star_at(delta_prime) == expected


@given(delta_d=st.floats(-1, 1, exclude_min=True, exclude_max=True))
def test_a_tie_counts_at_every_delta_d(delta_d):
    tied = PatchPatterns(8, 6, 8, delta_d=delta_d, n_closer=(1, 0))
    below = dataclasses.replace(tied, closeness=float(np.nextafter(1, 0)))
    assert (tied.l_star, below.l_star) == (8, 1)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "1"])
def test_bad_delta_prime(value):
    with pytest.raises(ValueError, match="delta_prime must be a finite number in"):
        PatchPatterns(8, 6, 8).l_star_at(value)


def test_dictionary_depends_on_its_seed_only_and_is_shared():
    model = PatchPatterns(4, 6, 10)
    data = model.sample(3, 0)
    assert np.shares_memory(data.dictionary, model.sample(5, 1).dictionary)
    assert np.shares_memory(data.dictionary, PatchPatterns(9, 6, 10).dictionary)
    other = dataclasses.replace(model, dictionary_seed=1)
    assert np.abs(other.dictionary - model.dictionary).max() > 0.1
    np.testing.assert_array_equal(other.sample(3, 0).indices, data.indices)


def test_dictionary_cannot_be_written():
    dictionary = PatchPatterns(4, 6, 10).dictionary
    with pytest.raises(ValueError, match="read-only"):
        dictionary[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        dictionary.flags.writeable = True


def test_dictionary_is_rotated_at_random():
    directions = np.array(
        [PatchPatterns(1, 1, 3, dictionary_seed=seed).dictionary[2] for seed in range(600)]
    )
    # On the sphere in three dimensions each coordinate is uniform in [-1, 1].
    for coordinate in directions.T:
        assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 1e-6


def test_single_patch_without_irrelevant_patterns():
    data = PatchPatterns(1, 0, 2).sample(5, 0)
    np.testing.assert_array_equal(data.indices[:, 0], data.labels < 0)


def test_spec_is_a_value():
    assert PatchPatterns(4, 6, 10) == PatchPatterns(np.int64(4), 6, 10, n_closer=[0, 0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        PatchPatterns(4, 6, 10).n_patches = 3


GOOD = {"n_patches": 4, "n_irrelevant": 6, "patch_dim": 8}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_patches": 0}, "n_patches must be an integer >= 1; got 0"),
        ({"n_patches": True}, "n_patches must be an integer >= 1; got True"),
        ({"n_irrelevant": 0}, "n_irrelevant must be an integer >= 1; got 0"),
        ({"n_irrelevant": -1, "n_patches": 1}, "n_irrelevant must be an integer >= 0; got -1"),
        ({"patch_dim": 7}, "patch_dim must be >= n_irrelevant + 2 = 8, as an orthonormal set"),
        ({"patch_dim": 8.0}, "patch_dim must be an integer >= 1; got 8.0"),
        ({"delta_d": 1}, "delta_d must be a finite number in (-1, 1); got 1"),
        ({"delta_d": -1}, "delta_d must be a finite number in (-1, 1); got -1"),
        ({"delta_d": math.nan}, "delta_d must be a finite number in (-1, 1); got nan"),
        ({"spread": -0.1}, "spread must be a finite number in [0, 1e+100]; got -0.1"),
        ({"spread": 1e308}, "spread must be a finite number in [0, 1e+100]; got 1e+308"),
        ({"n_patches": 2**70}, "n_patches must be at most 2147483647; got 1180591620717411303424"),
        ({"patch_dim": 2**70}, "patch_dim must be at most 2147483647; got 1180591620717411303424"),
        ({"n_irrelevant": 2**70}, "n_irrelevant must be at most 2147483647; got 118059162071741"),
        ({"spread": math.inf}, "spread must be a finite number in [0, 1e+100]; got inf"),
        ({"balanced": 1}, "balanced must be True or False; got 1"),
        ({"positive_fraction": 0}, "positive_fraction must be a finite number in (0, 1); got 0"),
        ({"positive_fraction": 1}, "positive_fraction must be a finite number in (0, 1); got 1"),
        ({"n_closer": (4, 3)}, "n_closer must be two integers >= 0 whose sum is at most"),
        ({"n_closer": 2}, "n_closer must be two integers"),
        ({"n_closer": (1, 2, 3)}, "n_closer must be two integers"),
        ({"n_closer": (-1, 2)}, "n_closer must be an integer >= 0; got -1"),
        ({"closeness": 0}, "closeness must be a finite number in (0, 1.41421]; got 0"),
        ({"closeness": 1.42}, "closeness must be a finite number in (0, 1.41421]; got 1.42"),
        ({"max_closer": 4}, "max_closer must be an integer in [0, 3]; got 4"),
        ({"max_closer": -1}, "max_closer must be an integer in [0, 3]; got -1"),
        ({"max_closer": 2, "n_closer": (3, 3)}, "max_closer must be None or 3, as n_closer leaves"),
        ({"dictionary_seed": -1}, "dictionary_seed must be an integer >= 0; got -1"),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        PatchPatterns(**(GOOD | changes))
