"""Divergence is the same event in both engines, and never looks like a result."""

import sys

import numpy as np
import pytest
from cases import exploding, settings_of

from moe_theory import (
    SGD,
    DenseCNN,
    DivergenceError,
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory.training.batches import blocks
from moe_theory.training.pattern import PatternTrainee
from moe_theory.training.raw import RawTrainee
from moe_theory.training.work import Call

TRAINING = sys.modules[train.__module__]
MODELS = {
    "dense": DenseCNN(64, init_std=5.0),
    "separate": SeparateMoE(2, 64, 2, init_std=5.0),
    "joint": JointMoE(2, 64, 2, init_std=5.0, router_init_std=0.5),
    "token": TokenChoiceMoE(2, 64, init_std=5.0, router_init_std=0.5),
    "sample": SampleMoE(2, 64, init_std=5.0),
}
ENGINES, DTYPES = ["raw", "pattern"], ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_step_too_large_for_the_type(model, engine, dtype):
    """Also as the last step, after which no output is computed for a batch."""
    for n_steps in (1, 9):
        data, sgd = exploding(3, 2, dtype, n_steps=n_steps)
        run = train(model, data, sgd, engine=engine, raise_on_divergence=False)
        assert run.diverged_at == run.n_steps == 1
        assert np.isfinite(run.history.train_loss).all()
        for use in (run.predict, run.error):
            with pytest.raises(DivergenceError, match="diverged at step 1"):
                use(data)
        with pytest.raises(DivergenceError, match="at step 1; try a learning_rate below 1e"):
            train(model, data, sgd, engine=engine)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_same_step_whatever_engine_records_and_cuts(model, dtype, monkeypatch):
    """Of 20 samples on patterns of their own two have large patches, and different labels."""
    size, rate = {"float32": (1e15, 1e30), "float64": (1e140, 1e250)}[dtype]
    sizes = np.ones(20)
    sizes[7] = size
    rows = np.append(np.arange(20), 7)
    data = PatchData(np.diag(sizes), np.repeat(rows[:, None], 3, axis=1), (-1) ** np.arange(21))
    assert data.labels[7] != data.labels[20]
    found = set()
    for engine in ENGINES:
        for call in (Call(1, 1), Call(4, 2), Call(10**9, 10**9)):
            monkeypatch.setattr(TRAINING, "largest_call", lambda *_, call=call, **__: call)
            for record in (None, 3):
                sgd = SGD(
                    rate, 1, n_steps=100, router_learning_rate=1e-3, record=record, dtype=dtype
                )
                run = train(model, data, sgd, 5, engine=engine, raise_on_divergence=False)
                assert np.isfinite(run.history.train_loss).all()
                found.add((run.diverged_at, run.n_steps))
    assert len(found) == 1
    assert found.pop()[0] > 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", ENGINES)
def test_separate_routers_that_diverge(engine, dtype):
    size, rate = {"float32": (1e15, 1e30), "float64": (1e140, 1e250)}[dtype]
    data = PatchData.from_patches(size * np.ones((4, 3, 2)), [1, 1, 1, -1])
    sgd = SGD(1e-3, 2, n_steps=9, router_learning_rate=rate, dtype=dtype)
    run = train(MODELS["separate"], data, sgd, engine=engine, raise_on_divergence=False)
    assert run.diverged_at == run.n_steps == 0
    with pytest.raises(DivergenceError):
        run.error(data)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_outputs_that_are_only_recorded(model, engine):
    """The test samples alone have patches at which outputs leave single precision."""
    data = PatchData(np.diag([1.0, 1.0, 3e38]), [[0, 1, 0], [1, 0, 0]], [1, -1])
    test = PatchData(data.dictionary, [[2, 2, 2]], [1])
    sgd = settings_of(dtype="float32", learning_rate=1.0, n_steps=50, batch_size=1, record=5)
    run = train(model, data, sgd, test=test, engine=engine, raise_on_divergence=False)
    assert run.diverged_at == 0


def test_rates_that_the_type_cannot_hold():
    for rate in (1e39, 1e-46):
        with pytest.raises(ValueError, match="learning_rate must be a float32 number, from"):
            SGD(rate, 10, n_steps=1)
        with pytest.raises(ValueError, match="router_learning_rate must be a float32 number"):
            SGD(1.0, 10, n_steps=1, router_learning_rate=rate)
        assert SGD(rate, 10, n_steps=1, dtype="float64").learning_rate == rate


@pytest.mark.parametrize("space", [RawTrainee, PatternTrainee])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_all_that_steps_change_can_be_put_back(model, space):
    """Correlated patterns, so that the Gram matrix is not the identity."""
    data = PatchPatterns(n_patches=3, n_irrelevant=5, patch_dim=9, delta_d=0.3).sample(12, 0)
    sgd = settings_of(batch_size=5, n_steps=40)
    trainee = space(model, sgd, model.initial_weights(9, 0), data)
    known = {id(array) for array in trainee.changing()}
    others = {
        name: (value, value.copy())
        for name, value in vars(trainee).items()
        if isinstance(value, np.ndarray) and id(value) not in known
    }
    before = [array.copy() for array in trainee.changing()]
    (block,) = blocks(12, 5, 40, np.random.default_rng(0))
    assert trainee.advance(block)
    changed = [np.any(a != b) for a, b in zip(trainee.changing(), before, strict=True)]
    assert sum(changed) >= 2
    for name, (value, old) in others.items():
        assert vars(trainee)[name] is value, name
        np.testing.assert_array_equal(value, old, err_msg=name)
    assert {id(array) for array in trainee.changing()} == known
