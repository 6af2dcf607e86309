import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    DenseCNN,
    DigitPatches,
    DivergenceError,
    JointMoE,
    PatchPatterns,
    SeparateMoE,
    train,
    train_many,
)

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
MODELS = [DenseCNN(6), SeparateMoE(2, 6, 2), JointMoE(3, 6, 2)]


def assert_same_bits(runs, expected):
    assert len(runs) == len(expected)
    for run, other in zip(runs, expected, strict=True):
        assert (run.model, run.sgd, run.seed) == (other.model, other.sgd, other.seed)
        np.testing.assert_array_equal(run.weights.experts, other.weights.experts)
        np.testing.assert_array_equal(run.history.train_loss, other.history.train_loss)
        if run.weights.routers is not None:
            np.testing.assert_array_equal(run.weights.routers, other.weights.routers)


@pytest.mark.parametrize("data", [PATTERNS, DigitPatches()])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_a_loop_of_train(data, dtype):
    """On patterns and on raw patches, whatever the number of workers."""
    sgd = settings_of(batch_size=7, n_steps=100, dtype=dtype, learning_rate=0.5)
    expected = [
        train(model, data.sample(20, seed), sgd, seed, test=data.sample(30, seed, split="test"))
        for model in MODELS
        for seed in range(4)
    ]
    for n_workers in (1, 2, 4):
        runs = train_many(MODELS, data, sgd, range(4), n_train=20, n_test=30, n_workers=n_workers)
        assert_same_bits(runs, expected)
        tested = [run.history.test_error[-1] for run in runs]
        assert tested == [run.history.test_error[-1] for run in expected]


def test_shared_samples_settings_and_reduction():
    data, test = PATTERNS.sample(20, 0), PATTERNS.sample(30, 0, split="test")
    sgds = [settings_of(n_steps=n) for n in (5, 10, 15)]
    runs = train_many(MODELS, data, sgds, [3, 1], test=test)
    expected = [
        train(model, data, sgd, seed, test=test)
        for model, sgd in zip(MODELS, sgds, strict=True)
        for seed in (3, 1)
    ]
    assert_same_bits(runs, expected)
    steps = train_many(MODELS[0], data, sgds, [3, 1], reduce=lambda run: run.n_steps)
    assert steps == [5, 5, 10, 10, 15, 15]
    assert train_many(MODELS, data, sgds, []) == []


def test_bad_input():
    data, sgd = PATTERNS.sample(20, 0), settings_of()
    with pytest.raises(ValueError, match=r"lengths of \(model, sgd\) must be equal"):
        train_many(MODELS, data, [sgd, sgd], [0])
    with pytest.raises(ValueError, match="n_train must be None where data are samples; got 5"):
        train_many(MODELS, data, sgd, [0], n_train=5)
    with pytest.raises(ValueError, match="n_train must be an integer >= 1; got None"):
        train_many(MODELS, PATTERNS, sgd, [0])
    with pytest.raises(ValueError, match="n_test must be None where test is given; got 5"):
        train_many(MODELS, PATTERNS, sgd, [0], n_train=5, n_test=5, test=data)
    with pytest.raises(ValueError, match="n_workers must be an integer >= 1; got -1"):
        train_many(MODELS, data, sgd, [0], n_workers=-1)
    for seeds in (range(10**9), range(0, -(10**25), -3)):
        with pytest.raises(ValueError, match="seeds must be such that a list of the replicas fits"):
            train_many(MODELS, data, sgd, seeds)
    with pytest.raises(ValueError, match="n_routed must be at most"):
        train_many(JointMoE(2, 4, 9), data, sgd, range(50))


def test_divergence():
    data = PATTERNS.sample(8, 0)
    wild = settings_of(dtype="float32", learning_rate=3e38, n_steps=9)
    with pytest.raises(DivergenceError):
        train_many(DenseCNN(64), data, wild, range(3))
    runs = train_many(DenseCNN(64), data, wild, range(3), raise_on_divergence=False)
    assert all(run.diverged_at is not None for run in runs)
