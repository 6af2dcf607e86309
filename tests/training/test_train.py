"""History, stopping, divergence, bad input and determinism of `train`."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import settings_of

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
from moe_theory.training import batches

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
MODELS = [
    DenseCNN(6),
    SeparateMoE(2, 6, 4),
    JointMoE(3, 6, 2, init_std=0.1, router_init_std=0.1),
    TokenChoiceMoE(3, 6, 1, 3, "score", init_std=0.1, router_init_std=0.1),
    SampleMoE(3, 6, "cubic", noise="gaussian", init_std=0.1),
]


def digest(run):
    arrays = (run.weights.experts, run.weights.routers, run.history.train_loss)
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays if a is not None)).hexdigest()


@pytest.mark.parametrize("model", MODELS)
def test_recorded_history(model):
    data, test = PATTERNS.sample(23, 0), PATTERNS.sample(40, 0, split="test")
    sgd = settings_of(batch_size=10, n_steps=8, learning_rate=1.0)
    whole = train(model, data, SGD(**vars(sgd) | {"record": 1}), seed=4, test=test)
    np.testing.assert_array_equal(whole.history.steps, np.arange(9))
    for record, steps in ((None, [0, 8]), (3, [0, 3, 6, 8]), ((5, 2, 99), [0, 2, 5, 8])):
        run = train(model, data, SGD(**vars(sgd) | {"record": record}), seed=4, test=test)
        np.testing.assert_array_equal(run.history.steps, steps)
        for name in ("train_loss", "train_error", "test_loss", "test_error"):
            expected = getattr(whole.history, name)[steps]
            np.testing.assert_array_equal(getattr(run.history, name), expected)
        np.testing.assert_array_equal(run.weights.experts, whole.weights.experts)
    assert whole.history.test_error[-1] == whole.error(test)
    assert train(model, data, sgd).history.test_loss is None


@pytest.mark.parametrize("model", MODELS)
def test_zero_training_error(model):
    """Three batches an epoch; the error at every step says which epoch end is the first."""
    data = PATTERNS.sample(23, 1)
    sgd = settings_of(batch_size=10, n_epochs=300, n_steps=None, learning_rate=0.5, record=1)
    whole = train(model, data, sgd, seed=0)
    ends = np.arange(3, 901, 3)
    first = int(ends[whole.history.train_error[ends] == 0][0])
    assert 3 < first < 900
    assert whole.steps_to_zero_error == first
    assert whole.n_steps == 900
    stopped = train(model, data, SGD(**vars(sgd) | {"stop_at_zero_error": True}), seed=0)
    assert stopped.n_steps == stopped.history.steps[-1] == stopped.steps_to_zero_error == first
    assert stopped.history.train_error[-1] == 0
    short = train(model, data, settings_of(batch_size=10, n_steps=first - 1, learning_rate=0.5))
    assert short.steps_to_zero_error is None


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_loss_target(model, loss, engine):
    """The loss at every step says which epoch end is the first at most the target."""
    data = PATTERNS.sample(23, 1)
    sgd = settings_of(
        batch_size=10, n_epochs=200, n_steps=None, learning_rate=0.5, record=1, loss=loss
    )
    whole = train(model, data, sgd, seed=0, engine=engine)
    ends = np.arange(3, 601, 3)
    losses = whole.history.train_loss[ends]
    target = 0.5 * (losses[0] + losses[-1])
    first = int(ends[losses <= target][0])
    assert 3 < first < 600
    changes = {"stop_loss": target, "record": None}
    stopped = train(model, data, SGD(**vars(sgd) | changes), seed=0, engine=engine)
    assert stopped.n_steps == stopped.steps_to_loss == stopped.history.steps[-1] == first
    assert stopped.history.train_loss[-1] == whole.history.train_loss[first]
    assert whole.steps_to_loss is None


def test_divergence_never_looks_like_a_result():
    """Unbounded inputs and a huge rate overflow single precision."""
    data = PatchData.from_patches(1e20 * np.ones((4, 1, 2)), [1, -1, 1, -1], positions=[0] * 4)
    for model in (DenseCNN(2), SeparateMoE(2, 2, 1), JointMoE(2, 2, 1), TokenChoiceMoE(1, 2)):
        sgd = SGD(learning_rate=1e30, batch_size=3, n_steps=50)
        with pytest.raises(DivergenceError, match="learning_rate below 1e"):
            train(model, data, sgd)
        run = train(model, data, sgd, raise_on_divergence=False)
        assert run.diverged_at is not None
        for use in (run.predict, run.error):
            with pytest.raises(DivergenceError, match="diverged at step"):
                use(data)
        if not isinstance(model, DenseCNN):
            with pytest.raises(DivergenceError, match="diverged at step"):
                run.routing(data)


def test_bad_input():
    data = PATTERNS.sample(10, 0)
    other = PatchPatterns(n_patches=5, n_irrelevant=20, patch_dim=24).sample(10, 0)
    separate, sgd = SeparateMoE(2, 6, 2), settings_of()
    with pytest.raises(ValueError, match=r"n_routed must be at most .* n = 6; got 7"):
        train(JointMoE(2, 6, 7), data, sgd)
    with pytest.raises(ValueError, match=r"test \(n, d\) must be \(6, 24\) .* got \(5, 24\)"):
        train(DenseCNN(2), data, sgd, test=other)
    with pytest.raises(ValueError, match="router_data must be given"):
        train(separate, data, settings_of(router_samples="held_out"))
    with pytest.raises(ValueError, match="router_data must be None unless"):
        train(separate, data, sgd, router_data=data)
    with pytest.raises(ValueError, match="router_fraction must be a fraction that leaves"):
        train(separate, data, settings_of(router_samples="split", router_fraction=0.01))
    with pytest.raises(ValueError, match="seed must be an integer >= 0"):
        train(separate, data, sgd, seed=-1)
    run = train(DenseCNN(2), data, sgd)
    with pytest.raises(ValueError, match=r"data \(n, d\) must be \(6, 24\)"):
        run.predict(other)
    with pytest.raises(ValueError, match="model must be a network with routers"):
        run.routing(data)
    with pytest.raises(ValueError, match="model must be a network with routers"):
        _ = run.router_norm


def test_batches_visit_everyone_once_an_epoch(monkeypatch):
    rng = np.random.default_rng
    (whole,) = batches.blocks(7, 3, 20, rng(0))
    epochs = whole.order.reshape(-1, 7)
    assert (np.sort(epochs, axis=1) == np.arange(7)).all()
    assert len({tuple(epoch) for epoch in epochs}) > 1
    np.testing.assert_array_equal(np.diff(whole.bounds)[:6], [3, 3, 1, 3, 3, 1])
    monkeypatch.setattr(batches, "BLOCK_ENTRIES", 1)
    parts = list(batches.blocks(7, 3, 20, rng(0)))
    assert sum(len(part.bounds) - 1 for part in parts) == 20
    np.testing.assert_array_equal(np.concatenate([part.order for part in parts]), whole.order)


def _train_all(seed):
    data = PATTERNS.sample(40, seed)
    sgd = SGD(learning_rate=0.5, batch_size=7, n_steps=200, record=50)
    return [digest(train(model, data, sgd, seed)) for model in MODELS]


def test_same_bits_for_any_number_of_threads():
    expected = [_train_all(seed) for seed in range(4)]
    assert len({bits for run in expected for bits in run}) == 4 * len(MODELS)
    for n_workers in (2, 4):
        with ThreadPoolExecutor(n_workers) as pool:
            assert list(pool.map(_train_all, range(4))) == expected


WIDE = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from threadpoolctl import threadpool_limits
from moe_theory import *
threadpool_limits(limits=int(sys.argv[1]), user_api="blas")  # from here on the main thread has it
data = PatchPatterns(n_patches=16, n_irrelevant=400, patch_dim=600).sample(80, 0)
sgd = SGD(learning_rate=0.5, batch_size=40, n_steps=10)
def weights(model):
    return hashlib.sha256(train(model, data, sgd).weights.experts.tobytes()).hexdigest()
models = DenseCNN(64), JointMoE(4, 64, 8)
with ThreadPoolExecutor(1) as pool:
    for found in ([*map(weights, models)], [*pool.map(weights, models)]):
        print(*found)
"""


def test_same_bits_for_any_number_of_blas_threads():
    """The network is wide enough for BLAS to split its products over threads, in any thread."""
    said = [
        subprocess.run(
            [sys.executable, "-c", WIDE, threads],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for threads in ("1", "2")
    ]
    assert {*map(len, said)} == {2}
    assert len({*said[0], *said[1]}) == 1
    assert len(said[0][0]) > 100
