"""Sums over patches on clusters: no sum is better than the floor, and one attains it.

On small discrete problems the best sum is found by integer programming, among all functions f.
"""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.stats import binom

from moe_theory.bounds import (
    Measurements,
    best_patch_sum,
    check,
    cluster_bounds,
    patch_sum_floor,
    symmetric_sum_error,
)
from moe_theory.data import ClusterSignal, PatchPatterns

SIGNS = (1, -1)
SETTINGS = [ClusterSignal.published(setting) for setting in (1, 2, 3, 4)]
ends = st.floats(0.0, 4.0).map(lambda end: round(end, 2))
laws = st.tuples(ends, ends).map(sorted).map(tuple)
models = st.builds(
    ClusterSignal,
    n_clusters=st.integers(2, 6),
    n_patches=st.integers(3, 6),
    patch_dim=st.just(13),
    alpha=laws,
    gamma=laws,
    noise_std=st.sampled_from([0.0, 0.5, 2.0]),
    scale=st.sampled_from([0.1, 1.0, 10.0]),
    positive_fraction=st.sampled_from([0.2, 0.5, 0.6]),
)


def inputs(n_clusters, alpha, gamma, positive=0.5):
    """Return each input of a discrete problem: label, terms of F, probability.

    Laws are dictionaries of amplitude and probability. A term is a patch; the centre, and Gaussian
    noise with it, are a constant of the cluster.
    """
    found = []
    for c, other in product(range(n_clusters), repeat=2):
        if c == other:
            continue
        for y, sign, a, g in product(SIGNS, SIGNS, alpha, gamma):
            terms = ("centre", c), (c, y * a), (other, sign * g)
            share = alpha[a] * gamma[g] * (positive if y > 0 else 1 - positive) / 2
            found.append((y, terms, share / n_clusters / (n_clusters - 1)))
    return found


def least_error(cases):
    """Return the least error of any f, by integer programming."""
    names = sorted({term for _, terms, _ in cases for term in terms}, key=str)
    place = {name: at for at, name in enumerate(names)}
    n_values, n_cases = len(names), len(cases)
    largest = 60.0
    rows = np.zeros((n_cases, n_values + n_cases))
    for at, (label, terms, _) in enumerate(cases):
        for term in terms:
            rows[at, place[term]] += label
        # An input that counts as an error need not be right.
        rows[at, n_values + at] = 3 * largest + 1
    cost = np.concatenate([np.zeros(n_values), [share for *_, share in cases]])
    limits = np.concatenate([np.full(n_values, largest), np.ones(n_cases)])
    found = milp(
        cost,
        constraints=LinearConstraint(rows, lb=1),
        integrality=np.arange(n_values + n_cases) >= n_values,
        bounds=Bounds(np.concatenate([-limits[:n_values], np.zeros(n_cases)]), limits),
        options={"mip_rel_gap": 0},
    )
    assert found.success
    return found.fun


def overlap(alpha, gamma):
    sizes = alpha.keys() | gamma.keys()

    def chance(u, w):
        return alpha.get(u, 0) * gamma.get(w, 0)

    return sum(min(chance(u, w), chance(w, u)) for u, w in product(sizes, repeat=2))


def even(*sizes):
    return dict.fromkeys(sizes, 1 / len(sizes))


@pytest.mark.parametrize("n_clusters", [2, 3])
@pytest.mark.parametrize("positive", [0.5, 0.3])
def test_constant_amplitudes_have_the_floor_exactly(n_clusters, positive):
    model = ClusterSignal(
        n_clusters, alpha=(1, 1), gamma=(1, 1), positive_fraction=positive, dictionary_seed=3
    )
    best = least_error(inputs(n_clusters, even(1), even(1), positive))
    assert best == pytest.approx(patch_sum_floor(model), abs=1e-9)


def test_no_function_of_few_values_does_better():
    """All f of values −3 … 3 on the four patches, and of any threshold per cluster."""
    best = 1.0
    for f in product(range(-3, 4), repeat=4):
        value = dict(zip([(0, 1), (0, -1), (1, 1), (1, -1)], f, strict=True))
        total = 0.0
        for c in (0, 1):
            sums = [(value[c, y] + value[1 - c, sign], y) for y in SIGNS for sign in SIGNS]
            cuts = [cut + 0.5 for cut in range(-7, 7)]
            total += min(sum((s > cut) != (y > 0) for s, y in sums) for cut in cuts) / 8
        best = min(best, total)
    assert best == 1 / 8


@pytest.mark.parametrize(
    ("alpha", "gamma"),
    [
        (even(1, 2), even(1, 2)),
        (even(1, 2), even(2, 3)),
        (even(1, 2), even(1, 2, 3)),
        (even(1, 2, 3), even(2, 3)),
        (even(1, 2), even(3, 4)),
    ],
)
def test_uniform_laws_on_a_grid_have_the_floor_exactly(alpha, gamma):
    """Shares of common sizes are as those of intervals."""
    best = least_error(inputs(2, alpha, gamma))
    shared = len(alpha.keys() & gamma.keys())
    assert best == pytest.approx(shared**2 / len(alpha) / len(gamma) / 8, abs=1e-9)


def pmf(chances):
    return {size + 1: chance / sum(chances) for size, chance in enumerate(chances) if chance}


chances = st.lists(st.integers(0, 3), min_size=2, max_size=2).filter(any).map(pmf)


@settings(max_examples=15, deadline=None)
@given(alpha=chances, gamma=chances, positive=st.sampled_from([0.5, 0.25]))
def test_any_laws_have_at_least_the_floor_of_their_overlap(alpha, gamma, positive):
    best = least_error(inputs(2, alpha, gamma, positive))
    rarer = min(positive, 1 - positive)
    assert best >= rarer * overlap(alpha, gamma) / 4 - 1e-9
    assert best <= min(rarer, overlap(alpha, gamma) / 4) + 1e-9


def sharp_floor(alpha, gamma, positive):
    """The floor that knows which pair of inputs is wrong: a sum over pairs of sizes."""
    total = 0.0
    for u, w in product(alpha, gamma):
        exchanged = gamma.get(u, 0) * alpha.get(w, 0)
        total += min((1 - positive) * alpha[u] * gamma[w], positive * exchanged)
    return total / 4


@settings(max_examples=15, deadline=None)
@given(alpha=chances, gamma=chances, positive=st.sampled_from([0.5, 0.25, 0.7]))
def test_unequal_classes_and_other_laws_have_the_sharp_floor_exactly(alpha, gamma, positive):
    """With two clusters; it is no lower than the floor by the overlap."""
    floor = sharp_floor(alpha, gamma, positive)
    assert floor >= min(positive, 1 - positive) * overlap(alpha, gamma) / 4 - 1e-12
    best = least_error(inputs(2, alpha, gamma, positive))
    assert best == pytest.approx(floor, abs=1e-6)


def test_the_sharp_floor_is_higher_and_holds_with_three_clusters():
    alpha, gamma, positive = {1: 0.7, 2: 0.3}, {1: 0.4, 2: 0.6}, 0.4
    floor = sharp_floor(alpha, gamma, positive)
    assert floor > 0.4 * overlap(alpha, gamma) / 4 + 1e-3
    assert least_error(inputs(3, alpha, gamma, positive)) >= floor - 1e-9


@pytest.mark.slow
def test_some_laws_keep_every_sum_above_that_floor():
    alpha, gamma = {1: 0.5, 2: 0.3, 3: 0.2}, {1: 0.2, 2: 0.3, 3: 0.5}
    best = least_error(inputs(3, alpha, gamma))
    assert overlap(alpha, gamma) / 8 + 1e-3 < best < overlap(alpha, gamma) / 4


@pytest.mark.parametrize("model", SETTINGS)
def test_published_settings(model):
    data = model.sample(16_000, 5)
    wrong = int((data.labels * best_patch_sum(model, data) <= 0).sum())
    assert abs(wrong - 16_000 * patch_sum_floor(model)) < 5 * np.sqrt(16_000 * 0.1)
    if model.alpha == model.gamma:
        assert patch_sum_floor(model) == cluster_bounds()["dense_error"].evaluate() == 1 / 8


@settings(max_examples=40, deadline=None)
@given(model=models, seed=st.integers(0, 99))
def test_best_sum_attains_the_floor(model, seed):
    assume(model.alpha[1] > 0)
    data = model.sample(400, seed)
    wrong = int((data.labels * best_patch_sum(model, data) <= 0).sum())
    law = binom(400, patch_sum_floor(model))
    assert min(law.cdf(wrong), law.sf(wrong - 1)) > 1e-7


@settings(max_examples=40, deadline=None)
@given(model=models, seed=st.integers(0, 99), power=st.sampled_from([1, 3]))
def test_symmetric_sum(model, seed, power):
    data = model.sample(400, seed)
    along = data.patches() @ model.features.T / model.scale
    rows = np.arange(400)
    kept = np.stack([along[rows, at] for at in (data.positions, data.feature_noise_positions)])
    sums = (kept**power).sum(axis=(0, 2))
    # What cancels is 0 up to rounding.
    rounding = 1e-12 * np.abs(kept).max(axis=(0, 2)) ** power
    wrong = int((data.labels * sums <= rounding).sum())
    law = binom(400, symmetric_sum_error(model))
    assert min(law.cdf(wrong), law.sf(wrong - 1)) > 1e-7
    assert symmetric_sum_error(model) >= patch_sum_floor(model) - 1e-12


@given(alpha=laws, gamma=laws, factor=st.floats(0.1, 10))
def test_floor_does_not_depend_on_units_or_on_which_law_is_which(alpha, gamma, factor):
    floor = patch_sum_floor(ClusterSignal(alpha=alpha, gamma=gamma))
    assert 0 <= floor <= (1 / 8 if alpha[1] else 1 / 2)
    larger = [tuple(factor * end for end in law) for law in (alpha, gamma)]
    assume(all((law[0] < law[1]) == (low < high)
               for law, (low, high) in zip(larger, (alpha, gamma), strict=True)))  # fmt: skip
    scaled = patch_sum_floor(ClusterSignal(alpha=larger[0], gamma=larger[1]))
    assert scaled == pytest.approx(floor, abs=1e-9)
    if alpha[1] and gamma[1]:
        swapped = patch_sum_floor(ClusterSignal(alpha=gamma, gamma=alpha))
        assert swapped == pytest.approx(floor, abs=1e-15)


def test_floor_by_integration():
    """The densities' overlap, on a grid."""
    middle = (np.arange(4000) + 0.5) / 1000
    for alpha, gamma in (
        ((0.5, 2), (0.5, 3)),
        ((1, 3), (0, 2)),
        ((0, 4), (1, 2)),
        ((0, 1), (2, 3)),
    ):
        p, q = (
            ((middle > low) & (middle < high)) / (high - low) / 1000 for low, high in (alpha, gamma)
        )
        least = np.minimum(np.outer(p, q), np.outer(q, p)).sum() / 8
        assert patch_sum_floor(ClusterSignal(alpha=alpha, gamma=gamma)) == pytest.approx(least)


def test_a_feature_that_vanishes_leaves_the_more_frequent_label():
    model = ClusterSignal(alpha=(0, 0), positive_fraction=0.7)
    assert patch_sum_floor(model) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": (0, 0)}, "model.alpha must be a law of which not all is 0; got (0.0, 0.0)"),
        ({"beta": (0, 0)}, "model.beta must be a law of which not all is 0"),
        ({"patch_dim": 9}, "data.patch_dim must be that of the model, 9; got 50"),
    ],
)
def test_what_the_best_sum_cannot_read(changes, message):
    data = ClusterSignal().sample(5, 0)
    with pytest.raises(ValueError, match=re.escape(message)):
        best_patch_sum(ClusterSignal(**changes), data)


@pytest.mark.parametrize("function", [patch_sum_floor, symmetric_sum_error])
def test_other_models_are_refused(function):
    with pytest.raises(TypeError, match="model must be a ClusterSignal; got PatchPatterns"):
        function(PatchPatterns(4, 8, 12))


def test_simulated_errors_are_held_against_the_floor():
    bound = cluster_bounds()["dense_error"]
    widths = {"n_hidden": [8, 64, 512]}
    above = Measurements(widths, [0.3, 0.13, 0.124], [0.01] * 3)
    assert check(bound, above).verdict == "not violated"
    below = check(bound, Measurements(widths, [0.3, 0.13, 0.1], [0.01] * 3))
    assert below.verdict == "violated"
    assert below.reason == "1 of 3 amounts lie beyond the bound"
