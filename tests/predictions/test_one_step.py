"""The dense error after one step: against the simulator, its own limits, and its domain."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcinv
from scipy.stats import chi2, norm

from moe_theory import SGD, DenseCNN, PatchPatterns, train_many
from moe_theory.bounds import SYMBOL, Formula
from moe_theory.predictions import (
    ONE_STEP_ERROR,
    ONE_STEP_SAMPLES,
    one_step_error,
    one_step_error_asymptotic,
    one_step_samples_asymptotic,
)

N_SEEDS = 150
RANDOM = {"balanced": False}
# n, p, N, m, law of the labels: p < n and p > n, few and many units, odd N, random labels.
GRID = [
    (16, 64, 20, 40, {}),
    (32, 256, 30, 40, {}),
    (64, 640, 40, 40, {}),
    (64, 256, 60, 40, {}),
    (128, 256, 100, 40, {}),
    (16, 64, 20, 400, {}),
    (32, 256, 30, 400, {}),
    (64, 256, 60, 400, {}),
    (16, 8, 60, 40, {}),
    (32, 16, 80, 40, {}),
    (24, 12, 100, 400, {}),
    (16, 64, 21, 40, {}),
    (32, 128, 41, 40, {}),
    (16, 64, 40, 40, RANDOM),
    (32, 256, 80, 40, RANDOM),
    (64, 512, 40, 100, RANDOM),
    (8, 16, 10, 40, {}),
    (8, 64, 8, 40, {}),
    (12, 32, 12, 10, {}),
    (64, 64, 160, 40, {}),
    (96, 512, 80, 100, {}),
    (48, 512, 30, 40, {}),
    (12, 48, 30, 100, {}),
    (32, 64, 60, 40, {"positive_fraction": 0.3, **RANDOM}),
]


def problem(n, p, n_train, m, law):
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2, **law)
    sgd = SGD(float(n), batch_size=n_train, n_steps=1, dtype="float64")
    return patterns, DenseCNN(m, init_std=1e-5), sgd


@pytest.fixture(scope="module")
def measured():
    """Predicted error, mean simulated error and its standard error, for each setting."""
    rows = []
    for place, (n, p, n_train, m, law) in enumerate(GRID):
        patterns, model, sgd = problem(n, p, n_train, m, law)
        errors = train_many(
            model, patterns, sgd, range(10_000 * (place + 1), 10_000 * (place + 1) + N_SEEDS),
            n_train=n_train, n_test=500, reduce=lambda run: run.history.test_error[-1],
        )  # fmt: skip
        predicted = one_step_error(patterns, model, sgd, n_train).error
        rows.append((predicted, np.mean(errors), np.std(errors, ddof=1) / np.sqrt(N_SEEDS)))
    return np.array(rows).T


def test_prediction_meets_the_simulator(measured):
    predicted, mean, error = measured
    assert ((mean > 0.02) & (mean < 0.4)).sum() >= 20
    z = (mean - predicted) / error
    close = (np.abs(z) <= 3) | (np.abs(predicted / mean - 1) <= 0.05)
    assert close.all(), list(zip(GRID, predicted, mean, z, strict=True))
    # Over all settings the deviations are no larger than their standard errors.
    assert np.sum(z**2) < chi2.ppf(1 - 1e-4, len(GRID)), z


def test_the_measurement_could_refute_it(measured):
    """The same test rejects the limit m → ∞, which is off by 10 to 20 % at m = 40."""
    _, mean, error = measured
    limits = [one_step_error_asymptotic(n, p, n_train) for n, p, n_train, _, _ in GRID]
    z = (mean - limits) / error
    assert np.sum(z**2) > chi2.ppf(1 - 1e-4, len(GRID))


def test_many_units_and_patterns_give_the_limit():
    patterns, model, sgd = problem(33, 2000, 6, 4000, {})
    limit = one_step_error_asymptotic(33, 2000, 6)
    found = one_step_error(patterns, model, sgd, 6, method="gaussian").error
    assert found == pytest.approx(limit, rel=0.01)
    patterns, model, sgd = problem(64, 256, 120, 4000, {})
    limit = one_step_error_asymptotic(64, 256, 120)
    assert one_step_error(patterns, model, sgd, 120).error == pytest.approx(limit, rel=0.03)


@settings(max_examples=15)
@given(st.integers(4, 40), st.integers(8, 60), st.integers(1, 15), st.integers(1, 30))
def test_properties_over_drawn_settings(n, p, half, half_m):
    """Errors are chances; classes are alike by symmetry; more samples do not hurt."""
    patterns, model, sgd = problem(n, p, 2 * half, 2 * half_m, {})
    now = one_step_error(patterns, model, sgd, 2 * half)
    assert 0 <= now.error < 0.5 + 1e-6
    assert now.positive == pytest.approx(now.negative, abs=2e-6)
    assert 0 <= now.tie <= 1
    _, _, more_sgd = problem(n, p, 4 * half, 2 * half_m, {})
    assert one_step_error(patterns, model, more_sgd, 4 * half).error <= now.error + 2e-6


def test_loss_and_scale_do_not_matter():
    patterns, model, sgd = problem(16, 64, 20, 40, {})
    first = one_step_error(patterns, model, sgd, 20)
    hinge = SGD(64.0, batch_size=99, n_steps=1, loss="hinge")
    assert one_step_error(patterns, model, hinge, 20) == first


def test_symbolic_forms():
    values = {"n_patches": 64, "n_irrelevant": 256, "n_train": 60}
    assert Formula(ONE_STEP_SAMPLES).exponent("n_patches") == 2
    at = {SYMBOL[name]: value for name, value in values.items()}
    assert float(ONE_STEP_ERROR.subs(at)) == pytest.approx(one_step_error_asymptotic(64, 256, 60))
    order = [SYMBOL[name] for name in ("n_patches", "n_irrelevant", "epsilon")]
    symbolic = sp.lambdify(order, ONE_STEP_SAMPLES, [{"erfcinv": erfcinv}, "numpy"])
    for epsilon in (0.01, 0.05, 0.3):
        samples = one_step_samples_asymptotic(64, 256, epsilon)
        assert samples == pytest.approx(symbolic(64, 256, epsilon))
        variance = 63 / (256 * samples) * (1 - 1 / 256)
        assert norm.sf(0.5 / np.sqrt(63 * variance)) == pytest.approx(epsilon)


@pytest.mark.parametrize(
    ("data", "network", "training", "message"),
    [
        ({"spread": 0.1}, {}, {}, "spread must be 0"),
        ({"n_closer": (1, 0)}, {}, {}, r"n_closer must be \(0, 0\)"),
        ({"delta_d": 0.5}, {}, {}, "delta_d must be 0"),
        ({"n_irrelevant": 3}, {}, {}, "n_irrelevant must be >= 4"),
        ({}, {"output_weights": "gaussian"}, {}, 'output_weights must be "signs"'),
        ({}, {"n_hidden": 1}, {}, "n_hidden must be >= 2"),
        ({}, {"init_std": 0.1}, {}, "init_std must be positive and at most"),
        ({}, {"init_std": 0.0}, {}, "init_std must be positive"),
        ({}, {}, {"batch_size": 10}, "batch_size must be >= n_train = 20"),
        ({}, {}, {"n_steps": 2}, "number of steps must be 1"),
    ],
)
def test_outside_the_domain(data, network, training, message):
    data = {"n_patches": 16, "n_irrelevant": 64, "patch_dim": 70} | data
    network = {"n_hidden": 40, "init_std": 1e-5} | network
    training = {"learning_rate": 16.0, "batch_size": 20, "n_steps": 1} | training
    with pytest.raises(ValueError, match=message):
        one_step_error(PatchPatterns(**data), DenseCNN(**network), SGD(**training), 20)


def test_unknown_method():
    patterns, model, sgd = problem(16, 64, 20, 40, {})
    with pytest.raises(ValueError, match="method must be one of 'exact', 'gaussian'; got 'normal'"):
        one_step_error(patterns, model, sgd, 20, method="normal")
