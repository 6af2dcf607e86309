"""Token choice and expert choice: closed forms against enumeration and sampled inputs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_theory import PatchPatterns, TokenChoiceMoE, routing_metrics, token_routing_metrics
from moe_theory.predictions import (
    expert_choice_success,
    place_success,
    ranked_success,
    rivals,
    token_choice_success,
    untrained_expert_success,
    untrained_token_success,
)

PATTERNS = PatchPatterns(12, 10, 13, delta_d=0.3, n_closer=(2, 1), closeness=0.7)
SIZES = st.integers(1, 40)
CHANCE = st.floats(0, 1)


def enumerated(n, capacity, chances, before, after):
    """Sum over the place of the patch and the kinds of all others.

    A patch is of kind a with the chance ``chances[a]``; it comes first if ``before[a]`` where it
    lies at a lower place, and if ``after[a]`` otherwise.
    """
    total = 0.0
    for place in range(n):
        for kinds in product(range(len(chances)), repeat=n - 1):
            first = sum((before if j < place else after)[kind] for j, kind in enumerate(kinds))
            total += (first < capacity) * np.prod([chances[kind] for kind in kinds])
    return total / n


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(1, 6), CHANCE, CHANCE)
def test_success_by_enumeration(n, capacity, ahead, share):
    tied = share * (1 - ahead)
    found = place_success(n, capacity, ahead)
    expected = enumerated(n, capacity, (ahead, 1 - ahead), (1, 0), (0, 0))
    assert found == pytest.approx(expected, abs=1e-12)
    found = ranked_success(n, capacity, ahead, tied)
    chances = (ahead, tied, 1 - ahead - tied)
    expected = enumerated(n, capacity, chances, (1, 1, 0), (1, 0, 0))
    assert found == pytest.approx(expected, abs=1e-12)


@given(SIZES, st.integers(1, 45), CHANCE, CHANCE, CHANCE)
def test_success_grows_with_room_and_falls_with_rivals(n, capacity, q, other, share):
    low, high = sorted((q, other))
    tied = share * (1 - high)
    for success in (place_success, ranked_success, lambda *a: ranked_success(*a, tied)):
        here = success(n, capacity, low)
        assert -1e-12 <= here <= 1 + 1e-12
        assert success(n, capacity + 1, low) >= here - 1e-12
        assert success(n, capacity, high) <= here + 1e-12
        assert success(n, max(n, capacity), high) == 1.0
        assert success(n + 1, capacity, low) <= here + 1e-12
    most = ranked_success(n, capacity, low)
    least = ranked_success(n, capacity, min(low + tied, 1.0))
    assert least - 1e-12 <= ranked_success(n, capacity, low, tied) <= most + 1e-12
    assert ranked_success(n, capacity, 0.0) == place_success(n, capacity, 0.0) == 1.0


@given(SIZES, st.integers(1, 45), st.floats(0.01, 1))
def test_place_success_is_the_share_of_patches_admitted(n, capacity, q):
    counts = np.arange(n + 1)
    admitted = np.minimum(capacity, counts) @ stats.binom.pmf(counts, n, q)
    assert place_success(n, capacity, q) == pytest.approx(admitted / (n * q), rel=1e-9)


def deviates(measured, predicted, n_samples):
    """Deviations in binomial standard errors; where there is no doubt, none may be there."""
    sure = (predicted < 1e-12) | (predicted > 1 - 1e-12)
    np.testing.assert_allclose(measured[sure], predicted[sure], atol=1e-12)
    error = np.sqrt(predicted * (1 - predicted) / n_samples)
    return ((measured - predicted)[~sure] / error[~sure]).tolist()


def sampled(patterns, routers, success, metrics, data):
    """Deviations of both classes."""
    n_positive = int((data.labels == 1).sum())
    return [
        *deviates(metrics.success_positive, success.positive, n_positive),
        *deviates(metrics.success_negative, success.negative, data.n_samples - n_positive),
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_sampled_inputs(dtype):
    data = PATTERNS.sample(8000, seed=1)
    found, expected_best = [], []
    for draw in range(4):
        routers = np.random.default_rng(draw).normal(size=(4, 13)).astype(dtype)
        for capacity, n_chosen, priority in product((1, 3, 6), (1, 2), ("place", "score")):
            model = TokenChoiceMoE(4, 4, n_chosen, capacity, priority)
            success = token_choice_success(PATTERNS, routers, model)
            metrics = token_routing_metrics(data, routers, model)
            found += sampled(PATTERNS, routers, success, metrics, data)
            if n_chosen == 1:
                expected_best.append((metrics.best, success.best_expert))
            else:
                assert metrics.best >= success.best_expert - 0.03
        for n_routed in (1, 3, 6):
            success = expert_choice_success(PATTERNS, routers, n_routed)
            metrics = routing_metrics(data, routers, n_routed)
            found += sampled(PATTERNS, routers, success, metrics, data)
    # Of some 150 near-normal deviates the largest exceeds 4.5 with a chance of 0.1 %.
    assert len(found) > 100
    assert np.abs(found).max() < 4.5
    assert np.std(found) == pytest.approx(1, abs=0.25)
    measured, predicted = np.array(expected_best).T
    assert np.abs(deviates(measured, predicted, 8000)).max() < 4.5


def test_routers_without_an_opinion_decide_by_place():
    """All scores are exactly 0: everyone chooses expert 0, and the first C patches get in."""
    zero = np.zeros((3, 13))
    data = PATTERNS.sample(4000, seed=0)
    for capacity in (1, 5, 12):
        for priority in ("place", "score"):
            model = TokenChoiceMoE(3, 3, 1, capacity, priority)
            success = token_choice_success(PATTERNS, zero, model)
            np.testing.assert_allclose(success.positive, [capacity / 12, 0, 0])
            metrics = token_routing_metrics(data, zero, model)
            assert np.abs(sampled(PATTERNS, zero, success, metrics, data) or [0]).max() < 4
        success = expert_choice_success(PATTERNS, zero, capacity)
        np.testing.assert_allclose(success.negative, capacity / 12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4))
def test_choosing_by_score_loses_no_patch_that_its_expert_would_have_chosen(seed, room, n_chosen):
    routers = np.random.default_rng(seed).normal(size=(4, 13))
    model = TokenChoiceMoE(4, 4, n_chosen, room, "score")
    token = token_choice_success(PATTERNS, routers, model)
    expert = expert_choice_success(PATTERNS, routers, room)
    chosen = rivals(PATTERNS, routers, n_chosen).chosen
    assert chosen.sum(axis=1).tolist() == [n_chosen, n_chosen]
    for y, name in enumerate(("positive", "negative")):
        one, other = getattr(token, name), getattr(expert, name)
        assert (one[chosen[y]] >= other[chosen[y]] - 1e-12).all()
        assert (one[~chosen[y]] == 0).all()
    if n_chosen == 4:
        # All patches are everywhere, so that a queue by score is the expert's own choice.
        np.testing.assert_allclose(token.positive, expert.positive, atol=1e-12)


def test_fractions():
    routers = np.random.default_rng(5).normal(size=(4, 13))
    for n_chosen in (1, 2, 4):
        found = rivals(PATTERNS, routers, n_chosen)
        assert found.choosing.sum() == pytest.approx(n_chosen)
        assert (found.choosing_ahead <= np.minimum(found.ahead, found.choosing)).all()
        assert (found.tied == 0).all()
    data = PATTERNS.sample(1, 0)
    scores = data.dictionary @ routers.T
    np.testing.assert_allclose(found.ahead[1], (scores[2:] > scores[1]).mean(axis=0))


def test_no_irrelevant_patches_and_no_limit():
    routers = np.random.default_rng(0).normal(size=(2, 2))
    alone = PatchPatterns(1, 0, 2)
    assert token_choice_success(alone, routers, TokenChoiceMoE(2, 2, 1, 1)).best_expert == 1.0
    assert expert_choice_success(alone, routers, 1).best_expert == 1.0
    routers = np.random.default_rng(0).normal(size=(2, 13))
    assert token_choice_success(PATTERNS, routers, TokenChoiceMoE(2, 2)).best_expert == 1.0


def test_bad_requests():
    routers = np.ones((2, 13))
    spread = PatchPatterns(12, 10, 13, spread=0.1)
    limited = PatchPatterns(12, 10, 13, n_closer=(2, 0), max_closer=1)
    for patterns, message in ((spread, "spread must be 0"), (limited, "max_closer must be None")):
        with pytest.raises(ValueError, match=message):
            token_choice_success(patterns, routers, TokenChoiceMoE(2, 2))
        with pytest.raises(ValueError, match=message):
            expert_choice_success(patterns, routers, 2)
    with pytest.raises(ValueError, match=r"routers\.shape must be \(k, 13\); got \(2, 3\)"):
        rivals(PATTERNS, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"routers\.shape must be \(3, d\) as in the model"):
        token_choice_success(PATTERNS, routers, TokenChoiceMoE(3, 3))
    with pytest.raises(ValueError, match=r"n_routed must be an integer in \[1, 12\]; got 13"):
        expert_choice_success(PATTERNS, routers, 13)
    with pytest.raises(ValueError, match=r"n_chosen must be an integer in \[1, 2\]; got 3"):
        rivals(PATTERNS, routers, 3)
    for success in (place_success, ranked_success):
        with pytest.raises(ValueError, match="the chance of a rival must be"):
            success(4, 2, 1.5)
        with pytest.raises(ValueError, match="capacity must be an integer >= 1; got 0"):
            success(4, 0, 0.5)
    with pytest.raises(ValueError, match=r"tied must be a finite number in \[0, 0\.5\]; got 0\.6"):
        ranked_success(4, 2, 0.5, 0.6)


NEUTRAL = PatchPatterns(12, 9, 12)


@pytest.mark.parametrize("rooms", [1, 3, 7])
def test_means_over_random_routers(rooms):
    """The exact success of each of 400 draws of routers against its mean."""
    rng = np.random.default_rng(rooms)
    draws = [rng.normal(size=(4, 12)) for _ in range(400)]
    for n_chosen, priority in product((1, 3), ("place", "score")):
        model = TokenChoiceMoE(4, 4, n_chosen, rooms, priority)
        successes = [token_choice_success(NEUTRAL, routers, model).positive for routers in draws]
        means = [success[success > 0].mean() for success in successes]
        expected = untrained_token_success(NEUTRAL, model)
        assert abs(np.mean(means) - expected) < 4 * np.std(means) / np.sqrt(len(means))
    best = [expert_choice_success(NEUTRAL, routers, rooms).negative.max() for routers in draws]
    expected = untrained_expert_success(NEUTRAL, 4, rooms)
    assert abs(np.mean(best) - expected) < 4 * np.std(best) / np.sqrt(len(best))


@settings(max_examples=15)
@given(st.integers(2, 15), st.integers(1, 6), st.data())
def test_random_routers_on_many_patterns(n, n_experts, data):
    """Priority by place and by score agree, and experts' choice has a product form."""
    room = data.draw(st.integers(1, n))
    many = PatchPatterns(n, 800, 802)
    place, score = (
        untrained_token_success(many, TokenChoiceMoE(n_experts, n_experts, 1, room, priority))
        for priority in ("place", "score")
    )
    # Ranks are among M + 1 rather than in [0, 1], which adds terms of order n/p.
    assert score == pytest.approx(place, abs=0.01)
    others = n - 1 - np.arange(room)
    product_form = 1 - np.prod(others / (others + n_experts))
    found = untrained_expert_success(many, n_experts, room)
    assert found == pytest.approx(product_form, abs=0.02)


def test_untrained_domain():
    with pytest.raises(ValueError, match="n_closer must be"):
        untrained_token_success(PATTERNS, TokenChoiceMoE(2, 2))
    with pytest.raises(ValueError, match="spread must be 0"):
        untrained_expert_success(PatchPatterns(4, 6, 8, spread=0.1), 2, 2)
    with pytest.raises(ValueError, match=r"n_routed must be an integer in \[1, 12\]; got 13"):
        untrained_expert_success(NEUTRAL, 2, 13)
    with pytest.raises(ValueError, match="router_init_std must be positive"):
        untrained_token_success(NEUTRAL, TokenChoiceMoE(2, 2, router_init_std=0.0))
    assert untrained_token_success(PatchPatterns(1, 0, 2), TokenChoiceMoE(2, 2, 1, 1)) == 1.0
