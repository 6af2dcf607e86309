"""Whether patterns meet in an expert, and what noise does: against draws, and against training."""

from itertools import combinations

import numpy as np
import pytest

from moe_theory import (
    SGD,
    PatchData,
    PatchPatterns,
    TokenChoiceMoE,
    train,
)
from moe_theory.models import Weights
from moe_theory.predictions import (
    choice_chances,
    experts_visited,
    meeting_chance,
    shared_experts,
)
from moe_theory.routing import routing_probabilities

STILL = 1e-300  # a learning rate at which weights keep their bits


def best(scores, n_chosen):
    chosen = np.zeros(scores.shape, bool)
    places = np.argsort(-scores, axis=-1)[..., :n_chosen]
    np.put_along_axis(chosen, places, True, axis=-1)
    return chosen


def deviate(sample, expected):
    """Deviation of a mean in standard errors."""
    return (sample.mean() - expected) / (sample.std(ddof=1) / np.sqrt(len(sample)))


@pytest.mark.parametrize("n_experts", [1, 2, 5, 8])
def test_meeting_by_enumeration(n_experts):
    for n_chosen in range(1, n_experts + 1):
        sets = [set(one) for one in combinations(range(n_experts), n_chosen)]
        met = np.mean([bool(one & sets[0]) for one in sets])
        assert meeting_chance(n_experts, n_chosen) == pytest.approx(met)
        common = np.mean([len(one & sets[0]) for one in sets])
        assert shared_experts(n_experts, n_chosen) == pytest.approx(common)
        assert shared_experts(n_experts, n_chosen, 1e-12) == pytest.approx(common)


@pytest.mark.parametrize("rho", [-0.99, -0.4, 0.3, 0.9, 0.9999])
def test_two_experts_by_the_arcsine(rho):
    assert shared_experts(2, 1, rho) == pytest.approx(0.5 + np.arcsin(rho) / np.pi, abs=1e-12)


@pytest.mark.parametrize(("n_experts", "n_chosen"), [(3, 1), (8, 1), (8, 3), (5, 4)])
@pytest.mark.parametrize("rho", [-0.6, 0.2, 0.8])
def test_shared_experts_by_draws(n_experts, n_chosen, rho):
    rng = np.random.default_rng(n_experts + n_chosen)
    first, other = rng.normal(size=(2, 60_000, n_experts))
    second = rho * first + np.sqrt(1 - rho**2) * other
    common = (best(first, n_chosen) & best(second, n_chosen)).sum(axis=1)
    assert abs(deviate(common, shared_experts(n_experts, n_chosen, rho))) < 4
    assert abs(deviate(common, n_chosen**2 / n_experts)) > 10


@pytest.mark.parametrize("delta_d", [0.0, 0.6])
def test_starts_of_the_package(delta_d):
    patterns = PatchPatterns(n_patches=2, n_irrelevant=1, patch_dim=4, delta_d=delta_d)
    model = TokenChoiceMoE(n_experts=4, n_hidden=4)
    routers = np.stack([model.initial_weights(4, seed).routers for seed in range(3000)])
    places = [(routers @ pattern).argmax(axis=1) for pattern in (patterns.o1, patterns.o2)]
    same = (places[0] == places[1]).astype(float)
    assert abs(deviate(same, shared_experts(4, 1, delta_d))) < 4
    if delta_d:
        assert deviate(same, 1 / 4) > 10


@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
@pytest.mark.parametrize(("n_experts", "n_chosen"), [(2, 1), (6, 1), (6, 3)])
def test_chances_and_visits_by_draws(noise, n_experts, n_chosen):
    rng = np.random.default_rng(n_experts)
    scores, scale, n_visits = rng.normal(size=n_experts), 0.9, 3
    size = (40_000, n_visits, n_experts)
    drawn = rng.normal(size=size) if noise == "gaussian" else rng.random(size)
    chosen = best(scores + scale * drawn, n_chosen)
    chances = choice_chances(scores, noise, scale, n_chosen)
    assert chances.sum() == pytest.approx(n_chosen)
    for s, chance in enumerate(chances):
        error = np.sqrt(max(chance * (1 - chance), 0) / size[0])
        assert abs(chosen[:, 0, s].mean() - chance) < 4.5 * error + 1e-9
    visited = chosen.any(axis=1).sum(axis=1)
    expected = experts_visited(chances, n_visits)
    assert abs(deviate(visited, expected)) < 4
    if noise == "uniform" and n_chosen == 1:
        np.testing.assert_allclose(chances, routing_probabilities(scores / scale), atol=1e-12)


def test_two_visits_agree_as_correlated_patterns_do():
    """The mean of Σ P² over Gaussian starts is the meeting of two visits."""
    rng = np.random.default_rng(0)
    noise_scale = 0.7
    found = np.array([
        2 - experts_visited(choice_chances(scores, "gaussian", noise_scale), 2)
        for scores in rng.normal(size=(2000, 5))
    ])  # fmt: skip
    rho = 1 / (1 + noise_scale**2)
    assert abs(deviate(found, shared_experts(5, 1, rho))) < 4
    assert abs(deviate(found, shared_experts(5, 1, 1 / (1 + noise_scale)))) > 6


@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_experts_that_see_the_pattern_in_training(noise):
    """Which experts move along o₁ tells which have seen it; routers stand still."""
    patterns = PatchPatterns(n_patches=1, n_irrelevant=0, patch_dim=2)
    data = PatchData(patterns.dictionary, np.array([[0], [1]]), np.array([1, -1]))
    scores = np.array([0.9, 0.5, 0.0, -0.2])
    routers = np.outer(scores, patterns.o1 + patterns.o2)
    initial = Weights(np.tile(patterns.o1 + patterns.o2, (4, 1)), np.ones(4), routers)
    model = TokenChoiceMoE(4, 4, noise=noise, noise_scale=0.8)
    n_visits = 3
    sgd = SGD(
        1e-3, batch_size=2, n_steps=n_visits, dtype="float64", router_learning_rate=STILL
    )  # fmt: skip
    seen = []
    for seed in range(1500):
        moved = train(model, data, sgd, seed=seed, initial=initial).weights.experts
        along = np.abs((moved - initial.experts) @ patterns.o1)
        seen.append((along > 1e-9).sum())
    expected = experts_visited(choice_chances(scores, noise, 0.8), n_visits)
    assert 1.2 < expected < 2.8
    assert abs(deviate(np.array(seen), expected)) < 4
    assert np.std(seen) > 0.3


def test_limits_of_noise():
    scores = np.random.default_rng(0).normal(size=5)
    assert choice_chances(scores, "gaussian", 1e-9).max() == pytest.approx(1)
    assert choice_chances(scores, "gaussian", 1e9) == pytest.approx(0.2)
    assert experts_visited(choice_chances(scores, "uniform", 1e9), 10**6) == pytest.approx(5)
    assert experts_visited([1.0, 0.0], 7) == 1.0
    assert experts_visited([0.5, 0.5], 0) == 0.0
    with pytest.raises(ValueError, match=r"chances must be .*\[0, 1\]"):
        experts_visited([0.5, 1.5], 2)


def test_scores_too_far_apart_for_the_noise_are_refused():
    for scores, scale in (([1.0, 0.0, -1.0], 1e-17), ([1e16, 0.0, 0.5], 1.0)):
        with pytest.raises(ValueError, match="noise_scale must be at least"):
            choice_chances(scores, "uniform", scale, 2)
