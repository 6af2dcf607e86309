"""A network whose outputs are exactly 0 says so: its error is none of what it has learnt."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DeadNetworkWarning,
    DenseCNN,
    PatchPatterns,
    Sweep,
    Weights,
    grid,
    train,
)
from moe_theory.training.failures import warn_if_dead

PATTERNS = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
TRAIN, TEST = PATTERNS.sample(40, 0), PATTERNS.sample(100, 0, split="test")
SETTINGS = SGD(learning_rate=0.5, batch_size=20, n_steps=200)
# All units are negative on all patches, as the patterns of the dictionary are orthonormal.
DEAD = -np.ones((6, 8 + 2)) @ PATTERNS.dictionary
HALF = np.concatenate([DEAD, DEAD])
HALF[0] += 2 * PATTERNS.o1


def network(experts, m):
    return Weights(np.float32(experts), np.where(np.arange(m) % 2, -1, 1).astype(np.float32), None)


@pytest.mark.parametrize("engine", ["raw", "pattern"])
def test_dead_network_is_told(engine):
    with pytest.warns(DeadNetworkWarning, match="exactly 0 on 40 of 40 inputs"):
        run = train(DenseCNN(6), TRAIN, SETTINGS, initial=network(DEAD, 6), engine=engine)
    with pytest.warns(DeadNetworkWarning, match="exactly 0 on 100 of 100 inputs"):
        assert run.error(TEST) == 1.0
    np.testing.assert_array_equal(run.predict(TEST), 0)


def test_network_dead_on_test_inputs_only_is_told():
    """It lives where a discriminative patch shows, which the test inputs do not have."""
    blind = replace(TEST, indices=np.full_like(TEST.indices, 5))
    living, model = network(HALF, 12), DenseCNN(12)
    slow = replace(SETTINGS, learning_rate=1e-6, n_steps=1)
    positive = TRAIN[TRAIN.labels > 0]
    with pytest.warns(DeadNetworkWarning, match="exactly 0 on 100 of 100 inputs"):
        run = train(model, positive, slow, initial=living, test=blind)
    assert run.history.train_error[-1] == 0
    with pytest.warns(DeadNetworkWarning):
        run.error(blind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run.error(positive) == 0


def test_networks_that_err_without_being_dead_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = train(DenseCNN(6), TRAIN, SETTINGS, seed=0, test=TEST)
        assert run.error(replace(TEST, labels=-TEST.labels)) > 0.9


@pytest.mark.parametrize(("n_zero", "dead"), [(0, False), (50, False), (51, True), (100, True)])
def test_most_is_more_than_half(n_zero, dead):
    f = np.where(np.arange(100) < n_zero, 0.0, 1e-300)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_dead(f)
    assert [item.category for item in caught] == [DeadNetworkWarning] * dead


def test_it_is_said_at_the_call_and_once_in_an_experiment():
    fast = SGD(100.0, batch_size=10, n_steps=100)
    settings = grid(PATTERNS, {"dense": DenseCNN(2)}, fast, n_train=(38, 40))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Sweep(settings, n_test=50, n_draws=12).run(progress=False, n_workers=1)
        alone = train(DenseCNN(6), TRAIN, SETTINGS, initial=network(DEAD, 6))
    assert len({str(each.message) for each in caught[:-1]}) == 1
    assert "0 on most inputs" in str(caught[0].message)
    assert len(caught) > 2
    assert caught[-1].filename == __file__
    assert alone.history.train_error[-1] == 1
