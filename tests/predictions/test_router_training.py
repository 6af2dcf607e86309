"""Success of trained routers on their own samples and with spread: enumeration and simulation."""

import dataclasses
from functools import partial

import numpy as np
import pytest
from multinomials import multinomial
from numpy.random import SeedSequence
from scipy import special, stats

from moe_theory import SGD, PatchPatterns, SeparateMoE, routing_metrics, train_many
from moe_theory.predictions import router_success
from moe_theory.predictions.routers.success_mean import success_curves, typical_scores

training_router_success = partial(router_success, inputs="training")
EXACT = router_success, training_router_success
GAUSSIAN = tuple(partial(predict, method="gaussian") for predict in EXACT)
# Patches that are routed in the simulations below.
ROUTED = (1, 2, 4)


def full_batch(n_train):
    return SGD(0.5, n_train, n_steps=1, router_n_epochs=2, dtype="float64")


def predicted(functions, case, routed=ROUTED):
    """Success on fresh and on training inputs, by l."""
    n, p, n_train, start, options = case
    patterns = PatchPatterns(n, p, **({"patch_dim": p + 2} | options))
    return np.array([
        [function(patterns, SeparateMoE(2, 2, l, router_init_std=start), full_batch(n_train),
                  n_train).own for l in routed]
        for function in functions
    ])  # fmt: skip


def kept_in_training(n, p, n_routed, own, other, delta_d, noise):
    """Success on a training input by enumeration of it and of all others, given their classes."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    nodes, weights = 9 * nodes, 9 * weights * stats.norm.pdf(9 * nodes)
    seen, mean = {}, 0.0
    theirs = multinomial(other * (n - 1), p).items()
    for more, chance in multinomial((own - 1) * (n - 1), p).items():
        for less, other_chance in theirs:
            difference = tuple(np.subtract(more, less).tolist())
            seen[difference] = seen.get(difference, 0.0) + chance * other_chance
    for counts, chance in multinomial(n - 1, p).items():
        for difference, seen_chance in seen.items():
            lead = np.add(difference, counts) - (own - delta_d * other)
            law = np.zeros((n, len(nodes)))
            law[0] = 1
            for count, ahead in zip(
                counts, special.ndtr(lead[:, None] / noise - nodes), strict=True
            ):
                if count:
                    moved = law * (1 - ahead)
                    moved[count:] += law[:-count] * ahead
                    law = moved
            mean += chance * seen_chance * (weights @ law[:n_routed].sum(axis=0))
    return mean


@pytest.mark.parametrize(
    ("n", "p", "n_routed", "n_train", "delta_d", "noise"),
    [
        (3, 2, 1, 2, 0.0, 0.3),
        (3, 3, 1, 3, 0.5, 0.5),
        (4, 2, 2, 4, 0.0, 0.01),
        (3, 1, 1, 3, 0.0, 0.8),
        (3, 4, 1, 2, 0.3, 0.7),
        (3, 9, 1, 2, 0.0, 0.3),
        (2, 10, 1, 3, -0.5, 0.3),
        (4, 3, 2, 2, -0.3, 1.0),
    ],
)
@pytest.mark.parametrize("law", [{}, {"balanced": False, "positive_fraction": 0.3}])
def test_training_success_against_enumeration(n, p, n_routed, n_train, delta_d, noise, law):
    """Exact for small p, where every pattern repeats; a class counts as often as it is large."""
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d, **law)
    model = SeparateMoE(2, 2, n_routed, router_init_std=noise / n_train)
    found = training_router_success(patterns, model, full_batch(n_train), n_train)
    counts = {n_train // 2: 0.5, (n_train + 1) // 2: 0.5}
    if n_train % 2 == 0:
        counts = {n_train // 2: 1.0}
    if law:
        counts = {i: stats.binom.pmf(i, n_train, 0.3) for i in range(n_train + 1)}
    sums, sizes = np.zeros(2), np.zeros(2)
    for count, chance in counts.items():
        for side, own in enumerate((count, n_train - count)):
            if own:
                kept = kept_in_training(n, p, n_routed, own, n_train - own, delta_d, noise)
                sums[side] += chance * own * kept
                sizes[side] += chance * own
    assert found.positive == pytest.approx(sums[0] / sizes[0], abs=1e-8)
    assert found.negative == pytest.approx(sums[1] / sizes[1], abs=1e-8)
    assert found.own == pytest.approx(sums.sum() / n_train, abs=1e-8)


@pytest.mark.parametrize(
    ("n", "p", "n_train", "start", "options"),
    [
        (16, 32, 12, 1e-3, {}),
        (16, 8, 12, 0.1, {"delta_d": 0.5}),
        (8, 4, 5, 0.2, {"delta_d": -0.3}),
        (24, 128, 10, 0.05, {"positive_fraction": 0.3}),
        (6, 1, 5, 0.3, {}),
    ],
)
def test_two_exact_ways_agree_on_fresh_inputs(n, p, n_train, start, options):
    """By the law of the patterns ahead, and by the law of the patches ahead."""
    patterns, sgd = PatchPatterns(n, p, p + 2, **options), full_batch(n_train)
    model = SeparateMoE(2, 2, 1, router_init_std=start)
    curves = success_curves(patterns, typical_scores(patterns, model, sgd, n_train), n_train)
    for l in (1, 2, n // 2, n):
        routed = dataclasses.replace(model, n_routed=l)
        exact = router_success(patterns, routed, sgd, n_train)
        assert curves[0][l - 1] == pytest.approx(exact.positive, abs=1e-7)
        assert curves[1][l - 1] == pytest.approx(exact.negative, abs=1e-7)


# n, p, N, initial spread of the routers in units of η_r T_r, settings of the patterns.
NO_SPREAD = [
    (16, 32, 12, 1e-3, {}),
    (16, 8, 12, 0.1, {"delta_d": 0.5}),
    (8, 2, 6, 1e-3, {}),
    (8, 3, 4, 0.05, {"delta_d": -0.4}),
    (16, 16, 40, 1e-3, {"delta_d": 0.3}),
    (12, 24, 9, 0.02, {"balanced": False}),
    (16, 64, 8, 0.02, {"positive_fraction": 0.25}),
]
SPREAD = [
    (16, 32, 12, 1e-3, {"spread": 0.1}),
    (16, 32, 12, 1e-3, {"spread": 0.3}),
    (16, 32, 4, 1e-3, {"spread": 0.2}),
    (16, 8, 40, 1e-3, {"spread": 0.5, "patch_dim": 12}),
    (16, 8, 40, 1e-3, {"spread": 0.3, "patch_dim": 40}),
    (16, 64, 20, 0.05, {"spread": 0.15, "delta_d": 0.3}),
    (16, 64, 20, 1e-3, {"spread": 0.15, "delta_d": -0.6}),
    (16, 32, 60, 1e-3, {"spread": 0.3, "delta_d": 0.3}),
    (8, 16, 6, 0.05, {"spread": 0.2, "balanced": False, "positive_fraction": 0.6}),
]


def simulated(case, seeds, n_test=40):
    """Means of `RoutingMetrics.own`, fresh and training, by l, and their standard errors."""
    n, p, n_train, start, options = case
    patterns = PatchPatterns(n, p, **({"patch_dim": p + 2} | options))
    model = SeparateMoE(2, 2, 1, router_init_std=start)

    def own(run):
        seed = SeedSequence(run.seed[0], spawn_key=run.seed[1])
        fresh, training = (
            patterns.sample(n_test, seed, split="test"),
            patterns.sample(n_train, seed),
        )
        assert run.routing(training).own == routing_metrics(training, run.weights.routers, 1).own
        return [
            [routing_metrics(data, run.weights.routers, l).own for l in ROUTED]
            for data in (fresh, training)
        ]

    runs = train_many(model, patterns, full_batch(n_train), seeds, n_train=n_train, reduce=own)
    errors = np.std(runs, axis=0) / len(runs) ** 0.5
    return np.mean(runs, axis=0), errors, len(runs) * np.array([[n_test], [n_train]])


def check(cases, seeds, allowed=0.0):
    """All scores within what the largest of so many may be; ``allowed`` is the theory's error.

    An error is at least that of independent inputs, as rare failures show too little of it.
    """
    scores = []
    for case in cases:
        means, errors, inputs = simulated(case, seeds)
        expected = predicted(EXACT, case)
        least = np.sqrt(np.maximum(expected * (1 - expected), 4 / inputs) / inputs)
        misses = np.maximum(np.abs(means - expected) - allowed, 0)
        scores.append(misses / np.maximum(errors, least))
    highest = stats.norm.isf(0.0005 / np.size(scores))
    assert np.max(scores) < highest, np.round(scores, 1)


def test_no_spread_against_simulation():
    check(NO_SPREAD[1::2], range(100))
    check(NO_SPREAD[::2], range(50))


def test_spread_against_simulation():
    """Of 120 runs; where few of them succeed, the normal law of the mean needs the long test."""
    check([SPREAD[i] for i in (0, 5, 7)], range(120))


@pytest.mark.slow
def test_no_spread_against_long_simulation():
    check(NO_SPREAD, range(20_000, 24_000))


@pytest.mark.slow
def test_spread_against_long_simulation():
    """The success errs by at most 0.004 where κ is up to 0.4."""
    check(SPREAD, range(20_000, 24_000), allowed=0.004)


def test_no_spread_is_the_limit_of_a_small_one():
    for functions in (EXACT, GAUSSIAN):
        options = {"delta_d": 0.4, "positive_fraction": 0.25}
        without = predicted(functions, (8, 16, 4, 0.3, options))
        small = predicted(functions, (8, 16, 4, 0.3, options | {"spread": 1e-6}))
        np.testing.assert_allclose(small, without, atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [
        (16, 64, 40, 0.05, {"spread": 0.2}),
        (16, 64, 30, 1e-3, {"spread": 0.15, "delta_d": 0.3}),
        (16, 64, 60, 0.1, {"delta_d": 0.5}),
    ],
)
def test_gaussian_limit_is_near_where_every_pattern_is_frequent(case):
    """Patterns are seen about ten times each: failures within a twentieth."""
    exact, gaussian = predicted(EXACT, case), predicted(GAUSSIAN, case)
    assert (1 - exact).max() > 0.05
    np.testing.assert_allclose(1 - gaussian, 1 - exact, rtol=0.05, atol=0.002)


def test_gaussian_limit_is_too_good_where_patterns_are_rare():
    case = (32, 256, 8, 1e-3, {"spread": 0.03})
    exact, gaussian = predicted(EXACT, case, (1,)), predicted(GAUSSIAN, case, (1,))
    assert (1 - exact[0]) > 1.5 * (1 - gaussian[0])


def test_own_samples_are_harder_and_the_gap_closes():
    """A training input's patches score higher; with N their share in the scores shrinks."""
    for options in ({}, {"delta_d": 0.5}):
        gaps = []
        for n_train in (10, 40):
            fresh, training = predicted(EXACT, (16, 32, n_train, 0.01, options), (1,))[:, 0]
            assert training < fresh
            gaps.append(special.ndtri(fresh) - special.ndtri(training))
        assert gaps[1] < 0.75 * gaps[0]


def test_classes_swap_and_weigh_as_their_samples():
    sgd, model = full_batch(10), SeparateMoE(2, 2, 2)
    rare, common = (
        training_router_success(PatchPatterns(8, 8, 10, positive_fraction=share), model, sgd, 10)
        for share in (0.2, 0.8)
    )
    assert rare.positive == pytest.approx(common.negative, abs=1e-12)
    assert rare.own == pytest.approx(0.2 * rare.positive + 0.8 * rare.negative)
    # 0.33 of 7 samples are 2: the mean over the samples weighs the class with 2/7.
    patterns = PatchPatterns(8, 8, 10, positive_fraction=0.33)
    odd = training_router_success(patterns, model, full_batch(7), 7)
    assert odd.own == pytest.approx((2 * odd.positive + 5 * odd.negative) / 7)


def test_a_class_without_samples():
    patterns = PatchPatterns(4, 8, 10, positive_fraction=0.2)
    found = training_router_success(patterns, SeparateMoE(2, 2, 2), full_batch(1), 1)
    assert np.isnan(found.positive)
    assert found.own == found.negative > 0


def test_large_fluctuations_warn():
    patterns = PatchPatterns(8, 1, 3, spread=1.0)
    for function in GAUSSIAN:
        with pytest.warns(UserWarning, match=r"fluctuates by .*patch_dim = 3"):
            function(patterns, SeparateMoE(2, 2, 2), full_batch(4), 4)


def test_few_samples_warn():
    patterns, model = PatchPatterns(8, 32, 34, spread=0.2), SeparateMoE(2, 2, 2)
    fresh, training = GAUSSIAN
    fresh(patterns, model, full_batch(2), 2)
    with pytest.warns(UserWarning, match="n_train = 2 is below 4"):
        training(patterns, model, full_batch(2), 2)


def test_equal_calls_give_equal_results():
    case = (6, 16, 4, 0.1, {"spread": 0.2})
    first = predicted(EXACT, case)
    success_curves.cache_clear()
    np.testing.assert_array_equal(predicted(EXACT, case), first)
