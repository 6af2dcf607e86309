"""One SGD step against finite differences of the networks' formulas, and against the twin."""

from dataclasses import replace

import numpy as np
import pytest
import twins
from cases import problems, settings_of
from hypothesis import assume, given, settings

from moe_theory import JointMoE, SeparateMoE, TokenChoiceMoE, Weights, train

STEP = 1e-6
# Central differences of a function with curvature of order 10 in float64: truncation ~ 10·h²,
# rounding ~ 1e-16·|loss|/h.
TOLERANCE = 1e-8


def far_from_kinks(model, weights, data, loss):
    """No pre-activation, routing gap or hinge margin may change sign within a step."""
    x = data.patches()
    gaps = [np.abs(x @ weights.experts.T).min()]
    if weights.routers is not None:
        scores = x @ weights.routers.T
        if isinstance(model, TokenChoiceMoE):
            if model.n_chosen < model.n_experts:
                gaps.append(np.diff(np.sort(scores, axis=2), axis=2).min())
            ranked = (
                model.priority == "score"
                and model.patches_per_expert(data.n_patches) < data.n_patches
            )
        else:
            ranked = model.n_routed < data.n_patches
        if ranked:
            gaps.append(np.diff(np.sort(scores, axis=1), axis=1).min())
    if loss == "hinge":
        f = np.array([twins.output(model, weights, patches) for patches in x])
        gaps.append(np.abs(1 - data.labels * f).min())
    return min(gaps) > 1e-4


def numeric_gradient(model, weights, data, loss, name):
    array = getattr(weights, name)
    gradient = np.empty_like(array)
    for place in np.ndindex(*array.shape):
        values = []
        for sign in (1, -1):
            moved = array.copy()
            moved[place] += sign * STEP
            values.append(twins.mean_loss(model, replace(weights, **{name: moved}), data, loss))
        gradient[place] = (values[0] - values[1]) / (2 * STEP)
    return gradient


@settings(max_examples=150)
@given(problems())
def test_step_is_finite_difference_gradient(problem):
    model, data, loss = problem
    sgd = settings_of(loss=loss, router_learning_rate=0.3, router_n_steps=1)
    run = train(model, data, sgd, seed=3)
    start = run.initial
    if isinstance(model, SeparateMoE):
        start = Weights(start.experts, start.output, run.weights.routers)
    assume(far_from_kinks(model, start, data, loss))
    measured = (start.experts - run.weights.experts) / sgd.learning_rate
    expected = numeric_gradient(model, start, data, loss, "experts")
    np.testing.assert_allclose(measured, expected, atol=TOLERANCE, rtol=1e-6)
    if isinstance(model, JointMoE | TokenChoiceMoE):
        measured = (start.routers - run.weights.routers) / 0.3
        expected = numeric_gradient(model, start, data, loss, "routers")
        np.testing.assert_allclose(measured, expected, atol=TOLERANCE, rtol=1e-6)


@settings(max_examples=60)
@given(problems())
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
