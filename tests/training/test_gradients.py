"""One SGD step against finite differences of the networks' formulas, and against the twin."""

from dataclasses import replace

import numpy as np
import pytest
import token_twin
import twins
from cases import TRAINED, descents, problems, settings_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moe_theory import SampleMoE, SeparateMoE, TokenChoiceMoE, Weights, train
from moe_theory._random import stream

STEP = 1e-6
# Central differences of a function with curvature of order 10 in float64: truncation ~ 10·h²,
# rounding ~ 1e-16·|loss|/h.
TOLERANCE = 1e-8


def far_from_kinks(model, weights, data, loss, noise):
    """No pre-activation, routing gap or hinge margin may change sign within a step."""
    x = data.patches()
    gaps = [np.inf]
    if model.activation == "relu":
        gaps.append(np.abs(x @ weights.experts.T).min())
    if weights.routers is not None:
        scores = x @ weights.routers.T
        ranked = False
        if isinstance(model, SampleMoE):
            noisy = np.sort(scores.sum(axis=1) + noise, axis=1)
            if model.n_experts > 1:
                gaps.append((noisy[:, -1] - noisy[:, -2]).min())
        elif not isinstance(model, TokenChoiceMoE):  # whose choices are held
            ranked = model.n_routed < data.n_patches
        if ranked:
            gaps.append(np.diff(np.sort(scores, axis=1), axis=1).min())
    if loss == "hinge":
        f = [twins.output(model, weights, one, extra) for one, extra in zip(x, noise, strict=True)]
        gaps.append(np.abs(1 - data.labels * np.array(f)).min())
    return min(gaps) > 1e-4


def objective(model, data, sgd, noise, start):
    """What a step at ``start`` descends, as a function of the weights."""
    if not isinstance(model, TokenChoiceMoE):
        own = data, sgd.loss, noise, sgd.balance_weight
        return lambda weights: twins.mean_loss(model, weights, *own)
    x, noise = data.patches(), np.stack(noise)
    routed = token_twin.choose(model, token_twin.noisy_scores(start, x, noise))
    return lambda weights: token_twin.loss(model, sgd, weights, x, data.labels, noise, routed)


def numeric_gradient(loss, weights, name):
    array = getattr(weights, name)
    gradient = np.empty_like(array)
    for place in np.ndindex(*array.shape):
        values = []
        for sign in (1, -1):
            moved = array.copy()
            moved[place] += sign * STEP
            values.append(loss(replace(weights, **{name: moved})))
        gradient[place] = (values[0] - values[1]) / (2 * STEP)
    return gradient


def at_unit_length(model, gradient):
    """The gradients of all experts at unit length; whatever is as small as 0 stays 0."""
    each = gradient.reshape(model.n_experts, -1)
    lengths = np.linalg.norm(each, axis=1, keepdims=True)
    assume(((lengths < TOLERANCE) | (lengths > 0.03)).all())
    return (each / np.where(lengths < TOLERANCE, np.inf, lengths)).reshape(gradient.shape)


@settings(max_examples=250)
@given(st.data())
def test_step_is_finite_difference_gradient(given_data):
    model, data, loss = given_data.draw(problems(TRAINED))
    own = given_data.draw(descents(model))
    sgd = settings_of(loss=loss, router_learning_rate=0.3, router_n_steps=1, **own)
    run = train(model, data, sgd, seed=3)
    start = run.initial
    if isinstance(model, SeparateMoE):
        start = Weights(start.experts, start.output, run.weights.routers)
    noise = [None] * data.n_samples
    if isinstance(model, SampleMoE):
        noise = model.draw_noise(data.n_samples, 3)
    if isinstance(model, TokenChoiceMoE):
        noise = model.next_noise(data.n_samples, data.n_patches, stream(3, "routing noise"))
        noise = noise.reshape(data.n_samples, data.n_patches, -1)
    assume(far_from_kinks(model, start, data, loss, noise))
    descended = objective(model, data, sgd, noise, start)
    # Cubic networks have losses much larger than 1.
    tolerance = TOLERANCE * max(1, descended(start))
    measured = (start.experts - run.weights.experts) / sgd.learning_rate
    expected = numeric_gradient(descended, start, "experts")
    if sgd.normalize_experts:
        expected, tolerance = at_unit_length(model, expected), 40 * tolerance
    np.testing.assert_allclose(measured, expected, atol=tolerance, rtol=1e-6)
    if model.learns_routers:
        measured = (start.routers - run.weights.routers) / 0.3
        expected = numeric_gradient(descended, start, "routers")
        np.testing.assert_allclose(measured, expected, atol=tolerance, rtol=1e-6)


@settings(max_examples=60)
@given(problems(TRAINED))
def test_outputs_follow_the_formulas(problem):
    model, data, loss = problem
    run = train(model, data, settings_of(loss=loss), seed=1)
    expected = [twins.output(model, run.weights, x) for x in data.patches()]
    np.testing.assert_allclose(run.predict(data), expected, atol=1e-12, rtol=1e-12)
    wrong = np.mean([not y * f > 0 for y, f in zip(data.labels, expected, strict=True)])
    assert run.error(data) == wrong
    assert run.history.train_error[-1] == wrong
    loss_now = twins.mean_loss(model, run.weights, data, loss)
    assert run.history.train_loss[-1] == pytest.approx(loss_now, rel=1e-12)
