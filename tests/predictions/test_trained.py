"""Trained networks: the predicted error against the simulator, and the domain of the prediction."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, train_many
from moe_theory.predictions import trained_error, trained_samples_to
from moe_theory.predictions.trained.error import SYSTEMATIC

ROOT = Path(__file__).parents[2]
SUMMARY = "summary", "all"
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


@pytest.mark.parametrize(
    ("n_routed", "changes", "n_train"),
    [(None, {}, 20), (None, {"learning_rate": 6.4, "stop_loss": 0.2}, 24), (4, {}, 12)],
)
def test_steps_meet_the_simulator(n_routed, changes, n_train):
    patterns, model, sgd = problem(16, 64, n_routed)
    sgd = replace(sgd, **changes)
    steps = train_many(
        model, patterns, sgd, range(100), n_train=n_train, n_test=1,
        reduce=lambda run: run.n_steps,
    )  # fmt: skip
    noise = 4 * np.std(steps, ddof=1) / 10
    found = trained_error(patterns, model, sgd, n_train).n_steps
    assert found == pytest.approx(np.mean(steps), abs=noise, rel=0.03)


# What the closed equations of an earlier version were off by: predicted/simulated ε was 0.84 (few
# patches, many units, loose stop), 6 (fewer patterns than patches), 1.7 (half of them in every
# input), 0.6 (a rate that fits the samples in two epochs).
BIASED = [
    (PatchPatterns(12, 60, 62), DenseCNN(60, init_std=0.01), SGD(4.8, 20, 20_000, stop_loss=0.1),
     24, 0.03),
    (PatchPatterns(40, 32, 34), DenseCNN(40, init_std=0.01), SGD(8.0, 20, 20_000, stop_loss=0.03),
     48, 0.03),
    (PatchPatterns(32, 64, 66), SeparateMoE(2, 40, 16, init_std=0.01),
     SGD(3.2, 20, 20_000, router_n_epochs=100, stop_loss=0.03), 96, 0.03),
    (PatchPatterns(16, 64, 66), DenseCNN(40, init_std=0.01), SGD(160.0, 4, 20_000, stop_loss=0.03),
     20, 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("patterns", "model", "sgd", "n_train", "bias"), BIASED)
def test_errors_have_no_bias(patterns, model, sgd, n_train, bias):
    errors = train_many(
        model, patterns, sgd, range(1000, 1300), n_train=n_train, n_test=500,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    known = trained_error(patterns, model, sgd, n_train, n_draws=256)
    noise = 3 * np.hypot(known.standard_error, np.std(errors, ddof=1) / np.sqrt(300))
    assert known.error == pytest.approx(np.mean(errors), abs=noise + bias * known.error)


def test_experts_that_never_receive_their_pattern_guess():
    """With l = 1, an expert may receive other patches of all samples of its class."""
    patterns, model, sgd = problem(16, 64, 1)
    errors = train_many(
        model, patterns, sgd, range(600), n_train=4, n_test=500,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    known = trained_error(patterns, model, sgd, 4, n_draws=512)
    noise = np.hypot(known.standard_error, np.std(errors, ddof=1) / np.sqrt(600))
    assert known.error == pytest.approx(np.mean(errors), abs=4 * noise)


def test_small_steps_are_gradient_flow():
    """Signs of units are then decided by gradient flow alone, which takes as long as it takes."""
    patterns, model, sgd = problem(16, 64, None)
    small, smaller = (
        trained_error(patterns, model, replace(sgd, learning_rate=rate, n_steps=10**9), 20)
        for rate in (3.2e-4, 3.2e-6)
    )
    assert smaller.error == pytest.approx(small.error, rel=0.02)
    assert smaller.n_steps == pytest.approx(100 * small.n_steps, rel=0.01)
    assert smaller.deciding_steps == 1000


def test_systematic_error_is_what_was_measured():
    """At least the upper ends of bias and spread, and not far above them."""
    with (ROOT / "figures" / "full" / "prediction_bias.csv").open(encoding="utf-8") as file:
        (whole,) = (row for row in csv.DictReader(file) if (row["kind"], row["arm"]) == SUMMARY)
    ends = (
        float(whole["spread_high"]),
        float(whole["ratio_high"]) - 1,
        1 - float(whole["ratio_low"]),
    )
    assert max(ends) <= SYSTEMATIC < 3 * max(ends)


def test_more_draws_mean_less_noise():
    patterns, model, sgd = problem(16, 64, None)
    few, more = (trained_error(patterns, model, sgd, 20, n_draws) for n_draws in (33, 1024))
    assert few == trained_error(patterns, model, sgd, 20, 48)
    assert more.standard_error < 0.4 * few.standard_error
    assert abs(few.error - more.error) < 4 * few.standard_error
    for found in (few, more):
        systematic = SYSTEMATIC * found.error
        assert found.uncertainty == pytest.approx(np.hypot(found.standard_error, systematic))


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


def test_too_few_steps_warn():
    patterns, model, sgd = problem(16, 32, None)
    with pytest.warns(UserWarning, match="steps are needed to reach stop_loss"):
        trained_error(patterns, model, replace(sgd, n_steps=50), 20)


def test_trainings_that_never_reach_the_loss_warn():
    """Inputs that send but one patch, out of many, often share all that they send."""
    patterns, model, sgd = problem(64, 16, 1)
    with pytest.warns(UserWarning, match="% of the trainings never reach stop_loss 0.03"):
        found = trained_error(patterns, model, sgd, 20)
    assert 0.1 < found.failures < 1


def test_the_balanced_error_counts_both_classes_alike():
    """A network errs more on the class it has fewer samples of, and has to see more of it."""
    patterns = PatchPatterns(16, 64, 66, positive_fraction=0.2)
    model, sgd = DenseCNN(40, init_std=0.01), SGD(3.2, 20, n_steps=20_000, stop_loss=0.03)
    plain, balanced = (
        trained_samples_to(patterns, model, sgd, 0.1, balanced=which) for which in (False, True)
    )
    assert balanced > 1.2 * plain
    around = [2 * round(factor * balanced / 2) for factor in (0.85, 1.2)]
    few, many = (trained_error(patterns, model, sgd, n_train).balanced for n_train in around)
    assert many < 0.1 < few
    alike = replace(patterns, positive_fraction=0.5)
    same = {trained_samples_to(alike, model, sgd, 0.1, balanced=which) for which in (False, True)}
    assert len(same) == 1
