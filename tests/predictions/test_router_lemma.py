"""P23's router lemma: every input that can occur, l at and below l*, the orders of its rates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multinomials import differences
from scipy import stats

from moe_theory import SGD, PatchData, PatchPatterns, SeparateMoE, routing_metrics, train_many
from moe_theory.bounds import Measurements, check, router_bounds
from moe_theory.predictions import every_input_success, router_success

MODEL = SeparateMoE(2, 2, 1, router_init_std=1e-6)


def batches(n_train, n_steps=1):
    return SGD(0.5, 1, n_steps=1, router_batch_size=n_train // n_steps, router_n_steps=n_steps)


@pytest.mark.parametrize(
    ("n", "p", "n_train", "delta_d"),
    [(3, 2, 2, 0.3), (3, 3, 4, 0.55), (4, 2, 4, -0.4), (4, 3, 2, 0.7), (3, 9, 2, 0.1),
     (3, 1, 4, 0.9)],
)  # fmt: skip
def test_every_input_against_enumeration(n, p, n_train, delta_d):
    """Without ties: no pattern may have been seen more often, in the class of the patch."""
    half = n_train // 2
    laws = differences(half * (n - 1), half * (n - 1), p)
    safe = sum(law for a, law in laws.items() if max(a) < half * (1 - delta_d))
    found = every_input_success(PatchPatterns(n, p, p + 2, delta_d=delta_d), MODEL,
                                batches(n_train), n_train)  # fmt: skip
    assert found.positive == pytest.approx(safe, abs=1e-8)
    assert found.negative == pytest.approx(safe, abs=1e-8)


@pytest.mark.parametrize("delta_d", [0.0, 0.4])
@pytest.mark.parametrize("n", [2, 5, 40])
def test_one_pattern_is_ahead_by_the_labels_alone(n, delta_d):
    """(n − 1)(2N₊ − N) against N₊ − δ_d·N₋; half of the ties are lost."""
    patterns, n_train = PatchPatterns(n, 1, 3, delta_d=delta_d, balanced=False), 300
    positive = np.arange(n_train + 1)
    lead = (n - 1) * (2 * positive - n_train) - (positive - delta_d * (n_train - positive))
    tied = np.abs(lead) < 1e-9
    lost = np.where(tied, 0.5, lead > 0) @ stats.binom.pmf(positive, n_train, 0.5)
    found = every_input_success(patterns, MODEL, batches(n_train), n_train)
    assert found.positive == pytest.approx(1 - lost, abs=1e-6)
    assert found.negative == pytest.approx(1 - lost, abs=1e-6)


# n, p, settings of the patterns, N, T_r, initial spread of the routers
TRAINED = [
    (8, 8, {}, 16, 2, 1e-6),
    (16, 16, {"delta_d": 0.5}, 80, 4, 1e-4),
    (32, 16, {}, 40, 2, 1e-4),
    (12, 1, {"balanced": False}, 600, 3, 1e-4),
    (8, 8, {}, 320, 10, 1.0),
    (16, 8, {"balanced": False, "positive_fraction": 0.4}, 40, 4, 0.05),
]


def trained_routers_of(patterns, sgd, start, n_train, n_seeds):
    """The routers of many trainings, shape (seeds, 2, d)."""
    model = replace(MODEL, router_init_std=start)
    return np.array(
        train_many(model, patterns, replace(sgd, dtype="float64"), range(n_seeds),
                   n_train=n_train, reduce=lambda run: run.weights.routers)
    )  # fmt: skip


@pytest.mark.parametrize("case", TRAINED)
def test_every_input_against_trainings(case):
    """Routers with no pattern ahead, as often as predicted, within 4 standard errors."""
    n, p, law, n_train, n_steps, start = case
    patterns = PatchPatterns(n, p, p + 2, **law)
    sgd = batches(n_train, n_steps)
    routers = trained_routers_of(patterns, sgd, start, n_train, 400)
    scores = np.einsum("rsd,pd->rsp", routers, patterns.dictionary)
    found = every_input_success(patterns, replace(MODEL, router_init_std=start), sgd, n_train)
    for s, known in enumerate((found.positive, found.negative)):
        safe = (scores[:, s, 2:].max(axis=1) < scores[:, s, s]).mean()
        assert 0.02 < known < 0.99
        assert safe == pytest.approx(known, abs=4 * (known * (1 - known) / 400) ** 0.5)


@settings(max_examples=25)
@given(st.integers(2, 5), st.integers(1, 10), st.sampled_from([2, 4, 10]), st.booleans(),
       st.sampled_from([-0.5, 0.0, 0.6]))  # fmt: skip
def test_every_input_is_rarer_than_one(n, p, n_train, balanced, delta_d):
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d, balanced=balanced)
    sgd = batches(n_train)
    for n_routed in range(1, n):
        model = replace(MODEL, n_routed=n_routed)
        every = every_input_success(patterns, model, sgd, n_train).own
        assert every <= router_success(patterns, model, sgd, n_train).own + 1e-9
        # With l < n, l plays no part.
        assert every == every_input_success(patterns, MODEL, sgd, n_train).own
    all_kept = every_input_success(patterns, replace(MODEL, n_routed=n), sgd, n_train)
    assert all_kept.own == pytest.approx(1, abs=1e-12)


def test_what_every_input_success_refuses():
    for options, message in (({"spread": 0.1}, "spread must be 0"),
                             ({"n_closer": (1, 0)}, r"n_closer must be \(0, 0\)")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            every_input_success(PatchPatterns(4, 8, 10, **options), MODEL, batches(8), 8)
    with pytest.raises(ValueError, match="router batch size must be a divisor"):
        every_input_success(PatchPatterns(4, 8, 10), MODEL, SGD(0.1, 3, n_steps=1), 8)


def test_below_l_star_no_batch_saves_every_input():
    """The worst input that can occur holds l* − 1 closer patches, and neutral ones besides."""
    patterns = PatchPatterns(8, 12, 14, n_closer=(1, 1), closeness=1.25, max_closer=3)
    assert patterns.l_star == 4
    worst = np.array([[0, 2, 2, 2, 4, 5, 6, 7], [1, 3, 3, 3, 4, 5, 6, 7]], dtype=np.int32)
    data = PatchData(patterns.dictionary, worst, np.array([1, -1]), positions=np.zeros(2, int))
    for n_train in (400, 4000):
        for routers in trained_routers_of(patterns, batches(n_train, 4), 1e-4, n_train, 25):
            kept = [routing_metrics(data, routers, n_routed).own for n_routed in (1, 3, 4, 5)]
            assert kept == [0, 0, 1, 1]


def test_rates_of_the_lemma():
    bounds = router_bounds()
    batch, steps = bounds["router_batch_size"], bounds["router_n_steps"]
    assert {b.kind for b in bounds.values()} == {"sufficient"}
    assert batch.exponents == {"n_patches": 2, "delta_d": -2}
    assert steps.exponents == {"delta_d": -1}
    assert batch.exponent("l_star") == steps.exponent("n_patches") == 0


def test_exact_batches_of_one_pattern_grow_as_the_lemma_says_and_no_faster():
    """N is the least with a failure of at most 5 %, by the exact chance."""
    points = [(32, 0.0), (64, 0.0), (128, 0.0), (32, 0.5), (32, 0.75)]
    needed = [least(n, delta_d) for n, delta_d in points]
    values = {"n_patches": [n for n, _ in points], "delta_d": [d for _, d in points]}
    found = check(router_bounds()["router_batch_size"], Measurements(values, needed))
    assert [growth.measured for growth in found.growth] == pytest.approx([2, 2], abs=0.06)
    # Of a pattern for each patch, hardly more are needed for four times the patches.
    sizes = [least(n, 0.0, p=n, balanced=True) for n in (8, 32)]
    assert sizes[1] < 2 * sizes[0]


def least(n, delta_d, p=1, balanced=False):
    patterns = PatchPatterns(n, p, p + 2, delta_d=delta_d, balanced=balanced)

    def fails(n_train):
        return every_input_success(patterns, MODEL, batches(n_train), n_train).own < 0.95

    low, high = 1, 2
    while fails(high):
        low, high = high, 2 * high
    while high > low + max(1, low // 50):
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
