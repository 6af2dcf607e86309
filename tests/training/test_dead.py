"""A network whose outputs are exactly 0 says so: its error is none of what it has learnt."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from joblib import parallel_config

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
from moe_theory.experiments import measurements
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


def measured(run, test, _):
    """As pruning does it: other networks, trained and tested in the code of the user."""
    own = network(DEAD, 6)
    errors = [train(DenseCNN(6), TRAIN, SETTINGS, initial=own).error(TEST[:n])
              for n in (7, 9)]  # fmt: skip
    return {"test_error": max(errors)}


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
@pytest.mark.parametrize("measure", [measurements, measured])
def test_an_experiment_says_it_once(backend, measure):
    """Whoever warns in it, and wherever."""
    fast = SGD(100.0 if measure is measurements else 0.5, batch_size=10, n_steps=100)
    settings = grid(PATTERNS, {"dense": DenseCNN(2)}, fast, n_train=(38, 40))
    sweep = Sweep(settings, n_test=50, n_draws=12, measure=measure)
    with warnings.catch_warnings(record=True) as caught, parallel_config(backend, n_jobs=2):
        warnings.simplefilter("always")
        sweep.run(progress=False)
    told = [each for each in caught if each.category is DeadNetworkWarning]
    assert len(told) == 1
    assert told[0].filename == __file__
    number, of = map(
        int, re.search(r"on most inputs in (\d+) of (\d+) trainings", str(told[0].message)).groups()
    )
    assert of == 24
    assert number == 24 if measure is measured else 2 < number < 24


def test_it_is_said_at_the_call():
    with pytest.warns(DeadNetworkWarning) as caught:
        alone = train(DenseCNN(6), TRAIN, SETTINGS, initial=network(DEAD, 6))
    assert [each.filename for each in caught] == [__file__]
    assert alone.history.train_error[-1] == 1
