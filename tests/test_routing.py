import numpy as np
import pytest
import twins
from cases import networks, settings_of
from hypothesis import given
from hypothesis import strategies as st

from moe_theory import (
    JointMoE,
    PatchData,
    PatchPatterns,
    TokenChoiceMoE,
    choose_experts,
    choose_patches,
    routing_metrics,
    token_routing_metrics,
    train,
)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 4), st.integers(1, 6))
def test_route_is_a_stable_sort(seed, n_patches, n_experts, n_samples):
    """Few different patterns, so that most inputs hold ties."""
    rng = np.random.default_rng(seed)
    dictionary = rng.integers(-2, 3, size=(4, 2)).astype(float)
    indices = rng.integers(4, size=(n_samples, n_patches)).astype(np.int32)
    routers = rng.integers(-1, 2, size=(n_experts, 2)).astype(float)
    for n_routed in range(1, n_patches + 1):
        positions, gates = choose_patches(dictionary, indices, routers, n_routed)
        for i, s in np.ndindex(n_samples, n_experts):
            scores = dictionary[indices[i]] @ routers[s]
            expected = twins.top_l(scores, n_routed)
            np.testing.assert_array_equal(positions[i, s], expected)
            np.testing.assert_allclose(gates[i, s], twins.softmax(scores[expected]), rtol=1e-13)


def test_gates_of_extreme_scores_are_finite():
    indices = np.array([[0, 1]], dtype=np.int32)
    _, gates = choose_patches(np.array([[1e4], [-1e4]]), indices, np.array([[1e4]]), 2)
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


@given(st.data(), st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 5))
def test_patches_choose_and_queue_as_in_the_twin(data, seed, n_patches, n_samples):
    """Few different patterns and integer scores, so that most inputs hold ties."""
    model = data.draw(networks("token", n_patches))
    rng = np.random.default_rng(seed)
    dictionary = rng.integers(-2, 3, size=(4, 2)).astype(float)
    indices = rng.integers(4, size=(n_samples, n_patches)).astype(np.int32)
    routers = rng.integers(-1, 2, size=(model.n_experts, 2)).astype(float)
    experts, gates, kept = choose_experts(
        dictionary, indices, routers, model.n_chosen,
        capacity=model.capacity, priority=model.priority,
    )  # fmt: skip
    for i in range(n_samples):
        scores = dictionary[indices[i]] @ routers.T
        for j in range(n_patches):
            chosen = twins.top_l(scores[j], model.n_chosen)
            np.testing.assert_array_equal(experts[i, j], chosen)
            np.testing.assert_allclose(gates[i, j], twins.softmax(scores[j])[chosen], rtol=1e-13)
        found = {(j, experts[i, j, q]) for j, q in np.argwhere(kept[i])}
        assert found == set(twins.choices(model, scores))
        received = np.bincount(experts[i][kept[i]], minlength=model.n_experts)
        assert received.max() <= model.patches_per_expert(n_patches)
        assert received.sum() <= model.n_pairs(n_patches)


def test_who_is_dropped():
    """Patches 0, 1 and 3 choose expert 0, which scores patch 3 highest; 2 and 4 choose expert 1."""
    scores = np.array([[2.0, 1, 0, 3, 0], [0, 0, 5, 0, 5]])
    data, indices = scores.T, np.arange(5)[None]
    cases = {
        (None, "place"): [True, True, True, True, True],
        (2, "place"): [True, True, True, False, True],
        (2, "score"): [True, False, True, True, True],
        (1, "place"): [True, False, True, False, False],
        (1, "score"): [False, False, True, True, False],
    }
    for (capacity, priority), expected in cases.items():
        _, _, kept = choose_experts(data, indices, np.eye(2), capacity=capacity, priority=priority)
        np.testing.assert_array_equal(kept[0, :, 0], expected)


def test_a_queue_knows_no_first_and_second_choices():
    """Patch 0 takes expert 0 as its second choice, and is still ahead of patch 1."""
    scores = np.array([[1.0, 2.0], [2.0, 1.0]])
    experts, _, kept = choose_experts(scores, np.array([[0, 1]]), np.eye(2), 2, capacity=1)
    np.testing.assert_array_equal(experts[0], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(kept[0], [[True, True], [False, False]])


def test_every_expert_sees_everything_if_all_are_chosen():
    data = PatchPatterns(n_patches=5, n_irrelevant=7, patch_dim=9).sample(20, seed=0)
    model = TokenChoiceMoE(3, 6, n_chosen=3, init_std=0.5, router_init_std=0.5)
    run = train(model, data, settings_of(n_steps=5), seed=0)
    x, weights = data.patches(), run.weights
    hidden = np.maximum(x @ weights.experts.T, 0) * weights.output
    values = hidden.reshape(20, 5, 3, 2).sum(axis=3)
    gates = np.exp(x @ weights.routers.T)
    expected = (gates * values / gates.sum(axis=2, keepdims=True)).sum(axis=(1, 2)) / 5
    np.testing.assert_allclose(run.predict(data), expected, rtol=1e-12)
    metrics = run.routing(data)
    np.testing.assert_array_equal(metrics.success, 1.0)
    assert metrics.gate_positive.sum() == pytest.approx(1.0)


@given(st.data(), st.integers(0, 1000))
def test_token_metrics_against_brute_force(draws, seed):
    model = draws.draw(networks("token", 6))
    data = PatchPatterns(n_patches=6, n_irrelevant=5, patch_dim=7).sample(30, seed)
    k = model.n_experts
    routers = np.random.default_rng(seed).normal(size=(k, 7))
    metrics = token_routing_metrics(data, routers, model)
    received, gate = np.zeros((30, k)), np.zeros((30, k))
    for i in range(30):
        scores = data.patches()[i] @ routers.T
        for j, s in twins.choices(model, scores):
            if j == data.positions[i]:
                received[i, s], gate[i, s] = 1, twins.softmax(scores[j])[s]
    positive = data.labels == 1
    np.testing.assert_allclose(metrics.success, received.mean(axis=0))
    np.testing.assert_allclose(metrics.success_positive, received[positive].mean(axis=0))
    np.testing.assert_allclose(metrics.gate_negative, gate[~positive].mean(axis=0))
    assert metrics.best == received.max(axis=1).mean()
    if k % 2:
        assert np.isnan(metrics.own)
    else:
        own = np.where(positive[:, None], received[:, ::2], received[:, 1::2]).mean()
        assert metrics.own == pytest.approx(own)


def test_a_run_routes_by_its_own_rule():
    data = PatchPatterns(n_patches=6, n_irrelevant=5, patch_dim=7).sample(40, seed=0)
    for priority in ("place", "score"):
        model = TokenChoiceMoE(2, 4, capacity=2, priority=priority, router_init_std=1.0)
        run = train(model, data, settings_of(), seed=0)
        expected = token_routing_metrics(data, run.weights.routers, model)
        np.testing.assert_array_equal(run.routing(data).success, expected.success)
    joint = train(JointMoE(2, 4, 2, router_init_std=1.0), data, settings_of(), seed=0)
    assert not np.array_equal(joint.routing(data).success, expected.success)


def test_bad_token_routing():
    arguments = (np.eye(3), np.array([[0, 1]]), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"n_chosen must be an integer in \[1, 2\]; got 3"):
        choose_experts(*arguments, 3)
    with pytest.raises(ValueError, match="capacity must be an integer >= 1; got 0"):
        choose_experts(*arguments, capacity=0)
    with pytest.raises(ValueError, match="priority must be one of 'place', 'score'; got 'first'"):
        choose_experts(*arguments, priority="first")
    blind = PatchData.from_patches(np.ones((2, 3, 1)), [1, -1])
    with pytest.raises(ValueError, match=r"data\.positions must be given"):
        token_routing_metrics(blind, np.ones((2, 1)), TokenChoiceMoE(2, 2))


GOOD = {
    "dictionary": np.eye(3), "indices": np.array([[0, 1, 2], [2, 1, 0]]),
    "routers": np.array([[1.0, 0.0, 2.0], [0.5, 3.0, 0.1]]),
}  # fmt: skip


@pytest.mark.parametrize("function", [choose_patches, choose_experts])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"indices": [[0, 7]]}, ValueError, r"indices must be integers in \[0, 2\]; got 7"),
        ({"indices": [[0, 10**6]]}, ValueError, r"indices must be integers in \[0, 2\]"),
        ({"indices": [[0, 2**32]]}, ValueError, r"indices must be integers in \[0, 2\]"),
        ({"indices": np.array([[0, 2**63]], np.uint64)}, ValueError, "indices must be integers in"),
        ({"indices": [[0, -1]]}, ValueError, r"indices must be integers in \[0, 2\]; got -1"),
        ({"indices": [[0.0, 1.0]]}, TypeError, "indices must be an array of integers of shape"),
        ({"indices": [[True, False]]}, TypeError, "indices must be an array of integers"),
        ({"indices": [0, 1]}, ValueError, r"indices\.shape must be \(N, n\), none of them 0"),
        ({"indices": np.zeros((0, 3), int)}, ValueError, r"indices\.shape must be \(N, n\)"),
        ({"indices": [[0, 1], [2]]}, TypeError, "indices must be an array of integers"),
        ({"dictionary": [[1.0, np.nan, 0.0]]}, ValueError, "dictionary must be finite everywhere"),
        ({"dictionary": np.eye(3) * 1j}, TypeError, "dictionary must be an array of real numbers"),
        ({"dictionary": np.eye(3, 2)}, ValueError, r"routers\.shape must be \(k, 2\)"),
        ({"dictionary": None}, TypeError, "dictionary must be an array of real numbers .*got None"),
        ({"routers": [[np.inf, 0.0, 0.0]]}, ValueError, r"routers must be finite .*inf at index"),
        ({"routers": [["a", "b", "c"]]}, TypeError, "routers must be an array of real numbers"),
        ({"routers": [1.0, 2.0, 3.0]}, ValueError, r"routers\.shape must be \(k, d\)"),
        (
            {"routers": np.full((1, 3), 1e200), "dictionary": 1e200 * np.eye(3)},
            ValueError, "the scores of patches must be finite everywhere; got inf",
        ),
    ],
)  # fmt: skip
def test_arrays_are_checked_before_the_kernel(function, change, error, message):
    arrays = GOOD | change
    with pytest.raises(error, match=message):
        function(*arrays.values(), 1)


@pytest.mark.parametrize("function", [choose_patches, choose_experts])
def test_numbers_of_any_type(function):
    """Lists and integers are taken as numbers, so that gates are no integers."""
    whole = {"dictionary": 2 * np.eye(3), "indices": GOOD["indices"], "routers": np.eye(3)[:2]}
    expected = function(*whole.values(), 1)
    assert ((expected[1] == 1).all()) == (function is choose_patches)
    for kind in (np.int8, np.int64, np.uint16, np.float16, np.float32):
        arrays = {name: array.astype(kind) for name, array in whole.items() if name != "indices"}
        for numbers in (np.int64, np.uint8, np.int32):
            indices = whole["indices"].astype(numbers)
            found = function(arrays["dictionary"], indices, arrays["routers"], 1)
            single = kind == np.float32
            assert found[1].dtype == (np.float32 if single else np.float64)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6 if single else 0)
    listed = function(*(array.tolist() for array in whole.values()), 1)
    for one, other in zip(listed, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_metrics_take_what_routes_take():
    data = PatchPatterns(n_patches=4, n_irrelevant=6, patch_dim=8).sample(10, 0)
    routers, model = np.eye(8, dtype=int)[:2], TokenChoiceMoE(2, 2)
    for metrics in (routing_metrics(data, routers, 2), token_routing_metrics(data, routers, model)):
        assert metrics.gate_positive.dtype == np.float64
    with pytest.raises(TypeError, match="data must be PatchData: samples drawn by data"):
        routing_metrics(PatchPatterns(4, 6, 8), routers, 2)
    with pytest.raises(TypeError, match="model must be a TokenChoiceMoE; got JointMoE"):
        token_routing_metrics(data, routers, JointMoE(2, 2, 1))
    with pytest.raises(ValueError, match=r"routers\.shape must be \(3, 8\); got \(2, 8\)"):
        token_routing_metrics(data, routers, TokenChoiceMoE(3, 3))
