"""`SampleMoE`: what a run of it tells, and what it refuses."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DenseCNN,
    DivergenceError,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    TrainingRun,
    Weights,
    dispatch_entropy,
    train,
    train_many,
)
from moe_theory._random import stream
from moe_theory.experiments import measurements
from moe_theory.training import work
from moe_theory.training.work import largest_call

PATTERNS = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
DATA, TEST = PATTERNS.sample(60, seed=0), PATTERNS.sample(200, seed=0, split="test")
FAST = SGD(1.0, 20, n_steps=100)


@pytest.fixture(scope="module")
def run():
    return train(SampleMoE(4, 8, init_std=0.1), DATA, FAST, seed=1, test=TEST)


def test_a_run_tells_which_expert_each_input_chooses(run):
    chosen = run.experts_of(TEST)
    scores = TEST.patches().sum(axis=1) @ run.weights.routers.T
    np.testing.assert_array_equal(chosen, scores.argmax(axis=1))
    loads = np.bincount(chosen, minlength=4) / len(chosen)
    np.testing.assert_allclose(run.routing(TEST).success, loads)


def test_noise_enters_where_a_seed_is_given(run):
    noise = run.model.draw_noise(TEST.n_samples, 3)
    scores = TEST.patches().sum(axis=1) @ run.weights.routers.T
    chosen = run.experts_of(TEST, noise_seed=3)
    np.testing.assert_array_equal(chosen, (scores + noise).argmax(axis=1))
    assert (chosen != run.experts_of(TEST)).any()
    without, noisy = run.predict(TEST), run.predict(TEST, noise_seed=3)
    same = chosen == run.experts_of(TEST)
    np.testing.assert_array_equal(without[same], noisy[same])
    assert (without[~same] != noisy[~same]).all()
    assert run.error(TEST, noise_seed=3) == np.mean(noisy * TEST.labels <= 0)


def test_other_networks_have_no_noise():
    dense = train(DenseCNN(4), DATA, FAST)
    with pytest.raises(ValueError, match="model must be a SampleMoE: in no other"):
        dense.experts_of(TEST)
    for ask in (dense.predict, dense.error):
        with pytest.raises(ValueError, match=r"noise_seed must be None for a DenseCNN: .* got 0"):
            ask(TEST, noise_seed=0)


def test_a_wrong_seed_of_the_noise_is_called_so(run):
    for ask in (run.predict, run.error, run.experts_of):
        for seed, error in ((-1, ValueError), ("1", TypeError), (True, TypeError)):
            with pytest.raises(error, match=r"^noise_seed must be an integer >= 0, a sequence"):
                ask(TEST, noise_seed=seed)


def test_measurements_of_inputs_that_choose(run):
    row = measurements(run, TEST, DATA)
    assert row["test_error"] == run.error(TEST)
    assert row["router_gate"] is None  # no expert is meant for a class


def test_dispatch_entropy_is_that_of_the_cluster_given_the_expert():
    rng = np.random.default_rng(0)
    clusters, experts = rng.integers(4, size=500), rng.integers(6, size=500)
    experts[clusters == 2] = 7
    expected = 0.0
    for m in set(experts.tolist()):
        own = clusters[experts == m]
        shares = np.bincount(own) / len(own)
        shares = shares[shares > 0]
        expected -= len(own) / 500 * (shares * np.log(shares)).sum()
    assert dispatch_entropy(clusters, experts) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"experts.shape must be \(2,\), one per input"):
        dispatch_entropy([0, 1], [0])
    with pytest.raises(TypeError, match="clusters must be an array of integers"):
        dispatch_entropy([0.5, 1.0], [0, 1])


ACTIVATIONS = ("relu", "cubic", "linear")
DESCENTS = [{}, {"normalize_experts": True}, {"loss": "hinge", "stop_loss": 0.01}]


@pytest.mark.parametrize("own", DESCENTS, ids=["plain", "normalised", "hinge"])
@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_expert_is_the_dense_network_bit_for_bit(dtype, engine, own):
    closer = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10, delta_d=0.4)
    for patterns, activation, pooling, gate in product(
        (PATTERNS, closer), ACTIVATIONS, ("mean", "sum"), ("softmax", "none")
    ):
        data, test = patterns.sample(47, 0), patterns.sample(30, 0, split="test")
        sgd = SGD(0.1, 10, n_steps=40, record=10, dtype=dtype, **own)
        common = {"activation": activation, "pooling": pooling, "init_std": 0.1}
        alone = SampleMoE(1, 7, gate=gate, router_init_std=0.3, **common)
        one, dense = (
            train(model, data, sgd, 5, test=test, engine=engine)
            for model in (alone, DenseCNN(7, **common))
        )
        np.testing.assert_array_equal(one.weights.experts, dense.weights.experts)
        np.testing.assert_array_equal(one.predict(test), dense.predict(test))
        for name, values in dense.history.arrays().items():
            np.testing.assert_array_equal(one.history.arrays()[name], values)
        assert one.steps_to_zero_error == dense.steps_to_zero_error
        assert one.steps_to_loss == dense.steps_to_loss
        np.testing.assert_array_equal(one.weights.routers, one.initial.routers)


def test_normalised_experts_move_by_the_rate():
    sgd = SGD(0.05, 60, n_steps=1, normalize_experts=True, dtype="float64")
    for engine, activation in product(("raw", "pattern"), ACTIVATIONS):
        model = SampleMoE(3, 6, activation, init_std=0.1, noise="gaussian")
        run = train(model, DATA, sgd, 2, engine=engine)
        moved = (run.weights.experts - run.initial.experts).reshape(3, -1)
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 0.05, rtol=1e-12)


def test_an_expert_without_inputs_does_not_move():
    alone = PatchPatterns(1, 0, 10)
    model = SampleMoE(3, 6, "linear", init_std=0.1, noise="none")
    start = model.initial_weights(10, 0)
    routers = np.stack([alone.o1, 0.4 * (alone.o1 + alone.o2), alone.o2])
    sgd = SGD(0.05, 60, n_steps=1, normalize_experts=True, dtype="float64")
    for engine in ("raw", "pattern"):
        initial = Weights(start.experts, start.output, routers)
        run = train(model, alone.sample(30, 0), sgd, initial=initial, engine=engine)
        moved = np.linalg.norm((run.weights.experts - start.experts).reshape(3, -1), axis=1)
        np.testing.assert_allclose(moved, [0.05, 0, 0.05], atol=1e-15)


def test_the_balance_loss_levels_the_load():
    common = {"record": None, "router_learning_rate": 1.0, "dtype": "float64"}
    spreads = []
    for weight in (0.0, 1.0):
        sgd = SGD(0.1, 60, n_steps=400, balance_weight=weight, **common)
        model = SampleMoE(4, 8, init_std=0.1, router_init_std=0.5, noise_scale=0.1)
        runs = [train(model, DATA, sgd, seed) for seed in range(8)]
        spreads.append(np.mean([run.routing(DATA).success.std() for run in runs]))
    assert spreads[1] < 0.5 * spreads[0]


def test_without_gate_routers_rest():
    model = SampleMoE(4, 8, init_std=0.1, gate="none", router_init_std=0.1)
    run = train(model, DATA, FAST, 0)
    np.testing.assert_array_equal(run.weights.routers, run.initial.routers)
    balanced = train(model, DATA, replace(FAST, balance_weight=0.1), 0)
    assert (balanced.weights.routers != balanced.initial.routers).any(axis=1).all()


@pytest.mark.parametrize("engine", ["raw", "pattern"])
def test_calls_cut_anywhere_give_the_same_bits(engine, monkeypatch):
    model = SampleMoE(3, 6, "cubic", "sum", noise="gaussian", init_std=0.1)
    sgd = SGD(0.1, 7, n_steps=100, record=23, balance_weight=0.1, normalize_experts=True)
    whole = train(model, DATA, sgd, 4, test=TEST, engine=engine)
    seeds, model_of_many = range(3), replace(model, n_experts=2)
    many = [train_many(model_of_many, DATA, sgd, seeds, n_workers=n) for n in (1, 3)]
    for one, other in zip(*many, strict=True):
        np.testing.assert_array_equal(one.weights.experts, other.weights.experts)
        np.testing.assert_array_equal(one.weights.routers, other.weights.routers)
    monkeypatch.setattr(work, "CALL_WORK", 1.0)
    cut = train(model, DATA, sgd, 4, test=TEST, engine=engine)
    assert largest_call(model, DATA, sgd, in_pattern_space=engine == "pattern").n_steps == 1
    np.testing.assert_array_equal(cut.weights.experts, whole.weights.experts)
    np.testing.assert_array_equal(cut.weights.routers, whole.weights.routers)
    np.testing.assert_array_equal(cut.predict(TEST, noise_seed=1), whole.predict(TEST, 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_divergence_of_cubic_networks_is_reported(dtype):
    sgd = SGD(3.0, 20, n_steps=50, dtype=dtype)
    for seed in range(3):
        steps = []
        for engine in ("raw", "pattern"):
            dense = DenseCNN(6, activation="cubic", pooling="sum", init_std=1.0)
            run = train(dense, DATA, sgd, seed, engine=engine, raise_on_divergence=False)
            steps.append(run.diverged_at)
        assert steps[0] == steps[1] is not None
    # Here rounding decides: of weights so large, products with other patterns are no longer 0.
    for engine in ("raw", "pattern"):
        model = SampleMoE(3, 6, "cubic", "sum", init_std=1.0)
        run = train(model, DATA, replace(sgd, learning_rate=30.0), 1, engine=engine,
                    raise_on_divergence=False)  # fmt: skip
        assert run.diverged_at is not None
        with pytest.raises(DivergenceError, match="diverged at step"):
            run.experts_of(DATA)


def test_noise_is_the_same_however_it_is_drawn():
    for law in ("uniform", "gaussian"):
        model = SampleMoE(3, 6, noise=law, noise_scale=2.0)
        whole, rng = model.draw_noise(20, 7), stream(7, "routing noise")
        parts = [model.next_noise(n, 1, rng) for n in (3, 0, 17)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        np.testing.assert_array_equal(model.draw_noise(5, 7), whole[:5])
    assert not SampleMoE(3, 6, noise="none").draw_noise(4, 0).any()


@pytest.mark.parametrize(
    ("model", "own", "message"),
    [
        (JointMoE(2, 4, 2), {"normalize_experts": True}, "normalize_experts must be False for a J"),
        (DenseCNN(4), {"balance_weight": 0.1}, "balance_weight must be 0 for a DenseCNN"),
        (SampleMoE(2, 4, noise="none"), {}, "router_init_std must be above 0"),
        (SampleMoE(2, 4, noise_scale=1e-9), {}, "router_init_std must be above 0"),
    ],
)
def test_what_does_not_go_together(model, own, message):
    with pytest.raises(ValueError, match=message):
        train(model, DATA, replace(FAST, **own))


def test_a_saved_run_has_its_noise(tmp_path, run):
    run.save(tmp_path / "run")
    loaded = TrainingRun.load(tmp_path / "run")
    assert loaded.model == run.model
    np.testing.assert_array_equal(loaded.predict(TEST, noise_seed=2), run.predict(TEST, 2))
