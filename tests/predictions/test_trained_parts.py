"""Parts of the prediction of trained networks: draws, and what a training leads to."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from moe_theory import PatchPatterns
from moe_theory.predictions.trained.error import spread_carriers
from moe_theory.predictions.trained.final_state import final_state
from moe_theory.predictions.trained.kernels import (
    Coupling,
    Ending,
    Inputs,
    Units,
    flow_to_loss,
)
from moe_theory.predictions.trained.setting import TrainedSetting
from moe_theory.predictions.trained.training_set import draw_training_set

DENSE = TrainedSetting(PatchPatterns(16, 64, 66), 20, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
ROUTED = replace(DENSE, n_experts=2, n_routed=4, n_train=40, units=(10, 10), scale=1 / 4)


def followed(setting, seed=0):
    carriers = setting.units[0] / 2, setting.units[1] / 2
    return final_state(setting, np.random.default_rng(seed), carriers)


def test_carriers_are_spread_over_their_law():
    """Means and variances over all groups are those of Binomial(units, ½)."""
    pairs = np.concatenate([spread_carriers((20, 10), group) for group in range(200)])
    law = stats.binom([20, 10], 0.5)
    n_draws = len(pairs)
    assert np.abs(pairs.mean(axis=0) - law.mean()).max() < 4 * law.std().max() / n_draws**0.5
    assert pairs.var(axis=0) == pytest.approx(law.var(), rel=4 * (2 / n_draws) ** 0.5)


def test_training_set():
    """Every sample sends l patches to each expert; o₁ goes to expert 1."""
    data = draw_training_set(ROUTED, np.random.default_rng(0))
    counts = np.stack([np.bincount(row[row >= 0], minlength=132) for row in data.held])
    counts = counts.reshape(40, 2, 66)
    assert (counts.sum(axis=2) == 4).all()
    first, second = (counts[data.labels == sign, :, 64 + side].mean(axis=0)
                     for side, sign in ((0, 1), (1, -1)))  # fmt: skip
    assert min(first[0], second[1]) > 0.95
    assert max(first[1], second[0]) < 0.1


@pytest.mark.parametrize("setting", [DENSE, ROUTED])
def test_final_state(setting):
    """Values are those of the units, the loss that of the stop, passed by less than an epoch."""
    state = followed(setting)
    outputs = np.repeat([1.0, -1.0], setting.units)
    assert state.values == pytest.approx(np.maximum(state.z, 0) @ outputs)
    assert (state.values[0, -2], -state.values[-1, -1]) > (0, 0)
    assert state.reached
    n_batches = np.ceil(setting.n_train / setting.batch_size)
    n_epochs = state.n_steps / n_batches
    assert n_epochs == pytest.approx(round(n_epochs), abs=1e-6)
    loss = np.log1p(np.exp(-state.margins)).mean()
    # 1/loss grows evenly, so that an epoch changes it by the inverse of their number.
    assert (1 - 1.5 / n_epochs) * setting.target < loss <= 1.001 * setting.target


def test_rarer_patterns_lose_fewer_units():
    few, many = (followed(replace(DENSE, patterns=PatchPatterns(16, p, p + 2))) for p in (64, 1024))
    left = [(state.z[0, :-2] > 0).sum(axis=1).mean() for state in (few, many)]
    assert 0 < left[0] < left[1] <= 20.5


def test_samples_of_unlike_labels_that_share_all_are_not_fitted():
    labels, held = np.repeat([1.0, -1.0], 2), np.array([[0], [1], [1], [2]])
    outputs = np.repeat([1.0, -1.0], 2)
    z = np.full((5, 4), 0.01)
    units = Units(z, outputs, np.maximum(z, 0) @ outputs, np.zeros(5))
    coupling = Coupling(np.eye(2), np.array([[3, 4]]), np.arange(3))
    _, reached = flow_to_loss(Inputs(held, labels), units, coupling, Ending(0.03, 0.01, 1.0))
    assert not reached
    assert units.heights[1] == pytest.approx(0, abs=0.01)
    assert units.heights[0] > 2
    assert -units.heights[2] > 2
