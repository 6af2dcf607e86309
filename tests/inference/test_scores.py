"""Scores against sums written out, one input, patch and expert at a time."""

import numpy as np
import pytest
import twins
from cases import problems, settings_of
from hypothesis import assume, given, settings

from moe_theory import DenseCNN, JointMoE, SampleMoE, SeparateMoE, TokenChoiceMoE, train
from moe_theory.inference import expert_scores, received_gates

STEP = 1e-6


def gates_by_hand(model, weights, x):
    """What each expert receives of one input, shape (n, k)."""
    if isinstance(model, DenseCNN):
        return np.ones((len(x), 1))
    out = np.zeros((len(x), model.n_experts))
    if isinstance(model, JointMoE | SeparateMoE):
        for s, router in enumerate(weights.routers):
            places = twins.top_l(x @ router, model.n_routed)
            soft = twins.softmax((x @ router)[places])
            out[places, s] = soft if isinstance(model, JointMoE) else 1
        return out
    scores = x @ weights.routers.T
    if isinstance(model, SampleMoE):
        s = twins.chosen_expert(scores.sum(axis=0), None)
        out[:, s] = twins.softmax(scores.sum(axis=0))[s] if model.gate == "softmax" else 1
        return out
    for j, s in twins.choices(model, scores):
        out[j, s] = twins.softmax(scores[j])[s]
    return out


@settings(max_examples=80)
@given(problems())
def test_gates_and_averages(problem):
    model, data, loss = problem
    run = train(model, data, settings_of(loss=loss), seed=1)
    gates = np.stack([gates_by_hand(model, run.weights, x) for x in data.patches()])
    np.testing.assert_allclose(received_gates(run, data), gates, atol=1e-12)
    chosen_by_experts = isinstance(model, DenseCNN | SeparateMoE | JointMoE)
    mass = gates.sum(axis=1) if isinstance(model, TokenChoiceMoE) else gates.max(axis=1)
    found = expert_scores(run, "gate_mass", data=data)
    np.testing.assert_allclose(found, mass.mean(axis=0), atol=1e-12)
    if isinstance(model, DenseCNN) and model.activation != "relu":
        with pytest.raises(ValueError, match='activation must be "relu", as other units'):
            expert_scores(run, "activation_frequency", data=data)
        return
    units = model.n_hidden // model.n_experts
    frequency = []
    for s in range(model.n_experts):
        own = run.weights.experts[s * units : (s + 1) * units]
        firing = [
            np.mean(own @ x[j] > 0)
            for x, gate in zip(data.patches(), gates, strict=True)
            for j in np.flatnonzero(gate[:, s] > 0)
        ]
        taken = np.mean(gates[:, :, s] > 0)
        frequency.append(np.mean(firing) if chosen_by_experts else taken)
    found = expert_scores(run, "activation_frequency", data=data)
    np.testing.assert_allclose(found, frequency, atol=1e-12)


@settings(max_examples=40)
@given(problems())
def test_curvature_is_the_squared_gradient(problem):
    """E ℓ″·‖∂f/∂w‖² with the gradient by finite differences of the network's formula."""
    model, data, loss = problem
    run = train(model, data, settings_of(loss=loss), seed=1)
    if model.activation == "relu":
        assume(np.abs(data.patches() @ run.weights.experts.T).min() > 1e-4)
    units = model.n_hidden // model.n_experts
    expected = np.zeros(model.n_experts)
    for x in data.patches():
        f = twins.output(model, run.weights, x)
        bend = 1.0 if loss == "hinge" else np.exp(-f) / (1 + np.exp(-f)) ** 2
        for place in np.ndindex(*run.weights.experts.shape):
            slope = numeric_slope(model, run.weights, x, place)
            expected[place[0] // units] += bend * slope**2 / data.n_samples
    found = expert_scores(run, "curvature", data=data)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def numeric_slope(model, weights, x, place):
    values = []
    for sign in (1, -1):
        moved = weights.experts.copy()
        moved[place] += sign * STEP
        values.append(twins.output(model, type(weights)(moved, weights.output, weights.routers), x))
    return (values[0] - values[1]) / (2 * STEP)


def test_norms():
    model = JointMoE(3, 6, 2, init_std=1.0, router_init_std=1.0)
    data = problem_data()
    run = train(model, data, settings_of(n_steps=5), seed=0)
    expected = [np.sqrt((run.weights.experts[s : s + 2] ** 2).sum()) for s in (0, 2, 4)]
    np.testing.assert_allclose(expert_scores(run, "weight_magnitude"), expected)
    moved = [np.linalg.norm(a) - np.linalg.norm(b)
             for a, b in zip(run.weights.routers, run.initial.routers, strict=True)]  # fmt: skip
    np.testing.assert_allclose(expert_scores(run, "router_norm_change"), moved)


def test_a_dense_network_has_no_router_norms():
    run = train(DenseCNN(4), problem_data(), settings_of())
    with pytest.raises(ValueError, match="model must be a network with routers"):
        expert_scores(run, "router_norm_change")
    with pytest.raises(ValueError, match=r"data \(n, d\) must be \(3, 5\) as trained"):
        received_gates(run, problem_data(n_patches=4))


def problem_data(n_patches=3):
    from moe_theory import PatchPatterns  # noqa: PLC0415

    return PatchPatterns(n_patches, 3, 5).sample(12, seed=0)
