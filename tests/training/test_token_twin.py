"""Token choice with all its options against the twin: slopes, several steps, outputs."""

from dataclasses import replace

import numpy as np
import pytest
import token_twin
from cases import descents, networks, pattern_data, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import PatchPatterns, TokenChoiceMoE, Weights, train
from moe_theory._random import stream
from moe_theory.training.batches import blocks

# A step into imaginary numbers has no truncation, and nothing cancels.
STEP = 1e-30


@settings(max_examples=200)
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 999))
def test_slopes_of_the_twin_are_derivatives_of_its_loss(draws, size, n, dim, seed):
    model = draws.draw(networks("practised", n))
    own = draws.draw(descents(model))
    sgd = settings_of(loss=draws.draw(st.sampled_from(["logistic", "hinge"])), **own)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(size, n, dim)), rng.choice([-1.0, 1.0], size=size)
    noise = rng.normal(size=(size, n, model.n_experts))
    start = token_twin.State(*_typical(model, dim, rng))
    h = token_twin.noisy_scores(start, x, noise)
    routed = token_twin.choose(model, h, draws.draw(st.sampled_from([None, start.bias])))
    found = token_twin.gradients(model, sgd, start, x, y, noise, routed)
    for name, gradient in zip(("experts", "routers"), found, strict=True):
        expected = np.empty_like(gradient)
        for place in np.ndindex(*expected.shape):
            moved = getattr(start, name).astype(complex)
            moved[place] += 1j * STEP
            end = start._replace(**{name: moved})
            loss = token_twin.loss(model, sgd, end, x, y, noise, routed)
            expected[place] = loss.imag / STEP
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13)


def _typical(model, dim, rng):
    """Experts, output, routers and bias of order 1."""
    shapes = (model.n_hidden, dim), model.n_hidden, (model.n_experts, dim), model.n_experts
    return [rng.normal(size=shape) for shape in shapes]


def follow(model, data, sgd, seed, start):
    """Take the steps of the twin."""
    weights = token_twin.State(start.experts, start.output, start.routers, start.bias)
    rng, t, x = stream(seed, "routing noise"), 0, data.patches()
    for block in blocks(data.n_samples, sgd.batch_size, sgd.n_steps, stream(seed, "batches")):
        for first, last in zip(block.bounds[:-1], block.bounds[1:], strict=True):
            rows, share = block.order[first:last], 1.0
            if sgd.noise_steps is not None:
                share = max(0.0, 1 - t / sgd.noise_steps)
            drawn = model.next_noise(len(rows), data.n_patches, rng)
            noise = share * drawn.reshape(len(rows), data.n_patches, model.n_experts)
            weights = token_twin.step(model, sgd, weights, x[rows], data.labels[rows], noise)
            t += 1
    return weights


def data_loss(model, weights, data, loss):
    """The mean loss without noise, which a training records."""
    margins = data.labels * token_twin.outputs(model, weights, data.patches())
    return np.mean(np.logaddexp(0, -margins) if loss == "logistic" else np.maximum(0, 1 - margins))


@settings(max_examples=200)
@given(st.data(), st.sampled_from(["raw", "pattern"]), st.integers(1, 12), st.integers(1, 9))
def test_both_engines_follow_the_twin(draws, engine, batch_size, n_steps):
    n_patches = draws.draw(st.integers(1, 7))
    model = draws.draw(networks("practised", n_patches))
    data, patterns = draws.draw(pattern_data(n_patches))
    sgd = settings_of(
        learning_rate=draws.draw(st.sampled_from([0.1, 1.0])),
        router_learning_rate=draws.draw(st.sampled_from([None, 0.5])),
        batch_size=batch_size,
        n_steps=n_steps,
        loss=draws.draw(st.sampled_from(["logistic", "hinge"])),
        **draws.draw(descents(model)),
    )
    seed = draws.draw(st.integers(0, 99))
    start = model.initial_weights(data.patch_dim, seed)
    if draws.draw(st.booleans()):
        bias = np.random.default_rng(seed).normal(scale=0.3, size=model.n_experts)
        start = replace(start, bias=bias)
    run = train(model, data, sgd, seed, initial=start, engine=engine)
    twin = follow(model, data, sgd, seed, start)
    # A few roundings of numbers of order 1 to 10, over at most 9 steps.
    for name in ("experts", "routers"):
        found, expected = getattr(run.weights, name), getattr(twin, name)
        scale = 1 + np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-12 * scale, rtol=0)
    if twin.bias is None:
        assert run.weights.bias is None
    else:
        np.testing.assert_allclose(run.weights.bias, twin.bias, atol=1e-14)
    test = patterns.sample(9, 1, split="test")
    expected = token_twin.outputs(model, twin, test.patches())
    np.testing.assert_allclose(run.predict(test), expected, atol=1e-11, rtol=1e-11)
    for which, now in ((0, start), (-1, twin)):
        expected = data_loss(model, now, data, sgd.loss)
        assert run.history.train_loss[which] == pytest.approx(expected, rel=1e-11)


PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=9, patch_dim=12)
DATA = PATTERNS.sample(12, seed=0)
MODEL = TokenChoiceMoE(
    4, 18, 2, 2, "score", init_std=0.7, router_init_std=0.7, gate="softmax", renormalize=True,
    n_shared=2, noise="gaussian", noise_scale=0.5,
)  # fmt: skip
DESCENT = settings_of(
    batch_size=5, n_steps=6, router_learning_rate=0.3, balance_weight=0.5, bias_rate=0.05,
    z_weight=0.2, noise_steps=4,
)  # fmt: skip
FAULTS = {
    "gate": ({"gate": "sigmoid"}, {"z_weight": 0.0}),
    "renormalize": ({"renormalize": False}, {}),
    "n_chosen": ({"n_chosen": 1}, {}),
    "capacity": ({"capacity": None}, {}),
    "priority": ({"priority": "place"}, {}),
    "noise": ({"noise": "none"}, {}),
    "noise_law": ({"noise": "uniform"}, {}),
    "noise_scale": ({"noise_scale": 0.51}, {}),
    "noise_steps": ({}, {"noise_steps": 5}),
    "balance_weight": ({}, {"balance_weight": 0.51}),
    "z_weight": ({}, {"z_weight": 0.21}),
    "bias_rate": ({}, {"bias_rate": 0.051}),
    "router_rate": ({}, {"router_learning_rate": 0.31}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_twin_of_another_setting_is_far_off(fault):
    """What holds engines to the twin would see any one option that has no effect, or another."""
    of_model, of_sgd = FAULTS[fault]
    start = MODEL.initial_weights(12, 0)
    right = follow(MODEL, DATA, DESCENT, 0, start)
    wrong = follow(replace(MODEL, **of_model), DATA, replace(DESCENT, **of_sgd), 0, start)
    apart = [np.abs(getattr(right, name) - getattr(wrong, name)).max()
             for name in ("experts", "routers", "bias")]  # fmt: skip
    assert max(apart) > 1e-5
    for engine in ("raw", "pattern"):
        run = train(MODEL, DATA, DESCENT, 0, initial=start, engine=engine)
        for name in ("experts", "routers", "bias"):
            found, expected = getattr(run.weights, name), getattr(right, name)
            np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("engine", ["raw", "pattern"])
def test_shared_experts_receive_what_no_expert_has_room_for(engine):
    """Without output of the others f is the dense network of the shared experts."""
    model = TokenChoiceMoE(2, 8, capacity=1, n_shared=2, router_init_std=0.5, init_std=0.7)
    start = model.initial_weights(12, 0)
    start = Weights(start.experts, start.output * (np.arange(8) >= 4), start.routers)
    run = train(model, DATA, settings_of(n_steps=3), initial=start, engine=engine)
    np.testing.assert_array_equal(run.weights.routers, start.routers)
    np.testing.assert_array_equal(run.weights.experts[:4], start.experts[:4])
    hidden = np.maximum(DATA.patches() @ run.weights.experts.T, 0)
    expected = (hidden @ run.weights.output).mean(axis=1)
    np.testing.assert_allclose(run.predict(DATA), expected, rtol=1e-12)
    assert (run.weights.experts[4:] != start.experts[4:]).any(axis=1).all()
