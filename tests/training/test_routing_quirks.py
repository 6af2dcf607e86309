"""The trainer of the simulation of habits: with all of them off it takes the library's steps."""

from pathlib import Path

import numpy as np
import pytest

from moe_theory import SGD, ClusterSignal, SampleMoE, train
from moe_theory._random import stream
from moe_theory.experiments.scripts import load_script

QUIRKS = load_script(
    Path(__file__).parents[2] / "simulations" / "routing_quirks.py", ("trained", "VARIANTS")
)
DATA = ClusterSignal(noise_std=0.5, gamma=(0.5, 2.0))


def both(name: str, n_steps: int = 12):
    """Return the weights and last loss of the library and of a variant, of equal noise."""
    data = DATA.sample(60, seed=1)
    model = SampleMoE(8, 128, "cubic", "sum", init_std=1e-2)
    sgd = SGD(
        1e-3, 60, n_steps=n_steps, router_learning_rate=0.1, normalize_experts=True,
        dtype="float64", record=1,
    )  # fmt: skip
    run = train(model, data, sgd, seed=3)
    experts = run.initial.experts.reshape(8, 16, -1).transpose(0, 2, 1).copy()
    routers = np.zeros((8, DATA.patch_dim))
    QUIRKS.trained(
        data, experts, routers, QUIRKS.VARIANTS[name], n_steps, stream(3, "routing noise")
    )
    return run, experts.transpose(0, 2, 1).reshape(128, -1), routers


def test_without_habits_it_takes_the_steps_of_the_library():
    run, experts, routers = both("none")
    np.testing.assert_allclose(experts, run.weights.experts, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(routers, run.weights.routers, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["score_gate", "double_softmax", "all"])
def test_a_habit_of_training_changes_the_steps(name):
    run, experts, _ = both(name)
    assert not np.allclose(experts, run.weights.experts, rtol=1e-6)


def test_softmax_twice_leaves_a_loss_that_cannot_vanish():
    for margin in (-30.0, 0.0, 5.0, 30.0):
        loss, _ = QUIRKS.slope_of(margin, True)
        assert loss >= np.log1p(np.exp(-1)) - 1e-12


@pytest.mark.parametrize("twice", [False, True])
def test_slopes_are_those_of_the_loss(twice):
    step = 1e-6
    for margin in (-3.0, -0.2, 0.7, 4.0):
        high, low = (QUIRKS.slope_of(margin + sign * step, twice)[0] for sign in (1, -1))
        assert QUIRKS.slope_of(margin, twice)[1] == pytest.approx(
            (high - low) / (2 * step), rel=1e-6
        )
