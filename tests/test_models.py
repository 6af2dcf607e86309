import dataclasses
import math

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    Weights,
    train,
)
from moe_theory.models.weights import draw_gaussian

GOOD = {"n_experts": 2, "n_hidden": 4, "n_routed": 2}
TOKEN = {"n_experts": 2, "n_hidden": 4}


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (DenseCNN, {"n_hidden": 0}, "n_hidden must be an integer >= 1; got 0"),
        (DenseCNN, {"n_hidden": True}, "n_hidden must be an integer >= 1; got True"),
        (DenseCNN, {"n_hidden": 4.0}, "n_hidden must be an integer >= 1; got 4.0"),
        (DenseCNN, {"n_hidden": 4, "init_std": math.nan}, "init_std must be a finite number"),
        (DenseCNN, {"n_hidden": 4, "init_std": -1.0}, "init_std must be .* got -1.0"),
        (DenseCNN, {"n_hidden": 4, "output_weights": "one"}, "output_weights must be one of"),
        (SeparateMoE, GOOD | {"n_experts": 3, "n_hidden": 6}, "n_experts must be even"),
        (JointMoE, GOOD | {"n_hidden": 5}, "n_hidden must be a multiple of n_experts = 2; got 5"),
        (JointMoE, GOOD | {"n_hidden": 1}, "n_hidden must be a multiple of n_experts = 2; got 1"),
        (JointMoE, GOOD | {"n_routed": 0}, "n_routed must be an integer >= 1; got 0"),
        (JointMoE, GOOD | {"pooling": "max"}, "pooling must be one of 'routed', 'all'; got 'max'"),
        (JointMoE, GOOD | {"router_init_std": math.inf}, "router_init_std must be a finite"),
        (
            TokenChoiceMoE,
            TOKEN | {"n_chosen": 3},
            r"n_chosen must be .* in \[1, 2\]; got 3",
        ),
        (
            TokenChoiceMoE,
            TOKEN | {"n_chosen": 0},
            r"n_chosen must be .* in \[1, 2\]; got 0",
        ),
        (TokenChoiceMoE, TOKEN | {"capacity": 0}, "capacity must be an integer >= 1; got 0"),
        (TokenChoiceMoE, TOKEN | {"capacity": 1.5}, "capacity must be an integer >= 1; got 1.5"),
        (TokenChoiceMoE, TOKEN | {"priority": "gate"}, "priority must be one of 'place', 'score'"),
        (TokenChoiceMoE, TOKEN | {"n_hidden": 5}, "n_hidden must be a multiple of n_experts = 2"),
        (TokenChoiceMoE, TOKEN | {"init_std": -1.0}, "init_std must be .* got -1.0"),
        (DenseCNN, {"n_hidden": 4, "activation": "square"}, "activation must be one of 'relu', 'c"),
        (DenseCNN, {"n_hidden": 4, "pooling": "routed"}, "pooling must be one of 'mean', 'sum'"),
        (SampleMoE, TOKEN | {"activation": 3}, "activation must be one of .* got 3"),
        (SampleMoE, TOKEN | {"pooling": "all"}, "pooling must be one of 'mean', 'sum'; got 'all'"),
        (SampleMoE, TOKEN | {"gate": True}, "gate must be one of 'softmax', 'none'; got True"),
        (SampleMoE, TOKEN | {"noise": None}, "noise must be one of 'uniform', 'gaussian', 'none'"),
        (SampleMoE, TOKEN | {"noise_scale": 0.0}, r"noise_scale must be .* in \(0, inf\); got 0.0"),
        (SampleMoE, TOKEN | {"output_weights": "one"}, "output_weights must be one of .*'ones'"),
        (SampleMoE, TOKEN | {"n_hidden": 5}, "n_hidden must be a multiple of n_experts = 2; got 5"),
    ],
)
def test_bad_models(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        kind(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.0}, r"learning_rate must be a finite number in \(0, inf\); got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be .* got nan"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1; got 0"),
        ({"n_epochs": 3}, r"\(n_steps, n_epochs\) must be one number and one None; got \(5, 3\)"),
        ({"n_steps": None}, r"\(n_steps, n_epochs\) must be one number and one None"),
        ({"n_steps": 0}, "n_steps must be an integer >= 1; got 0"),
        ({"router_n_steps": 1, "router_n_epochs": 1}, "must be at most one number"),
        ({"router_learning_rate": -1.0}, "router_learning_rate must be"),
        ({"loss": "square"}, "loss must be one of 'logistic', 'hinge'; got 'square'"),
        ({"router_samples": "test"}, "router_samples must be one of"),
        ({"router_fraction": 1.0}, r"router_fraction must be a finite number in \(0, 1\); got 1.0"),
        ({"record": 0}, "record must be an integer >= 1; got 0"),
        ({"record": (3, -1)}, "record must be an integer >= 0; got -1"),
        ({"record": range(10**9)}, "record must be at most 10000000 steps; got more"),
        ({"record": range(0, 10**25, 3)}, "record must be at most 10000000 steps; got more"),
        ({"record": 1, "n_steps": 10**9}, "record must be at least 100, as there are 1000000000"),
        ({"stop_at_zero_error": 1}, "stop_at_zero_error must be True or False; got 1"),
        ({"stop_loss": 0.0}, "stop_loss must be a finite number"),
        ({"dtype": "float16"}, "dtype must be one of 'float32', 'float64'; got 'float16'"),
    ],
)
def test_bad_sgd(changes, message):
    with pytest.raises(ValueError, match=message):
        SGD(**{"learning_rate": 0.1, "batch_size": 4, "n_steps": 5} | changes)


def test_specifications_are_frozen_values():
    model = JointMoE(**GOOD)
    assert model == JointMoE(np.int64(2), np.int32(4), 2)
    assert hash(model) == hash(JointMoE(**GOOD))
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.n_hidden = 8


def test_initial_weights():
    """Standard deviations, streams that do not move each other, and the kinds of output weights."""
    model = JointMoE(4, 4000, 2, output_weights="gaussian", init_std=0.5, router_init_std=2.0)
    weights = model.initial_weights(patch_dim=25, seed=7)
    n = weights.experts.size
    # The sample variance of n normals has relative standard deviation √(2/n); 5 of these.
    assert weights.experts.var() == pytest.approx(0.25, rel=5 * math.sqrt(2 / n))
    assert weights.output.var() == pytest.approx(1.0, rel=5 * math.sqrt(2 / 4000))
    assert weights.routers.var() == pytest.approx(4.0, rel=5 * math.sqrt(2 / 100))
    dense = DenseCNN(4000, init_std=0.5).initial_weights(patch_dim=25, seed=7)
    np.testing.assert_array_equal(dense.experts, weights.experts)
    assert dense.routers is None
    np.testing.assert_array_equal(dense.output[:4], [1, -1, 1, -1])
    signs = SeparateMoE(4, 8, 2, output_weights="expert_signs").initial_weights(3, 0).output
    np.testing.assert_array_equal(signs, [1, 1, -1, -1, 1, 1, -1, -1])
    with pytest.raises(ValueError, match="read-only"):
        weights.experts[0, 0] = 1.0


def test_output_scale():
    assert JointMoE(**GOOD).output_scale(8) == 1 / 2
    assert JointMoE(**GOOD, pooling="all").output_scale(8) == 1 / 8
    assert DenseCNN(4).output_scale(8) == 1 / 8
    assert TokenChoiceMoE(**TOKEN, capacity=2).output_scale(8) == 1 / 8


def test_patches_that_experts_receive():
    for capacity, routed, pairs in ((None, 8, 8), (3, 3, 6), (5, 5, 8), (9, 8, 8)):
        model = TokenChoiceMoE(**TOKEN, capacity=capacity)
        assert (model.patches_per_expert(8), model.n_pairs(8)) == (routed, pairs)
    assert TokenChoiceMoE(**TOKEN, n_chosen=2).n_pairs(8) == 16
    weights = TokenChoiceMoE(**TOKEN).initial_weights(3, seed=1)
    joint = JointMoE(**GOOD).initial_weights(3, seed=1)
    np.testing.assert_array_equal(weights.routers, joint.routers)
    np.testing.assert_array_equal(weights.experts, joint.experts)


@pytest.mark.parametrize("n_hidden", [2**40, 2**70])
@pytest.mark.parametrize("n_experts", [2, "n_hidden"])
def test_networks_that_do_not_fit_into_memory(n_hidden, n_experts):
    """Refused by name before any weight is drawn."""
    k = n_hidden if n_experts == "n_hidden" else n_experts
    networks = [DenseCNN(n_hidden), TokenChoiceMoE(k, n_hidden), SampleMoE(k, n_hidden)]
    networks += [JointMoE(k, n_hidden, 2), SeparateMoE(k, n_hidden, 2)]
    for model in networks:
        with pytest.raises(ValueError, match=r"n_hidden must be such that a matrix .* fits into"):
            model.initial_weights(10, 0)


def test_routers_that_do_not_fit_into_memory():
    with pytest.raises(ValueError, match="n_experts must be such that a matrix"):
        draw_gaussian(1.0, (2**50, 10), 0, "routers")


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms_of_routers_of_any_size(size, dtype):
    """Squares of 1e±30 are beyond float32: the norm is right, without a warning."""
    data = PatchPatterns(4, 8, 10).sample(20, 0)
    model, sgd = SampleMoE(2, 4, init_std=0.1), SGD(1e-9, 10, n_steps=1, dtype=dtype)
    drawn = model.initial_weights(10, 0)
    routers = size * np.random.default_rng(1).normal(size=(2, 10))
    run = train(model, data, sgd, initial=Weights(drawn.experts, drawn.output, routers))
    for norm, own in zip(run.router_norm, run.weights.routers, strict=True):
        assert norm == pytest.approx(math.hypot(*own.tolist()), rel=1e-6)
    assert np.isfinite(run.router_norm_change).all()
