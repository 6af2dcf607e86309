"""What holds for means of ReLUs only refuses other networks, or is right for them, too."""

from dataclasses import replace

import numpy as np
import pytest
from cases import settings_of

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SampleMoE, SeparateMoE, train
from moe_theory import predictions as p
from moe_theory.bounds import cost_table
from moe_theory.flow import gradient_flow, population_flow, sgd_path
from moe_theory.inference import expert_scores, fine_tune, prune, router_proficiency

PATTERNS = PatchPatterns(n_patches=8, n_irrelevant=64, patch_dim=66)
DATA = PATTERNS.sample(40, 0)
STEPS = SGD(0.1, 40, n_steps=1)
SMALL = SGD(1.0, 10, n_epochs=200, stop_loss=0.01)
DENSE = DenseCNN(20, init_std=1e-6)


def one_step(model, **changes):
    return p.one_step_error(PATTERNS, model, replace(STEPS, **changes), 40)


def few_steps(model, **changes):
    return p.few_steps_error(PATTERNS, model, replace(STEPS, n_steps=3, **changes), 40)


def trained(model, **changes):
    return p.trained_error(PATTERNS, model, replace(SMALL, **changes), 100)


def on_data(model, **changes):
    return gradient_flow(model, DATA, replace(STEPS, **changes))


def along_sgd(model, **changes):
    return sgd_path(model, DATA, replace(STEPS, **changes))


def on_population(model, **changes):
    return population_flow(model, PATTERNS, replace(STEPS, **changes))


PREDICTIONS = [one_step, few_steps, trained]
FLOWS = [on_data, along_sgd, on_population]


@pytest.mark.parametrize("activation", ["cubic", "linear"])
@pytest.mark.parametrize("function", [*PREDICTIONS, *FLOWS])
def test_activations(function, activation):
    with pytest.raises(ValueError, match=f"activation must be \"relu\".* got '{activation}'"):
        function(replace(DENSE, activation=activation))


@pytest.mark.parametrize("function", PREDICTIONS)
def test_sums(function):
    with pytest.raises(ValueError, match='pooling must be "mean": the statement'):
        function(replace(DENSE, pooling="sum"))


@pytest.mark.parametrize("function", [*PREDICTIONS, *FLOWS])
def test_gradients_at_unit_length(function):
    with pytest.raises(ValueError, match="normalize_experts must be False"):
        function(DENSE, normalize_experts=True)


@pytest.mark.parametrize("function", [*PREDICTIONS, *FLOWS])
def test_balance_losses(function):
    with pytest.raises(ValueError, match="balance_weight must be 0"):
        function(DENSE, balance_weight=0.1)


@pytest.mark.parametrize("function", FLOWS)
def test_inputs_that_choose(function):
    with pytest.raises(ValueError, match="model must be a DenseCNN, a SeparateMoE or a Joint"):
        function(SampleMoE(2, 4))


def test_predictions_of_other_networks():
    with pytest.raises(ValueError, match="normalize_experts must be False: the statement"):
        p.joint_error(PATTERNS, JointMoE(4, 8, 3), replace(SMALL, normalize_experts=True), 100)
    with pytest.raises(ValueError, match="normalize_experts must be False: the statement"):
        p.trained_error(
            PATTERNS, SeparateMoE(2, 40, 2), replace(SMALL, normalize_experts=True), 100
        )
    with pytest.raises(ValueError, match=r"model must be a DenseCNN, .* got 'SampleMoE'"):
        cost_table([SampleMoE(2, 4)])


def test_flows_of_sums():
    """A mean and a sum differ by n in f, so that small steps of both follow their flows."""
    sgd = settings_of(learning_rate=0.002, batch_size=40, n_steps=400, record=100)
    model = DenseCNN(6, pooling="sum")
    run = train(model, DATA, sgd, seed=1)
    flow = gradient_flow(model, DATA, sgd, seed=1)
    np.testing.assert_allclose(flow.loss, run.history.train_loss, atol=2e-3)
    path = sgd_path(model, DATA, sgd, seed=1)
    np.testing.assert_allclose(path.loss, run.history.train_loss, atol=1e-12)
    assert flow.loss[-1] < 0.9 * flow.loss[0]
    with pytest.raises(ValueError, match='method must be "enumerate" or "sample" unless outputs'):
        population_flow(model, PATTERNS, sgd, method="law")


def test_scores_of_inputs_that_choose():
    model = SampleMoE(4, 8, "linear", init_std=0.1, router_init_std=0.1)
    run = train(model, DATA, SGD(0.1, 10, n_steps=20), seed=1)
    chosen = run.experts_of(DATA)
    loads = np.bincount(chosen, minlength=4) / len(chosen)
    np.testing.assert_allclose(expert_scores(run, "activation_frequency", data=DATA), loads)
    with pytest.raises(ValueError, match="least_gate must be given where patches or inputs"):
        router_proficiency(run, DATA)
    assert router_proficiency(run, DATA, 0.1).shape == (4, 2)
    with pytest.raises(ValueError, match="keep_routers must be False for linear experts"):
        prune(run, 0.5, keep_routers=True)
    left = prune(run, 0.5, loads)
    best = np.sort(np.argsort(-loads, kind="stable")[:2])
    scores = DATA.patches().sum(axis=1) @ run.weights.routers[best].T
    np.testing.assert_array_equal(left.experts_of(DATA), scores.argmax(axis=1))


def test_silent_experts_stay_silent():
    model = SampleMoE(4, 8, "cubic", init_std=0.1, router_init_std=0.1)
    run = train(model, DATA, SGD(0.1, 10, n_steps=20), seed=1)
    silent = prune(run, 0.5, [0.0, 1.0, 2.0, 0.5], keep_routers=True)
    gone = np.isin(run.experts_of(DATA), [0, 3])
    assert (silent.predict(DATA) == 0).tolist() == gone.tolist()
    again = fine_tune(silent, DATA, SGD(0.1, 10, n_steps=20, normalize_experts=True))
    assert not again.weights.experts[[0, 1, 6, 7]].any()
