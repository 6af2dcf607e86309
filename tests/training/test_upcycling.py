"""Experts that start as copies of a dense network."""

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
    upcycle,
)

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA, TEST = PATTERNS.sample(60, 0), PATTERNS.sample(50, 0, split="test")
STEPS = SGD(0.5, 10, n_steps=200, dtype="float64")
# As good as no step.
STILL = SGD(1e-300, 10, n_steps=1, dtype="float64", router_n_steps=1)
DENSE = train(DenseCNN(6, output_weights="gaussian"), DATA, STEPS)
MODELS = [
    SeparateMoE(4, 24, 6, pooling="all"),
    JointMoE(3, 18, 2),
    TokenChoiceMoE(3, 18, 2),
    TokenChoiceMoE(2, 18, n_shared=1),
    SampleMoE(3, 18, router_init_std=0.1),
]


def by_expert(weights, model):
    return weights.experts.reshape(model.n_all_experts, model.units_per_expert, -1)


@pytest.mark.parametrize("model", MODELS)
def test_every_expert_is_a_copy_and_routers_are_fresh(model):
    made = upcycle(DENSE, model, 5)
    for own in by_expert(made, model):
        np.testing.assert_array_equal(own, DENSE.weights.experts)
    k = model.n_all_experts
    np.testing.assert_array_equal(made.output.reshape(k, 6), [DENSE.weights.output] * k)
    np.testing.assert_array_equal(made.routers, model.initial_weights(24, 5).routers)
    again = upcycle(DENSE.weights, model, 5)
    assert again.experts.tobytes() == made.experts.tobytes()


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("model", MODELS)
def test_training_keeps_the_output_weights_of_the_dense_network(model, engine):
    run = train(model, DATA, STEPS, initial=upcycle(DENSE, model, 5), engine=engine)
    copies = np.tile(DENSE.weights.output, model.n_all_experts)
    np.testing.assert_array_equal(run.initial.output, copies)
    np.testing.assert_array_equal(run.weights.output, copies)
    assert run.history.train_loss[-1] < run.history.train_loss[0]


def test_whole_inputs_are_told_what_the_dense_network_tells():
    model = SampleMoE(3, 18, gate="none", router_init_std=0.1)
    run = train(model, DATA, STILL, initial=upcycle(DENSE, model, 5))
    np.testing.assert_allclose(run.predict(TEST), DENSE.predict(TEST), rtol=1e-12)
    assert len(np.unique(run.experts_of(TEST))) > 1


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize("n_chosen", [1, 2, 3])
def test_renormalised_gates_give_what_the_dense_network_tells(n_chosen, gate, engine):
    model = TokenChoiceMoE(3, 18, n_chosen, gate=gate, renormalize=True, router_init_std=0.5)
    run = train(model, DATA, STILL, initial=upcycle(DENSE, model, 5), engine=engine)
    np.testing.assert_allclose(run.predict(TEST), DENSE.predict(TEST), rtol=1e-12)
    assert (run.expert_load(TEST).patches > 0).all()
    both = TokenChoiceMoE(3, 24, n_chosen, gate=gate, renormalize=True, n_shared=1)
    run = train(both, DATA, STILL, initial=upcycle(DENSE, both, 5), engine=engine)
    np.testing.assert_allclose(run.predict(TEST), 2 * DENSE.predict(TEST), rtol=1e-12)


def test_experts_that_take_all_patches_add_up():
    run = train(MODELS[0], DATA, STILL, initial=upcycle(DENSE, MODELS[0], 5))
    np.testing.assert_allclose(run.predict(TEST), 4 * DENSE.predict(TEST), rtol=1e-12)


def test_noise_has_the_size_asked_for():
    dense = Weights(np.random.default_rng(0).normal(3.0, 2.0, (200, 50)), np.ones(200))
    model = JointMoE(4, 800, 2)
    added = by_expert(upcycle(dense, model, 1, noise=0.1), model) - dense.experts
    rms = np.sqrt(np.mean(dense.experts**2))
    # 40 000 draws: a standard deviation is known to 0.35 %.
    assert added.std() == pytest.approx(0.1 * rms, rel=0.02)
    assert abs(added.mean()) < 4 * 0.1 * rms / 200
    assert np.abs(np.corrcoef(added.reshape(4, -1)) - np.eye(4)).max() < 0.05


@pytest.mark.parametrize(("drop", "count"), [(0.0, 0), (0.25, 2), (0.5, 3), (0.99, 6), (1.0, 6)])
def test_so_many_units_of_each_expert_are_new(drop, count):
    model = TokenChoiceMoE(5, 30, init_std=0.3)
    made = upcycle(DENSE, model, 2, drop=drop)
    new = (by_expert(made, model) != DENSE.weights.experts).all(axis=2)
    np.testing.assert_array_equal(new.sum(axis=1), count)
    fresh = by_expert(model.initial_weights(24, 2), model)
    np.testing.assert_array_equal(by_expert(made, model)[new], fresh[new])
    if 0 < count < 6:
        assert len(np.unique(new, axis=0)) > 1
    np.testing.assert_array_equal(made.output, upcycle(DENSE, model, 2).output)


def test_new_units_have_no_noise():
    model = TokenChoiceMoE(5, 30)
    both = upcycle(DENSE, model, 2, noise=0.3, drop=0.5)
    noisy, dropped = upcycle(DENSE, model, 2, noise=0.3), upcycle(DENSE, model, 2, drop=0.5)
    new = (by_expert(dropped, model) != DENSE.weights.experts).any(axis=2).reshape(-1)
    np.testing.assert_array_equal(both.experts[new], dropped.experts[new])
    np.testing.assert_array_equal(both.experts[~new], noisy.experts[~new])


def test_bits_by_seed():
    model = JointMoE(3, 18, 2)
    made = [upcycle(DENSE, model, seed, noise=0.1, drop=0.3) for seed in (4, 4, 5)]
    assert made[0].experts.tobytes() == made[1].experts.tobytes()
    assert made[0].routers.tobytes() == made[1].routers.tobytes()
    assert (made[0].experts != made[2].experts).any()
    assert (made[0].routers != made[2].routers).all()


def test_copies_of_one_router_stay_the_same():
    """The symmetry that noise and dropped units are there to break."""
    model = JointMoE(2, 12, 6)
    start = upcycle(DENSE, model, 1)
    twin = Weights(start.experts, start.output, np.repeat(start.routers[:1], 2, axis=0))
    run = train(model, DATA, STEPS, initial=twin)
    first, second = by_expert(run.weights, model)
    np.testing.assert_array_equal(first, second)
    noisy = upcycle(DENSE, model, 1, noise=0.01)
    twin = Weights(noisy.experts, noisy.output, twin.routers)
    first, second = by_expert(train(model, DATA, STEPS, initial=twin).weights, model)
    assert (first != second).any()


def test_bad_input():
    model = JointMoE(3, 18, 2)
    with pytest.raises(ValueError, match="units per expert of model must be 6, the number of hid"):
        upcycle(DENSE, JointMoE(2, 18, 2))
    with pytest.raises(ValueError, match="model must be a network with experts; got DenseCNN"):
        upcycle(DENSE, DenseCNN(6))
    moe = train(model, DATA, STEPS)
    with pytest.raises(ValueError, match=r"dense\.routers\.shape must be None, as of a DenseCNN"):
        upcycle(moe, model)
    with pytest.raises(TypeError, match="dense must be Weights or a TrainingRun of a DenseCNN"):
        upcycle(DenseCNN(6), model)
    with pytest.raises(TypeError, match="model must be a DenseCNN, SeparateMoE"):
        upcycle(DENSE, "joint")
    for name, value in (("noise", -0.1), ("drop", 1.1), ("drop", float("nan"))):
        with pytest.raises(ValueError, match=f"{name} must be a finite number"):
            upcycle(DENSE, model, **{name: value})
    with pytest.raises(ValueError, match=r"model\.activation must be 'relu' as trained"):
        upcycle(DENSE, SampleMoE(3, 18, "cubic"))
    with pytest.raises(ValueError, match=r"dense\.experts must be finite everywhere"):
        upcycle(Weights(np.full((6, 24), np.nan), np.ones(6)), model)
