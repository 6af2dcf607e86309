import numpy as np
import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st

from moe_theory import PatchData, PatchPatterns, route, routing_metrics


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 4), st.integers(1, 6))
def test_route_is_a_stable_sort(seed, n_patches, n_experts, n_samples):
    """Few different patterns, so that most inputs hold ties."""
    rng = np.random.default_rng(seed)
    dictionary = rng.integers(-2, 3, size=(4, 2)).astype(float)
    indices = rng.integers(4, size=(n_samples, n_patches)).astype(np.int32)
    routers = rng.integers(-1, 2, size=(n_experts, 2)).astype(float)
    for n_routed in range(1, n_patches + 1):
        positions, gates = route(dictionary, indices, routers, n_routed)
        for i, s in np.ndindex(n_samples, n_experts):
            scores = dictionary[indices[i]] @ routers[s]
            expected = twins.top_l(scores, n_routed)
            np.testing.assert_array_equal(positions[i, s], expected)
            np.testing.assert_allclose(gates[i, s], twins.softmax(scores[expected]), rtol=1e-13)


def test_gates_of_extreme_scores_are_finite():
    indices = np.array([[0, 1]], dtype=np.int32)
    _, gates = route(np.array([[1e4], [-1e4]]), indices, np.array([[1e4]]), 2)
    np.testing.assert_array_equal(gates[0, 0], [1.0, 0.0])


@given(st.integers(0, 1000), st.integers(1, 6))
def test_metrics_against_brute_force(seed, n_routed):
    data = PatchPatterns(n_patches=6, n_irrelevant=5, patch_dim=7).sample(30, seed)
    routers = np.random.default_rng(seed).normal(size=(4, 7))
    metrics = routing_metrics(data, routers, n_routed)
    kept, gate = np.zeros((30, 4)), np.zeros((30, 4))
    for i, s in np.ndindex(30, 4):
        scores = data.patches()[i] @ routers[s]
        places = twins.top_l(scores, n_routed)
        for place, value in zip(places, twins.softmax(scores[places]), strict=True):
            if place == data.positions[i]:
                kept[i, s], gate[i, s] = 1, value
    positive = data.labels == 1
    np.testing.assert_allclose(metrics.success, kept.mean(axis=0))
    np.testing.assert_allclose(metrics.success_positive, kept[positive].mean(axis=0))
    np.testing.assert_allclose(metrics.success_negative, kept[~positive].mean(axis=0))
    np.testing.assert_allclose(metrics.gate_positive, gate[positive].mean(axis=0))
    np.testing.assert_allclose(metrics.gate_negative, gate[~positive].mean(axis=0))
    assert metrics.best == kept.max(axis=1).mean()
    own = np.where(positive[:, None], kept[:, ::2], kept[:, 1::2]).mean()
    assert metrics.own == pytest.approx(own)


def test_a_missing_class_has_no_fraction():
    data = PatchData.from_patches(np.ones((2, 2, 1)), [1, 1], positions=[0, 1])
    metrics = routing_metrics(data, np.ones((1, 1)), 1)
    assert np.isnan(metrics.success_negative).all()
    assert np.isnan(metrics.own)  # one expert makes no pair
    np.testing.assert_array_equal(metrics.success, [0.5])  # a tie goes to the first place


def test_bad_input():
    data = PatchData.from_patches(np.ones((2, 3, 1)), [1, -1])
    with pytest.raises(ValueError, match=r"data\.positions must be given"):
        routing_metrics(data, np.ones((1, 1)), 1)
    known = PatchData.from_patches(np.ones((2, 3, 1)), [1, -1], positions=[0, 2])
    with pytest.raises(ValueError, match=r"n_routed must be an integer in \[1, 3\]; got 4"):
        routing_metrics(known, np.ones((1, 1)), 4)
    with pytest.raises(ValueError, match=r"routers\.shape must be \(k, 1\); got \(1, 2\)"):
        routing_metrics(known, np.ones((1, 2)), 1)
