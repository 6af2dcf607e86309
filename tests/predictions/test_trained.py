"""Trained networks: the predicted error against the simulator, and the domain of the prediction."""

from dataclasses import replace

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, train_many
from moe_theory.predictions import trained_error, trained_samples_to

N_SEEDS = 240
# (n, p, l or None for dense, N, stated accuracy in N*)
FAST = [
    (16, 64, None, 20, 0.15),
    (64, 256, 8, 60, 0.15),
]
SLOW = [
    (16, 256, None, 12, 0.15),
    (32, 64, None, 60, 0.15),
    (32, 256, None, 36, 0.15),
    (64, 256, None, 60, 0.15),
    (64, 256, None, 100, 0.15),
    (64, 256, None, 160, 0.15),
    (128, 256, None, 120, 0.15),
    (64, 512, None, 60, 0.15),
    (64, 256, 2, 12, 0.15),
    (64, 256, 4, 30, 0.15),
    (64, 256, 16, 120, 0.15),
    (64, 256, 32, 160, 0.15),
    (32, 256, 8, 20, 0.15),
    (32, 256, 16, 70, 0.15),
]


def problem(n, p, n_routed):
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
    pooled = n if n_routed is None else n_routed
    sgd = SGD(0.2 * pooled, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    if n_routed is None:
        return patterns, DenseCNN(40, init_std=0.01), sgd
    return patterns, SeparateMoE(2, 40, n_routed, init_std=0.01), sgd


def check(n, p, n_routed, n_train, accuracy):
    """The simulated error lies between those predicted for somewhat fewer and more samples."""
    patterns, model, sgd = problem(n, p, n_routed)
    errors = train_many(
        model, patterns, sgd, range(1000, 1000 + N_SEEDS), n_train=n_train, n_test=1000,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    mean, deviation = np.mean(errors), 3 * np.std(errors, ddof=1) / np.sqrt(N_SEEDS)
    fewer = 2 * int(n_train / (1 + accuracy) / 2)
    more = 2 * int(np.ceil(n_train * (1 + accuracy) / 2))
    most = trained_error(patterns, model, sgd, fewer).error
    least = trained_error(patterns, model, sgd, more).error
    assert least - deviation <= mean <= most + deviation, (least, mean, most)


@pytest.mark.parametrize("setting", FAST)
def test_prediction_meets_the_simulator(setting):
    check(*setting)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SLOW)
def test_prediction_meets_the_simulator_over_the_grid(setting):
    check(*setting)


def test_steps_meet_the_simulator():
    patterns, model, sgd = problem(16, 64, None)
    steps = train_many(
        model, patterns, sgd, range(40), n_train=20, n_test=1, reduce=lambda run: run.n_steps
    )
    assert trained_error(patterns, model, sgd, 20).n_steps == pytest.approx(np.mean(steps), rel=0.1)


def test_properties():
    """Classes are alike, more samples help, and equal calls give equal results."""
    patterns, model, sgd = problem(16, 64, None)
    errors = [trained_error(patterns, model, sgd, n_train) for n_train in (10, 20, 40)]
    assert errors == sorted(errors, key=lambda found: -found.error)
    for found in errors:
        assert abs(found.positive - found.negative) < 8 * found.standard_error
    assert errors[0] == trained_error(patterns, model, sgd, 10)
    assert errors[1].z > errors[0].z


def test_held_out_routers_err_less():
    patterns, model, sgd = problem(32, 128, 8)
    own = trained_error(patterns, model, sgd, 40).error
    others = trained_error(patterns, model, replace(sgd, router_samples="held_out"), 40).error
    assert others < 0.7 * own


def test_samples_invert_the_error():
    patterns, model, sgd = problem(16, 64, None)
    samples = trained_samples_to(patterns, model, sgd, 0.1)
    below, above = 2 * int(samples / 2), 2 * int(samples / 2) + 2
    assert trained_error(patterns, model, sgd, below).error >= 0.085
    assert trained_error(patterns, model, sgd, above).error <= 0.115
    assert trained_samples_to(patterns, model, sgd, 0.4) == 4


@pytest.mark.parametrize(
    ("data", "network", "training", "message"),
    [
        ({"spread": 0.1}, {}, {}, "spread must be 0"),
        ({"n_irrelevant": 8}, {}, {}, "n_irrelevant must be >= 16"),
        ({}, {"output_weights": "gaussian"}, {}, 'output_weights must be "signs"'),
        ({}, {"n_hidden": 2}, {}, "units per expert must be >= 4"),
        ({}, {"init_std": 5.0}, {}, "init_std must be positive and at most"),
        ({}, {"init_std": 0.0}, {}, "init_std must be positive"),
        ({}, {}, {"loss": "hinge"}, 'loss must be "logistic"'),
        ({}, {}, {"stop_loss": None}, "stop_loss must be given"),
        ({}, {}, {"stop_loss": 0.5}, "stop_loss must be given and below"),
        ({}, {}, {"stop_at_zero_error": True}, "stop_at_zero_error must be False"),
        ({}, {}, {"router_samples": "split"}, 'router_samples must be "train"'),
    ],
)
def test_outside_the_domain(data, network, training, message):
    data = {"n_patches": 16, "n_irrelevant": 64, "patch_dim": 70} | data
    network = {"n_hidden": 40, "init_std": 0.01} | network
    training = {
        "learning_rate": 3.2,
        "batch_size": 20,
        "n_steps": 9999,
        "stop_loss": 0.03,
    } | training
    with pytest.raises(ValueError, match=message):
        trained_error(PatchPatterns(**data), DenseCNN(**network), SGD(**training), 20)


def test_more_pairs_of_experts_are_one_pair_with_their_units():
    """Simulated errors of k = 2 and k = 10 agree, and the prediction is the same."""
    patterns, _, sgd = problem(16, 64, 4)
    few, many = (
        np.array(train_many(
            SeparateMoE(k, 40, 4, init_std=0.01), patterns, sgd, range(N_SEEDS), n_train=20,
            n_test=500, reduce=lambda run: run.history.test_error[-1],
        ))
        for k in (2, 10)
    )  # fmt: skip
    spread = np.sqrt((few.var(ddof=1) + many.var(ddof=1)) / N_SEEDS)
    assert abs(few.mean() - many.mean()) < 4 * spread
    known = [
        trained_error(patterns, SeparateMoE(k, 40, 4, init_std=0.01), sgd, 20) for k in (2, 10)
    ]
    assert known[0] == known[1]


@pytest.mark.parametrize(
    ("n", "training", "message"),
    [
        (40, {}, "n_irrelevant = 32 is below n_patches = 40"),
        (16, {"n_steps": 50}, "steps are needed to reach stop_loss"),
        (16, {"learning_rate": 160.0, "batch_size": 4}, "less than an epoch"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_doubtful_calls_warn(n, training, message):
    patterns, model, sgd = problem(n, 32, None)
    with pytest.warns(UserWarning, match=message):
        trained_error(patterns, model, replace(sgd, **training), 20)
