"""Token choice with options: what has to be equal, and what noise and bias do."""

from dataclasses import replace

import numpy as np
import pytest
import token_twin
from cases import descents, networks, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    SGD,
    PatchData,
    PatchPatterns,
    SampleMoE,
    TokenChoiceMoE,
    Weights,
    choose_experts,
    train,
    train_many,
)
from moe_theory._random import stream
from moe_theory.inference import fine_tune
from moe_theory.training import work

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=9, patch_dim=12)
DATA, TEST = PATTERNS.sample(30, seed=0), PATTERNS.sample(40, seed=0, split="test")
COMMON = {"init_std": 0.5, "router_init_std": 0.5}
ENGINES = pytest.mark.parametrize("engine", ["raw", "pattern"])
NAMES = "experts", "routers", "bias"
# Everything at once.
FULL = TokenChoiceMoE(
    4, 18, 2, 2, "score", **COMMON, renormalize=True, n_shared=2, noise="gaussian", noise_scale=0.3
)
DESCENT = SGD(
    0.5, 7, n_steps=40, record=11, balance_weight=0.1, z_weight=0.05, bias_rate=0.01, noise_steps=25
)


def assert_same(run, other, **tolerance):
    for name in NAMES:
        one, two = getattr(run.weights, name), getattr(other.weights, name)
        assert (one is None) == (two is None)
        if one is not None and tolerance:
            np.testing.assert_allclose(one, two, **tolerance)
        elif one is not None:
            np.testing.assert_array_equal(one, two)


@ENGINES
def test_a_softmax_over_all_is_a_softmax_over_all_that_are_chosen(engine):
    plain = TokenChoiceMoE(3, 9, 3, **COMMON)
    sgd = settings_of(n_steps=20, batch_size=8)
    runs = [train(replace(plain, renormalize=own), DATA, sgd, 1, engine=engine)
            for own in (False, True)]  # fmt: skip
    assert_same(*runs, atol=1e-12)
    np.testing.assert_allclose(runs[0].predict(TEST), runs[1].predict(TEST), atol=1e-12)
    assert (runs[0].weights.routers != runs[0].initial.routers).all()


@ENGINES
def test_sigmoids_of_all_experts_are_a_sum_of_networks(engine):
    """No expert knows of another: each is trained as if it were the only one, given the loss."""
    model = TokenChoiceMoE(3, 9, 3, gate="sigmoid", **COMMON)
    run = train(model, DATA, settings_of(n_steps=20, batch_size=8), 1, engine=engine)
    x, w = TEST.patches(), run.weights
    gates = 1 / (1 + np.exp(-x @ w.routers.T))
    hidden = np.maximum(x @ w.experts.T, 0) * w.output
    expected = (gates * hidden.reshape(40, 6, 3, 3).sum(axis=3)).sum(axis=(1, 2)) / 6
    np.testing.assert_allclose(run.predict(TEST), expected, rtol=1e-11)
    order = [6, 7, 8, 0, 1, 2, 3, 4, 5]
    start = Weights(run.initial.experts[order], run.initial.output[order],
                    run.initial.routers[[2, 0, 1]])  # fmt: skip
    other = train(model, DATA, run.sgd, 1, engine=engine, initial=start)
    np.testing.assert_allclose(other.weights.routers, w.routers[[2, 0, 1]], atol=1e-12)


@ENGINES
def test_one_renormalised_gate_is_one(engine):
    """The data loss then moves no router; the other losses do."""
    model = TokenChoiceMoE(3, 9, renormalize=True, **COMMON)
    sgd = settings_of(n_steps=20, batch_size=8)
    still = train(model, DATA, sgd, 1, engine=engine)
    np.testing.assert_array_equal(still.weights.routers, still.initial.routers)
    for own in ({"balance_weight": 0.1}, {"z_weight": 0.1}):
        moved = train(model, DATA, replace(sgd, **own), 1, engine=engine)
        assert (moved.weights.routers != moved.initial.routers).any(axis=1).all()


@ENGINES
def test_the_bias_finds_work_for_an_expert_that_has_none(engine):
    """Without a slope in routers, only the bias changes who is chosen."""
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(100) % 2 == 0, 1, -1)
    data = PatchData.from_patches(rng.normal(size=(100, 6, 12)), labels)
    model = TokenChoiceMoE(4, 12, renormalize=True, **COMMON)
    start = model.initial_weights(12, 1)
    start = replace(start, bias=np.array([0.0, 0.0, 0.0, -1.0]))
    counts = {}
    for n_steps in (1, 150):
        sgd = settings_of(batch_size=100, bias_rate=0.01, n_steps=n_steps)
        w = train(model, data, sgd, 1, engine=engine, initial=start).weights
        np.testing.assert_array_equal(w.routers, start.routers)
        h = token_twin.noisy_scores(w, data.patches())
        counts[n_steps] = token_twin.choose(model, h, w.bias).chosen.sum(axis=(0, 1))
        if n_steps == 1:
            h = token_twin.noisy_scores(start, data.patches())
            before = token_twin.choose(model, h, start.bias).chosen.sum(axis=(0, 1))
            moved = w.bias - start.bias
            np.testing.assert_allclose(moved, 0.01 * np.sign(150 - before), rtol=1e-12)
    assert before[3] == 0 == counts[1][3]
    # One step of the bias moves about one patch in a hundred from one expert to another.
    np.testing.assert_allclose(counts[150], 150, atol=15)


@ENGINES
def test_where_all_are_chosen_the_bias_stays_and_does_nothing(engine):
    model = TokenChoiceMoE(3, 9, 3, gate="sigmoid", **COMMON)
    sgd = settings_of(n_steps=20, batch_size=8)
    without = train(model, DATA, sgd, 1, engine=engine)
    biased = train(model, DATA, replace(sgd, bias_rate=0.1), 1, engine=engine)
    np.testing.assert_array_equal(biased.weights.bias, 0)
    np.testing.assert_array_equal(biased.weights.experts, without.weights.experts)
    np.testing.assert_array_equal(biased.weights.routers, without.weights.routers)


@settings(max_examples=60)
@given(st.data(), st.integers(1, 5), st.booleans(), st.integers(0, 999))
def test_choices_and_gates_are_those_of_the_twin(draws, n, with_bias, seed):
    model = draws.draw(networks("practised", n))
    rng = np.random.default_rng(seed)
    x, routers = rng.normal(size=(4, n, 3)), rng.normal(size=(model.n_experts, 3))
    bias = rng.normal(scale=0.3, size=model.n_experts) if with_bias else None
    experts, gates, kept = choose_experts(
        x.reshape(-1, 3), np.arange(4 * n).reshape(4, n), routers, model.n_chosen,
        capacity=model.capacity, priority=model.priority, gate=model.gate,
        renormalize=model.renormalize, bias=bias,
    )  # fmt: skip
    h = token_twin.noisy_scores(token_twin.State(None, None, routers), x)
    chosen, room = token_twin.choose(model, h, bias)
    for found, expected in ((True, chosen), (gates, token_twin.gates(model, h, chosen)),
                            (kept, room)):  # fmt: skip
        spread = np.zeros(h.shape)
        np.put_along_axis(spread, experts, found, axis=2)
        np.testing.assert_allclose(spread, expected, rtol=1e-12)
    ranks = h if bias is None else token_twin.affinities(model, h) + bias
    assert (np.diff(np.take_along_axis(ranks, experts, axis=2), axis=2) <= 0).all()


def test_finer_copies_of_experts_say_the_same():
    """Every expert cut in three, with its router and its units of thirds, chosen together."""
    for own in ({}, {"n_shared": 1}, {"capacity": 2}):
        n_all = 4 + own.get("n_shared", 0)
        model = TokenChoiceMoE(4, 6 * n_all, 2, gate="sigmoid", **own, **COMMON)
        run = train(model, DATA, settings_of(n_steps=5), 1)
        routers = np.repeat(run.weights.routers, 3, axis=0)
        finer = replace(run, model=model.finer(3), weights=replace(run.weights, routers=routers))
        np.testing.assert_allclose(finer.predict(TEST), run.predict(TEST), rtol=1e-12)


@ENGINES
@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_noise_ends_when_it_is_told(engine, noise):
    """The batch holds all samples, so that a second training goes on where the first has ended."""
    noisy = replace(FULL, noise=noise)
    sgd = replace(DESCENT, batch_size=30, record=None, dtype="float64", noise_steps=3)
    first = train(noisy, DATA, replace(sgd, n_steps=3), 1, engine=engine)
    whole = train(noisy, DATA, replace(sgd, n_steps=9), 1, engine=engine)
    quiet = replace(sgd, n_steps=6, noise_steps=None)
    rest = train(replace(noisy, noise="none"), DATA, quiet, 1, engine=engine, initial=first.weights)
    assert_same(whole, rest, atol=1e-12)
    lasting = train(noisy, DATA, replace(sgd, n_steps=9, noise_steps=None), 1, engine=engine)
    assert np.abs(lasting.weights.experts - whole.weights.experts).max() > 1e-4


@ENGINES
def test_trainings_with_noise_repeat_themselves(engine):
    runs = [train(FULL, DATA, DESCENT, seed, engine=engine, test=TEST) for seed in (3, 3, 4)]
    assert_same(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0].history.test_loss, runs[1].history.test_loss)
    start = runs[0].initial
    other = train(FULL, DATA, DESCENT, 4, engine=engine, initial=start)
    assert np.abs(other.weights.experts - runs[0].weights.experts).max() > 1e-3


def test_noise_is_the_same_however_it_is_drawn():
    for noise in ("uniform", "gaussian"):
        model = replace(FULL, noise=noise)
        whole = model.next_noise(20, 6, stream(7, "routing noise"))
        rng = stream(7, "routing noise")
        parts = [model.next_noise(n, 6, rng) for n in (3, 0, 17)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert whole.shape == (20, 6 * 4)
        expected = (0.15, 0.3 / 12**0.5) if noise == "uniform" else (0.0, 0.3)
        sample = model.next_noise(5000, 6, rng)
        assert sample.mean() == pytest.approx(expected[0], abs=0.01)
        assert sample.std() == pytest.approx(expected[1], abs=0.01)
    assert not replace(FULL, noise="none").next_noise(4, 6, rng).any()


@ENGINES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_calls_cut_anywhere_give_the_same_bits(engine, dtype, monkeypatch):
    sgd = replace(DESCENT, dtype=dtype)
    whole = train(FULL, DATA, sgd, 4, test=TEST, engine=engine)
    many = [train_many(FULL, DATA, sgd, range(3, 6), n_workers=n, engine=engine) for n in (1, 3)]
    for one, other in zip(*many, strict=True):
        assert_same(one, other)
    assert_same(many[0][1], whole)
    monkeypatch.setattr(work, "CALL_WORK", 1.0)
    cut = train(FULL, DATA, sgd, 4, test=TEST, engine=engine)
    assert_same(cut, whole)
    np.testing.assert_array_equal(cut.predict(TEST), whole.predict(TEST))
    for name, values in whole.history.arrays().items():
        np.testing.assert_array_equal(cut.history.arrays()[name], values)


@settings(max_examples=40)
@given(st.data(), st.sampled_from(["float32", "float64"]))
def test_a_training_goes_on_from_its_weights(draws, dtype):
    """In ℝᵈ to the bit, bias and all, as long as no noise has to be drawn again."""
    model = replace(draws.draw(networks("practised", 6)), noise="none")
    own = draws.draw(descents(model))
    sgd = settings_of(batch_size=30, dtype=dtype, **own)
    whole, first = (train(model, DATA, replace(sgd, n_steps=n), 1, engine="raw") for n in (9, 4))
    rest = train(model, DATA, replace(sgd, n_steps=5), 2, engine="raw", initial=first.weights)
    assert_same(whole, rest)
    assert whole.flops.total == first.flops.total + rest.flops.total


def test_noise_that_ends_leaves_no_ties_to_rounding():
    """Routers at 0 need noise to the end: patterns first met thereafter would go by rounding."""
    model = TokenChoiceMoE(4, 8, noise="gaussian", router_init_std=0.0)
    whole = PATTERNS.sample(20, 0)
    assert train(model, whole, SGD(0.1, 5, n_steps=3)).n_steps == 3
    for other in (model, SampleMoE(4, 8, router_init_std=0.0)):
        with pytest.raises(ValueError, match="router_init_std must be above 0"):
            train(other, whole, SGD(0.1, 5, n_steps=3, noise_steps=2))


@pytest.mark.parametrize("engine", ["raw", "pattern"])
def test_a_bias_that_is_not_finite_is_divergence(engine):
    data = PATTERNS.sample(20, 0)
    model = TokenChoiceMoE(5, 10, router_init_std=0.1)
    sgd = SGD(0.1, 5, n_steps=8, bias_rate=3e38)
    run = train(model, data, sgd, raise_on_divergence=False, engine=engine)
    assert run.diverged_at is not None
    for rate in (1e39, 1e-60):
        with pytest.raises(ValueError, match="bias_rate must be a float32 number"):
            SGD(0.1, 5, n_steps=8, bias_rate=rate)
    whole = train(model, data, SGD(0.1, 5, n_steps=8, bias_rate=0.01))
    wrong = replace(whole, weights=replace(whole.weights, bias=np.full(5, np.nan)))
    for judge in (wrong.predict, wrong.expert_load):
        with pytest.raises(ValueError, match=r"weights\.bias must be finite"):
            judge(data)


def test_fine_tuning_takes_shared_experts():
    data = PATTERNS.sample(20, 0)
    run = train(TokenChoiceMoE(3, 8, n_shared=1, router_init_std=0.1), data, SGD(0.1, 5, n_steps=3))
    tuned = fine_tune(run, data, SGD(0.1, 5, n_steps=3))
    np.testing.assert_array_equal(tuned.initial.experts, run.weights.experts)
