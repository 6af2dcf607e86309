"""Chances that routers keep the discriminative patch, against enumeration and simulation."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multinomials import differences
from numpy.random import SeedSequence
from scipy import special, stats

from moe_theory import SGD, PatchPatterns, SeparateMoE, routing_metrics, train_many
from moe_theory.predictions import (
    aligned_success,
    certain_n_routed,
    router_success,
)

NO_SPREAD = st.just(0.0)
METHODS = ("exact", "gaussian")


@st.composite
def closer_patterns(draw, spread=NO_SPREAD):
    n = draw(st.integers(1, 6))
    p = draw(st.integers(0 if n == 1 else 1, 5))
    first = draw(st.integers(0, p))
    second = draw(st.integers(0, p - first))
    limits = st.integers(0, n - 1) if first + second < p else st.just(n - 1)
    return PatchPatterns(
        n,
        p,
        p + 2,
        delta_d=draw(st.sampled_from([-0.5, 0.0, 0.6])),
        spread=draw(spread),
        positive_fraction=draw(st.sampled_from([0.5, 0.3])),
        n_closer=(first, second),
        closeness=draw(st.sampled_from([0.5, 1.0, 1.1])),
        max_closer=draw(st.none() | limits),
    )


def enumerated(patterns, n_routed, side, ties_lose):
    """Success over all draws of the centres, as a fraction; without spread only."""
    c, n_others = patterns.n_closer, patterns.n_patches - 1
    ours = (0, c[0]) if side > 0 else (c[0], c[0] + c[1])
    limit = n_others if patterns.max_closer is None else patterns.max_closer
    ahead = patterns.closeness > 1 or (patterns.closeness == 1 and ties_lose)
    kept = total = 0
    for draw in itertools.product(range(patterns.n_irrelevant), repeat=n_others):
        rivals = min(limit, sum(ours[0] <= q < ours[1] for q in draw)) if ahead else 0
        kept += rivals < n_routed
        total += 1
    return Fraction(kept, total)


@settings(max_examples=60)
@given(closer_patterns())
def test_aligned_success_against_enumeration(patterns):
    for n_routed in range(1, patterns.n_patches + 1):
        success = aligned_success(patterns, n_routed)
        for ties_lose, found in ((True, success.worst), (False, success.best)):
            exact = [float(enumerated(patterns, n_routed, side, ties_lose)) for side in (1, -1)]
            assert found.positive == pytest.approx(exact[0], abs=1e-13)
            assert found.negative == pytest.approx(exact[1], abs=1e-13)
            share = patterns.positive_fraction
            assert found.own == pytest.approx(share * exact[0] + (1 - share) * exact[1])


@given(closer_patterns(spread=st.sampled_from([0.0, 0.3, 2.0])))
def test_aligned_success_is_monotone(patterns):
    all_l = [aligned_success(patterns, l) for l in range(1, patterns.n_patches + 1)]
    for side in ("positive", "negative", "own"):
        worst = np.array([getattr(success.worst, side) for success in all_l])
        best = np.array([getattr(success.best, side) for success in all_l])
        assert (np.diff(worst) >= -1e-14).all()
        assert (worst <= best + 1e-14).all()
        assert worst[-1] == 1
        if patterns.is_finite:
            assert (worst[patterns.l_star - 1 :] == 1).all()
        else:
            np.testing.assert_array_equal(worst, best)


@given(closer_patterns())
def test_certain_n_routed_is_l_star(patterns):
    assert certain_n_routed(patterns, 1) == patterns.l_star
    # No failure of these small inputs is rarer than 5⁻⁵: the same by the chances alone.
    assert certain_n_routed(patterns, 1 - 1e-6) == patterns.l_star


@pytest.mark.parametrize(
    ("options", "l_star"),
    [
        ({}, 1),
        ({"n_closer": (3, 2), "max_closer": 0}, 1),
        ({"n_closer": (3, 2), "closeness": 0.999}, 1),
        ({"n_closer": (0, 1)}, 128),
        ({"n_closer": (1, 0), "max_closer": 5}, 6),
    ],
)
def test_certainty_speaks_of_inputs_too_rare_for_a_float(options, l_star):
    patterns = PatchPatterns(128, 1024, 1026, **options)
    assert certain_n_routed(patterns, 1) == patterns.l_star == l_star
    assert certain_n_routed(patterns, 0.999) <= 3


@given(closer_patterns(spread=st.sampled_from([0.3, 1.0])), st.floats(0.01, 1))
def test_certain_n_routed_is_the_least(patterns, certainty):
    least = certain_n_routed(patterns, certainty)
    for n_routed in range(1, patterns.n_patches + 1):
        worst = aligned_success(patterns, n_routed).worst
        if certainty < 1:
            assert (min(worst.positive, worst.negative) >= certainty) == (n_routed >= least)
        elif n_routed < least:
            assert min(worst.positive, worst.negative) < 1


ALIGNED = [
    PatchPatterns(16, 8, 10, n_closer=(2, 1), closeness=1.2, delta_d=0.3),
    PatchPatterns(16, 8, 10, n_closer=(2, 3), closeness=1.0, max_closer=4),
    PatchPatterns(16, 8, 10, n_closer=(3, 2), closeness=1.1, max_closer=2, positive_fraction=0.3),
    PatchPatterns(16, 8, 10, spread=0.5),
    PatchPatterns(16, 8, 10, spread=0.3, n_closer=(2, 4), closeness=0.8, delta_d=-0.5),
    PatchPatterns(16, 8, 10, spread=1.0, n_closer=(2, 1), max_closer=1, delta_d=0.5),
    PatchPatterns(12, 8, 10, spread=0.1, n_closer=(1, 1), closeness=1.0),
]


@pytest.mark.parametrize("patterns", ALIGNED)
def test_aligned_success_against_simulation(patterns):
    """84 comparisons, each within 4 binomial standard errors of the interval of ties."""
    data = patterns.sample(5000, seed=11)
    routers = np.stack([patterns.o1 - patterns.o2, patterns.o2 - patterns.o1])
    n_positive = int((data.labels > 0).sum())
    for n_routed in (1, 2, 3, 5, 8, 12):
        measured = routing_metrics(data, routers, n_routed)
        success = aligned_success(patterns, n_routed)
        for found, side, count in (
            (measured.success_positive[0], "positive", n_positive),
            (measured.success_negative[1], "negative", 5000 - n_positive),
        ):
            low, high = (getattr(part, side) for part in (success.worst, success.best))
            error = [4 * (max(0, x * (1 - x)) / count) ** 0.5 + 1e-12 for x in (low, high)]
            assert low - error[0] <= found <= high + error[1]


def kept_after_training(n, p, n_routed, own, other, delta_d, noise):
    """Success by enumeration of all samples, given their classes; noise 0 stands for its limit."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    nodes, weights = 9 * nodes, 9 * weights * stats.norm.pdf(9 * nodes)
    kept = stats.binom.cdf(n_routed - 1, n - 1, np.arange(p + 1) / p)
    threshold, mean = own - delta_d * other, 0.0
    for a, chance in differences(own * (n - 1), other * (n - 1), p).items():
        lead = np.array(a) - threshold
        if noise == 0:
            # The initial score of o₁ is equally likely to have any rank among those that tie.
            above, tied = (lead > 1e-9).sum(), (abs(lead) < 1e-9).sum()
            mean += chance * kept[above : above + tied + 1].mean()
            continue
        law = np.zeros((p + 1, len(nodes)))
        law[0] = 1
        for ahead in special.ndtr(lead[:, None] / noise - nodes):
            law[1:] = law[1:] * (1 - ahead) + law[:-1] * ahead
            law[0] *= 1 - ahead
        mean += chance * (weights @ (kept @ law))
    return mean


@pytest.mark.parametrize(
    ("n", "p", "n_routed", "n_train", "delta_d", "noise"),
    [
        (3, 2, 1, 2, 0.0, 0.0),
        (3, 3, 1, 3, 0.0, 0.0),
        (3, 3, 2, 3, 0.5, 0.0),
        (4, 2, 2, 4, 0.0, 0.0),
        (3, 1, 1, 3, 0.0, 0.0),
        (3, 1, 1, 3, 0.0, 0.8),
        (4, 1, 2, 3, -0.5, 0.0),
        (3, 9, 1, 2, 0.0, 0.0),
        (2, 12, 1, 3, 0.0, 0.3),
        (3, 4, 1, 2, 0.3, 0.7),
        (3, 3, 1, 3, 0.0, 5.0),
        (3, 3, 1, 3, 0.0, 0.05),
        (4, 3, 1, 3, -0.3, 0.01),
    ],
)
@pytest.mark.parametrize("law", [{}, {"balanced": False, "positive_fraction": 0.3}])
def test_trained_success_against_enumeration(n, p, n_routed, n_train, delta_d, noise, law):
    """N₊ = 0 and N₋ = 0 occur where labels are random."""
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d, **law)
    sgd = SGD(0.5, n_train, n_steps=1, router_n_steps=4)
    model = SeparateMoE(2, 2, n_routed, router_init_std=noise * 2 / n_train)
    found = router_success(patterns, model, sgd, n_train)
    if law:
        counts = {i: stats.binom.pmf(i, n_train, 0.3) for i in range(n_train + 1)}
    else:
        halves = {n_train // 2, (n_train + 1) // 2}
        counts = {half: 1 / len(halves) for half in halves}
    expected = [0.0, 0.0]
    for count, chance in counts.items():
        for side, own in enumerate((count, n_train - count)):
            expected[side] += chance * kept_after_training(
                n, p, n_routed, own, n_train - own, delta_d, noise
            )
    assert found.positive == pytest.approx(expected[0], abs=1e-10)
    assert found.negative == pytest.approx(expected[1], abs=1e-10)
    share = patterns.positive_fraction
    assert found.own == pytest.approx(share * expected[0] + (1 - share) * expected[1], abs=1e-10)


# n, p, l, N, settings of the patterns, initial spread of the routers in units of η_r T_r.
SIMULATED = [
    (4, 1, 2, 5, {"balanced": False}, 1e-6),
    (6, 1, 2, 3, {}, 1.0),
    (6, 2, 2, 6, {}, 1e-6),
    (8, 2, 4, 9, {"balanced": False}, 0.05),
    (6, 3, 2, 6, {}, 1e-6),
    (8, 3, 3, 10, {"delta_d": 0.5}, 1e-6),
    (8, 3, 3, 10, {"delta_d": 0.5}, 0.0),
    (8, 8, 2, 6, {}, 1e-6),
    (8, 8, 2, 6, {}, 0.0),
    (8, 8, 3, 7, {"delta_d": -0.4}, 0.1),
    (8, 8, 1, 12, {"positive_fraction": 0.25}, 1e-6),
    (8, 8, 2, 8, {"positive_fraction": 0.75, "balanced": False}, 0.05),
    (16, 8, 6, 20, {}, 1e-6),
    (16, 8, 4, 20, {"delta_d": 0.7}, 0.02),
    (16, 16, 4, 8, {}, 0.3),
    (16, 32, 2, 8, {}, 1e-6),
    (16, 32, 3, 8, {"delta_d": 0.3, "balanced": False}, 0.1),
    (32, 64, 2, 6, {}, 1e-6),
    (32, 64, 4, 10, {"delta_d": 0.5}, 0.03),
    (32, 64, 4, 11, {"balanced": False}, 0.2),
    (32, 256, 2, 6, {"delta_d": 0.2}, 1e-6),
    (64, 256, 8, 6, {}, 0.15),
    (64, 256, 2, 10, {"positive_fraction": 0.3}, 0.02),
    (64, 64, 4, 20, {}, 1e-6),
]


def simulated(case, seeds, n_test=100):
    """Mean of `RoutingMetrics.own` over seeds, its standard error, and the prediction."""
    n, p, n_routed, n_train, law, start = case
    patterns = PatchPatterns(n, p, p + 2, **law)
    sgd = SGD(0.5, n_train, n_steps=1, router_n_epochs=2, dtype="float64")
    model = SeparateMoE(2, 2, n_routed, router_init_std=start)

    def own(run):
        seed = SeedSequence(run.seed[0], spawn_key=run.seed[1])
        return run.routing(patterns.sample(n_test, seed, split="test")).own

    values = np.array(train_many(model, patterns, sgd, seeds, n_train=n_train, reduce=own))
    error = values.std() / len(values) ** 0.5
    return values.mean(), error, router_success(patterns, model, sgd, n_train).own


def check_scores(cases, seeds):
    """No mean off by more than the largest of so many may be; all together as chi-squared says."""
    results = [simulated(case, seeds) for case in cases]
    scores = np.array([(mean - predicted) / error for mean, error, predicted in results])
    assert np.abs(scores).max() < stats.norm.isf(0.0005 / len(scores)), scores.round(2)
    assert stats.chi2.sf(scores @ scores, len(scores)) > 1e-4, scores.round(2)
    return scores


def test_trained_success_against_simulation():
    check_scores(SIMULATED, range(150))


@pytest.mark.slow
def test_trained_success_against_long_simulation():
    check_scores([case for case in SIMULATED if case[-1] > 0], range(10_000, 15_000))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in SIMULATED if case[-1] == 0])
def test_ties_by_rounding_are_near_the_limit_of_a_small_start(case):
    """The sums of a router are rounded alike for many patterns, which no law here describes."""
    mean, error, predicted = simulated(case, range(10_000, 15_000))
    assert mean == pytest.approx(predicted, abs=3 * error + 0.01)


def test_held_out_samples_follow_the_same_law():
    """Two settings of the simulator, one law: only the number of router samples matters."""
    patterns, n_train = PatchPatterns(8, 8, 10), 6
    sgd = SGD(0.5, n_train, n_steps=1, router_n_epochs=2, router_samples="held_out")
    model = SeparateMoE(2, 2, 2, router_init_std=1e-3)
    held_out = router_success(patterns, model, sgd, n_train)
    assert held_out == router_success(
        patterns, model, dataclasses.replace(sgd, router_samples="train"), n_train
    )


@settings(max_examples=20)
@given(
    st.integers(2, 7),
    st.integers(1, 9),
    st.integers(1, 6),
    st.sampled_from([-0.4, 0.0, 0.5]),
    st.sampled_from([0.0, 0.1, 2.0]),
)
def test_trained_success_grows_with_l(n, p, n_train, delta_d, start):
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d)
    sgd = SGD(0.5, n_train, n_steps=1, router_n_epochs=2)
    for method in METHODS:
        own = [
            router_success(
                patterns, SeparateMoE(2, 2, l, router_init_std=start), sgd, n_train, method=method
            ).own
            for l in range(1, n + 1)
        ]
        assert (np.diff(own) > -1e-11).all()
        assert own[0] >= 0
        assert own[-1] == 1


def test_one_patch_is_always_kept():
    patterns, sgd = PatchPatterns(1, 0, 2), SGD(0.5, 4, n_steps=1)
    assert router_success(patterns, SeparateMoE(2, 2, 1), sgd, 4).own == 1


def test_the_classes_swap():
    """What holds for + at a fraction holds for − at the other.

    Irrelevant patches occur mostly in the common class and then look like a sign of it.
    """
    sgd, model = SGD(0.5, 10, n_steps=1), SeparateMoE(2, 2, 2)
    rare, common = (
        router_success(PatchPatterns(8, 8, 10, positive_fraction=share), model, sgd, 10)
        for share in (0.2, 0.8)
    )
    assert rare.positive == pytest.approx(common.negative, abs=1e-12)
    assert rare.negative < rare.positive - 0.1


def failures(n, p, n_routed, n_train, start, law):
    patterns, sgd = PatchPatterns(n, p, p + 2, **law), SGD(1.0, n_train, n_steps=1)
    model = SeparateMoE(2, 2, n_routed, router_init_std=start)
    return [
        1 - router_success(patterns, model, sgd, n_train, method=method).own for method in METHODS
    ]


@pytest.mark.parametrize(
    "case",
    [
        (64, 256, 8, 40, 0.1, {"delta_d": 0.5}),
        (64, 64, 8, 40, 0.3, {}),
        (64, 64, 2, 30, 1e-4, {}),
        (64, 32, 4, 40, 1e-4, {}),
        (128, 256, 4, 20, 0.1, {}),
    ],
)
def test_gaussian_success_is_near_where_every_pattern_is_frequent(case):
    """About N(n − 1)/p >= 10 patches of each pattern: failures within a tenth."""
    exact, gaussian = failures(*case)
    assert exact > 0.01
    assert gaussian == pytest.approx(exact, rel=0.1)


def test_gaussian_success_is_far_too_good_where_patterns_are_rare():
    exact, gaussian = failures(128, 1024, 2, 10, 1e-4, {})
    assert exact > 20 * gaussian


def test_gaussian_success_tends_to_that_of_many_patterns():
    n, p, n_routed, n_train, delta_d = 256, 20_000, 4, 6, 0.3
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d)
    model = SeparateMoE(2, 2, n_routed, router_init_std=0.0)
    sgd = SGD(1.0, n_train, n_steps=1)
    found = router_success(patterns, model, sgd, n_train, method="gaussian").own
    deviation = ((n - 1) / (p * n_train)) ** 0.5
    share = stats.norm.sf((1 - delta_d) / 2 / deviation)
    assert found == pytest.approx(stats.binom.cdf(n_routed - 1, n - 1, share), rel=0.01)


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        ({"n_closer": (1, 0)}, {}, r"n_closer must be \(0, 0\)"),
        ({}, {"router_batch_size": 3}, "router batch size must be a divisor"),
        ({}, {"router_batch_size": 5, "router_n_steps": 3}, "router steps must be a whole number"),
        ({}, {"router_samples": "split"}, "router_samples must be"),
    ],
)
def test_outside_the_domain(options, changes, message):
    patterns = PatchPatterns(8, 8, 10, **options)
    sgd = SGD(**{"learning_rate": 1.0, "batch_size": 10, "n_steps": 1} | changes)
    for inputs, method in itertools.product(("fresh", "training"), METHODS):
        with pytest.raises(ValueError, match=message):
            router_success(patterns, SeparateMoE(2, 2, 2), sgd, 10, inputs=inputs, method=method)


def test_l_out_of_range():
    patterns, sgd = PatchPatterns(4, 8, 10), SGD(1.0, 10, n_steps=1)
    with pytest.raises(ValueError, match="n_routed must be at most the number of patches n = 4"):
        router_success(patterns, SeparateMoE(2, 2, 5), sgd, 10)
    with pytest.raises(ValueError, match=r"n_routed must be an integer in \[1, 4\]; got 5"):
        aligned_success(patterns, 5)
    with pytest.raises(ValueError, match="certainty must be"):
        certain_n_routed(patterns, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "test"}, "inputs must be one of 'fresh', 'training'; got 'test'"),
        ({"method": True}, "method must be one of 'exact', 'gaussian'; got True"),
    ],
)
def test_unknown_options(options, message):
    with pytest.raises(ValueError, match=message):
        router_success(
            PatchPatterns(4, 8, 10), SeparateMoE(2, 2, 1), SGD(1.0, 10, n_steps=1), 10, **options
        )
