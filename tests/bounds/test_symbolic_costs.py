"""Formulas for operations equal what runs report; memory equals the sizes of the arrays."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
from cases import TRAINED, networks, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import mean_loss, output

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    costs,
    train,
)
from moe_theory.bounds import (
    ARCHITECTURES,
    cost_table,
    step_flops,
    step_memory,
    training_flops,
)
from moe_theory.bounds.symbolic_costs import architecture_of
from moe_theory.costs.counting import FLAGS, NAMES
from moe_theory.training.batches import n_visits

PATTERNS = PatchPatterns(n_patches=5, n_irrelevant=7, patch_dim=9)


def formula_of(model, sgd, n_train, router_n_train=None):
    """Operations of a training on `PATTERNS`, by the formulas alone."""
    n_own, n_theirs = n_train, router_n_train or n_train
    if isinstance(model, SeparateMoE) and sgd.router_samples == "split":
        n_theirs = sgd.router_split(n_train)
        n_own = n_train - n_theirs
    n_steps = sgd.steps(n_own)
    if isinstance(model, SampleMoE | TokenChoiceMoE) or model.activation != "relu":
        return costs.over_steps(
            lambda size: model.step_flops(size, 5, 9, sgd.loss),
            n_visits=n_visits(n_own, sgd.batch_size, n_steps),
            n_steps=n_steps,
        )
    sizes = {"n_patches": 5, "patch_dim": 9, "n_hidden": model.n_hidden,
             "n_experts": model.n_experts, "n_routed": model.patches_per_expert(5),
             "n_train": n_own, "n_steps": n_steps,
             "n_visits": n_visits(n_own, sgd.batch_size, n_steps)}  # fmt: skip
    if isinstance(model, SeparateMoE):
        n_steps = sgd.router_steps(n_theirs)
        sizes |= {"router_n_train": n_theirs, "router_n_steps": n_steps,
                  "router_n_visits": n_visits(n_theirs, sgd.router_batch, n_steps)}  # fmt: skip
    return training_flops(architecture_of(model), sgd.loss).evaluate(**sizes)


@settings(max_examples=60)
@given(
    st.sampled_from(TRAINED).flatmap(lambda kind: networks(kind, 5)),
    st.sampled_from(["logistic", "hinge"]),
    st.integers(2, 23),
    st.integers(1, 30),
    st.integers(1, 9),
    st.integers(1, 30),
    st.integers(1, 9),
    st.sampled_from(["train", "split", "held_out"]),
)
def test_predicted_operations_equal_reported(
    model, loss, n_train, batch_size, n_steps, router_batch, router_steps, samples
):
    sgd = settings_of(
        batch_size=batch_size, n_steps=n_steps, loss=loss, router_batch_size=router_batch,
        router_n_steps=router_steps, router_samples=samples, learning_rate=1e-3,
    )  # fmt: skip
    held = samples == "held_out" and isinstance(model, SeparateMoE)
    router_data = PATTERNS.sample(11, seed=1) if held else None
    run = train(model, PATTERNS.sample(n_train, seed=0), sgd, router_data=router_data)
    predicted = formula_of(model, sgd, n_train, 11 if held else None)
    assert isinstance(predicted, int)
    assert predicted == run.flops.total


@pytest.mark.parametrize("model", [DenseCNN(6), SeparateMoE(2, 6, 3), JointMoE(3, 6, 2)])
def test_epochs_and_large_batches(model):
    for batch_size, n_epochs in ((4, 3), (64, 2), (10, 1)):
        sgd = SGD(0.01, batch_size=batch_size, n_epochs=n_epochs, router_n_epochs=2)
        run = train(model, PATTERNS.sample(10, seed=0), sgd)
        assert formula_of(model, sgd, 10) == run.flops.total


def test_bad_requests():
    with pytest.raises(ValueError, match="architecture must be one of"):
        step_flops("sparse")
    with pytest.raises(ValueError, match=r"model must be a DenseCNN, .* got 'TokenChoiceMoE'"):
        architecture_of(TokenChoiceMoE(2, 4))
    with pytest.raises(ValueError, match=r"activation must be .*, whose operations the table"):
        cost_table([DenseCNN(4, activation="cubic")])
    with pytest.raises(ValueError, match="n_routed must be at most the number of patches n = 4"):
        cost_table(n_patches=4)


def step_in_arrays(model, weights, xs, ys):
    """One step on logistic loss: the arrays that it holds, its outputs and its gradients."""
    batch, n, _ = xs.shape
    k, l = model.n_experts, model.patches_per_expert(n)
    a = weights.output.reshape(k, -1)
    w = weights.experts.reshape(k, a.shape[1], -1)
    held = [xs, weights.experts, weights.output]
    places = np.tile(np.arange(n), (batch, k, 1))
    gates = np.ones(1)
    if model.has_routers:
        scores = np.einsum("bnd,kd->bnk", xs, weights.routers)
        places = np.argsort(-scores, axis=1).swapaxes(1, 2)[:, :, :l]
        held.append(weights.routers)
    if model.learns_routers:
        gates = np.exp(np.take_along_axis(scores.swapaxes(1, 2), places, axis=2))
        gates /= gates.sum(axis=2, keepdims=True)
        held += [scores, gates]
    sent = xs[np.arange(batch)[:, None, None], places]  # looked up, not held
    hidden = np.maximum(np.einsum("bkld,kud->bklu", sent, w), 0)
    values = np.einsum("bklu,ku->bkl", hidden, a)
    f = model.output_scale(n) * (gates * values).sum(axis=(1, 2))
    force = -ys / (1 + np.exp(ys * f)) * model.output_scale(n) / batch
    pull = (force[:, None, None] * gates)[..., None]
    gradients = [np.einsum("bklu,bkld->kud", (hidden > 0) * a[:, None, :] * pull, sent)]
    held += [hidden, f, gradients[0]]
    if model.learns_routers:
        lift = pull[..., 0] * (values - (gates * values).sum(axis=2, keepdims=True))
        gradients.append(np.einsum("bkl,bkld->kd", lift, sent))
        held += [values, gradients[1]]
    return held, f, gradients


@pytest.mark.parametrize(
    "model", [DenseCNN(6), SeparateMoE(2, 6, 3), JointMoE(3, 6, 2, router_init_std=0.5)]
)
def test_memory_counts_the_arrays_of_a_step(model):
    """The step is right: its outputs and its gradients are those of the network."""
    batch, n, d = 4, 5, 9
    data = PATTERNS.sample(batch, seed=0)
    weights, xs, ys = model.initial_weights(d, seed=0), data.patches(), data.labels
    held, f, gradients = step_in_arrays(model, weights, xs, ys)
    np.testing.assert_allclose(f, [output(model, weights, x) for x in xs], atol=1e-14)
    rng = np.random.default_rng(0)
    for name, gradient in zip(("experts", "routers"), gradients, strict=False):
        start, way = getattr(weights, name), rng.standard_normal(getattr(weights, name).shape)
        ends = [
            mean_loss(model, replace(weights, **{name: start + h * way}), data, "logistic")
            for h in (-1e-6, 1e-6)
        ]
        slope = (gradient.reshape(way.shape) * way).sum()
        assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(slope, rel=1e-5)
    sizes = {
        "batch_size": batch, "n_patches": n, "patch_dim": d,
        "n_routed": model.patches_per_expert(n),
        "n_experts": model.n_experts, "n_hidden": model.n_hidden,
    }  # fmt: skip
    counted = sum(array.size for array in held)
    assert step_memory(architecture_of(model)).evaluate(**sizes) == counted


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_one_step_is_a_training_of_one_step(architecture, loss):
    sizes = {"n_patches": 7, "n_routed": 3, "n_experts": 2, "n_hidden": 8, "patch_dim": 5}
    step = step_flops(architecture, loss).evaluate(**sizes, batch_size=11)
    routers = {"router_n_train": 9, "router_n_steps": 2, "router_n_visits": 18, "n_train": 20}
    whole = training_flops(architecture, loss).evaluate(**sizes, n_visits=11, n_steps=1, **routers)
    extra = 9 * 7 * 5 + 2 * 18 * 5 + 2 * (1 + 2 * 2 * 5) + 2 * 20 * 7 * 2 * 5
    assert whole - step == (extra if architecture == "separate" else 0)


COSTS = [
    found for name in costs.__all__
    if inspect.isfunction(found := getattr(costs, name)) and name != "over_steps"
]  # fmt: skip


@pytest.mark.parametrize("function", COSTS)
@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.float64])
def test_sizes_of_any_type_count_exactly(function, kind):
    """Products of NumPy's integers would overflow without a word."""
    names = [n for n in inspect.signature(function).parameters if n not in {*NAMES, *FLAGS}]
    sizes = dict(zip(names, (100, 64, 3, 120, 99, 101, 127, 2), strict=False))
    exact = function(**sizes)
    assert isinstance(exact, int)
    found = function(**{name: kind(size) for name, size in sizes.items()})
    assert found == exact
    assert type(found) is (float if kind is np.float64 else int)
    large = dict.fromkeys(names, 10**9)
    assert function(**{name: np.int32(size) for name, size in large.items()}) == function(**large)


@pytest.mark.parametrize("function", COSTS)
def test_impossible_sizes(function):
    names = [n for n in inspect.signature(function).parameters if n not in {*NAMES, *FLAGS}]
    good = dict.fromkeys(names, 2)
    for name in names:
        for value in (-1, np.int8(-1), -0.5, np.nan, np.inf):
            with pytest.raises(ValueError, match=rf"{name} must be a number >= 0"):
                function(**good | {name: value})
        for value in ("8", None, True, 1j, [8], np.array([8, 16])):
            with pytest.raises(TypeError, match=rf"{name} must be a number >= 0"):
                function(**good | {name: value})
    if "loss" in inspect.signature(function).parameters:
        with pytest.raises(ValueError, match="loss must be one of 'logistic', 'hinge'; got 'l2'"):
            function(**good, loss="l2")


def test_steps_of_batches():
    with pytest.raises(ValueError, match="n_visits must be a number >= 0"):
        costs.over_steps(lambda size: size, n_visits=-1, n_steps=1)
    with pytest.raises(TypeError, match="step must be a function of a batch size; got 3"):
        costs.over_steps(3, n_visits=1, n_steps=1)
    many = {"n_visits": np.int32(2**31 - 1), "n_steps": np.int32(2**31 - 1)}
    assert costs.over_steps(lambda size: 3 * size + 5, **many) == 8 * (2**31 - 1)
