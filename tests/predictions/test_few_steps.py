"""A few full-batch steps: the predicted error against the simulator, its parts, and its domain."""

import numpy as np
import pytest
from scipy.stats import binom, chi2

from moe_theory import SGD, DenseCNN, PatchPatterns, train, train_many
from moe_theory.predictions import one_step_error
from moe_theory.predictions.few_steps.error import (
    _binomial_nodes,
    _class_errors,
    _normals,
    few_steps_error,
)
from moe_theory.predictions.few_steps.fluctuations import GaussianSum
from moe_theory.predictions.few_steps.fresh_input import FreshLaw
from moe_theory.predictions.few_steps.linked_copies import FewStepsSetting, LinkedCopies

# n, p, N, m, T, learning rate, loss
UNSTABLE = (64, 256, 60, 40, 3, 800, "logistic")
FAST = [
    (16, 64, 20, 40, 3, 64, "logistic"),
    (32, 256, 30, 40, 2, 100, "logistic"),
    UNSTABLE,
]
SLOW = [
    (32, 128, 41, 40, 2, 64, "logistic"),
    (16, 64, 24, 10, 3, 32, "logistic"),
    (16, 128, 16, 40, 2, 200, "hinge"),
    (16, 64, 20, 40, 2, 16, "logistic"),
    (16, 64, 20, 40, 2, 64, "logistic"),
    (32, 256, 30, 40, 3, 200, "logistic"),
    (32, 256, 40, 40, 5, 100, "logistic"),
    (64, 256, 60, 40, 2, 64, "logistic"),
    (64, 256, 60, 40, 2, 400, "logistic"),
    (64, 256, 100, 40, 10, 100, "logistic"),
    (64, 1024, 40, 40, 3, 800, "logistic"),
    (128, 256, 160, 40, 5, 100, "logistic"),
    (128, 512, 120, 100, 3, 200, "logistic"),
    (32, 64, 60, 40, 3, 60, "logistic"),
    (64, 64, 160, 40, 3, 50, "logistic"),
    (48, 32, 120, 40, 4, 20, "logistic"),
    (32, 256, 30, 40, 20, 100, "logistic"),
    (32, 256, 30, 40, 3, 200, "hinge"),
]


def problem(n, p, n_train, m, n_steps, rate, loss="logistic"):
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
    sgd = SGD(float(rate), batch_size=n_train, n_steps=n_steps, loss=loss, dtype="float64")
    return patterns, DenseCNN(m, init_std=1e-3 * rate / (2 * n * n_train)), sgd


def measure(setting, first_seed, n_seeds):
    """Return the mean simulated error and its standard error."""
    patterns, model, sgd = problem(*setting)
    errors = train_many(
        model, patterns, sgd, range(first_seed, first_seed + n_seeds), n_train=setting[2],
        n_test=500, reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    return np.mean(errors), np.std(errors, ddof=1) / np.sqrt(n_seeds)


def check(grid, n_seeds):
    """Each setting agrees within 3.5 standard errors or 3 %, and all within their chi square."""
    scores = []
    for place, setting in enumerate(grid):
        mean, error = measure(setting, 20_000 * (place + 1), n_seeds)
        patterns, model, sgd = problem(*setting)
        found = few_steps_error(patterns, model, sgd, setting[2])
        score = (mean - found.error) / np.hypot(error, found.standard_error)
        scores.append(score)
        assert abs(score) < 3.5 or abs(found.error / mean - 1) < 0.03, (setting, mean, found)
    assert np.sum(np.square(scores)) < chi2.ppf(1 - 1e-4, len(grid)), scores


def test_prediction_meets_the_simulator():
    check(FAST, 300)


@pytest.mark.slow
def test_prediction_meets_the_simulator_over_the_grid():
    check(SLOW, 1500)


def test_the_measurement_could_refute_it():
    """One step, or independent patterns alone, are rejected where the common mode is unstable."""
    mean, error = measure(UNSTABLE, 20_000 * len(FAST), 300)
    n, p, n_train, m, n_steps, rate, _ = UNSTABLE
    one = one_step_error(*problem(n, p, n_train, m, 1, rate), n_train).error
    setting = FewStepsSetting(n, p, (30, 30), (20, 20), rate / (n * n * n_train), n_steps)
    errors = []
    for seed in range(4):
        copies = LinkedCopies(setting, seed)
        copies._pattern_factor = copies._sample_factor = 0.0
        errors.append(_class_errors(copies, 0, seed).mean())
    assert mean - one > 5 * error
    assert mean - np.mean(errors) > 5 * error


@pytest.mark.parametrize(("n", "p", "n_train", "m"), [(64, 256, 60, 40), (32, 64, 81, 100)])
def test_one_step_is_the_exact_one(n, p, n_train, m):
    """Up to ties, half of which count as errors here."""
    patterns, model, sgd = problem(n, p, n_train, m, 1, n)
    found = few_steps_error(patterns, model, sgd, n_train)
    exact = one_step_error(patterns, model, sgd, n_train)
    assert abs(found.error - exact.error) < 4 * found.standard_error + exact.tie / 2
    assert found.standard_error < 0.01 * exact.error


def test_small_steps_are_one():
    """While the slopes have not changed, another step changes the scale of the output alone."""
    patterns, model, sgd = problem(32, 128, 40, 40, 2, 1e-3)
    found = few_steps_error(patterns, model, sgd, 40)
    exact = one_step_error(*problem(32, 128, 40, 40, 1, 1e-3), 40)
    assert abs(found.error - exact.error) < 4 * found.standard_error + exact.tie / 2


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_pulls_and_live_units_are_all_there_is(loss):
    """The outputs of a real network follow from the units that were active on each pattern."""
    n_train, n_steps, rate = 12, 4, 60.0
    patterns, model, sgd = problem(8, 32, n_train, 20, n_steps, rate, loss)
    data, fresh = patterns.sample(n_train, 1), patterns.sample(50, 1, split="test")
    run = train(model, data, sgd, 1)
    active = run.initial.experts @ data.dictionary.T > 0
    signs = run.initial.output > 0
    held = np.array([np.bincount(row, minlength=data.n_patterns) for row in data.indices])
    pull, chosen = np.zeros((2, data.n_patterns))
    alive, values = np.ones(data.n_patterns), np.zeros(data.n_patterns)
    for _ in range(n_steps):
        margins = rate / (64 * n_train) * data.labels * (held @ values)
        slopes = (margins < 1) * 1.0 if loss == "hinge" else 1 / (1 + np.exp(margins))
        pull += (data.labels * slopes) @ held
        chosen = np.where(chosen == 0, np.sign(pull), chosen)
        alive *= chosen * pull >= 0
        units = np.where(chosen > 0, active[signs].sum(axis=0), active[~signs].sum(axis=0))
        values = units * alive * pull
    outputs = rate / (64 * n_train) * values[fresh.indices].sum(axis=1)
    assert run.predict(fresh) == pytest.approx(outputs, abs=20 * 20 * model.init_std)
    assert np.abs(outputs).max() > 0.1


def test_copies_do_not_matter(monkeypatch):
    """Twofold and large lifts agree: what the lift does not fluctuate by itself is added."""
    setting = problem(32, 256, 30, 40, 3, 150)
    base = few_steps_error(*setting, 30)
    module = "moe_theory.predictions.few_steps.linked_copies"
    monkeypatch.setattr(f"{module}.N_PATTERNS", 1)
    small = FewStepsSetting(32, 256, (15, 15), (20, 20), 150 / 30720, 3)
    small = [_class_errors(LinkedCopies(small, k), k, 0) for k in range(24)]
    error = np.std(small, axis=0, ddof=1)[0] / np.sqrt(24)
    assert np.mean(small) == pytest.approx(base.error, abs=4 * np.hypot(error, base.standard_error))


def test_fresh_law_is_that_of_drawn_inputs():
    rng = np.random.default_rng(3)
    values = rng.standard_normal(400) ** 3
    n, p, n_inputs = 12, 30, 200_000
    counts = rng.multinomial(n - 1, np.full(p, 1 / p), n_inputs) - (n - 1) / p
    sums = (counts * rng.choice(values - values.mean(), (n_inputs, p))).sum(axis=1)
    law = FreshLaw(values, n, p)
    assert law.deviation == pytest.approx(sums.std(), rel=0.02)
    bounds = np.array([-10.0, -4.0, 0.0, 5.0])
    noise = 2.0 * rng.standard_normal(n_inputs)
    drawn = np.array([[(sums < b).mean(), (sums + noise < b).mean()] for b in bounds]).T
    assert law.below(bounds, np.zeros(4)) == pytest.approx(drawn[0], abs=0.005)
    assert law.below(bounds, np.full(4, 4.0)) == pytest.approx(drawn[1], abs=0.005)
    silent = FreshLaw(np.zeros(5), n, p)
    assert silent.below(np.array([-1.0, 0.0, 1.0]), np.zeros(3)).tolist() == [0.0, 0.5, 1.0]


def test_gaussian_sum_has_the_covariance_of_its_vectors():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3, 5))
    vectors = np.vstack([vectors, vectors[0] - 2 * vectors[1]])
    sums = []
    for normals in [*np.eye(4), np.zeros(4)]:
        total = GaussianSum(normals)
        drawn = [total.add(vector) for vector in vectors]
        sums.append([mean + size * x for (mean, size), x in zip(drawn, normals, strict=True)])
    factor = np.array(sums[:4])
    assert sums[4] == [0.0] * 4
    assert factor.T @ factor == pytest.approx(vectors @ vectors.T)


@pytest.mark.parametrize("units", [1, 2, 20])
def test_quadrature_has_the_moments_of_the_binomial_law(units):
    nodes, weights = _binomial_nodes(units)
    counts = np.arange(units + 1)
    for power in range(2 * len(nodes)):
        exact = binom.pmf(counts, units, 0.5) @ counts**power
        assert weights @ nodes**power == pytest.approx(exact)


def test_normals_are_stratified():
    drawn = np.array([_normals(4, group, 0) for group in range(40)])
    used = drawn[..., :-1]
    assert (used[:, :, 1:, 0] == 0).all()
    assert (drawn[..., -1] == 0).all()
    for row in (used[:, :, 0, 0], used[:, :, 0, 1], used[:, :, 1, 1], used[:, :, 2, 2]):
        assert abs(row.mean()) < 0.06
        assert row.std() == pytest.approx(1, abs=0.12)


def test_properties():
    """Equal calls give equal results, classes are alike, and more samples help."""
    few, many = (few_steps_error(*problem(16, 64, size, 40, 2, 32), size) for size in (20, 40))
    setting = FewStepsSetting(16, 64, (10, 10), (20, 20), 0.01, 2)
    twice = [_class_errors(LinkedCopies(setting, 5), 0, 0).tolist() for _ in range(2)]
    assert twice[0] == twice[1]
    assert few.positive == few.negative == pytest.approx(few.error)
    assert many.error < few.error
    assert many.z > few.z


@pytest.mark.parametrize(
    ("data", "network", "training", "message"),
    [
        ({"spread": 0.1}, {}, {}, "spread must be 0"),
        ({"n_closer": (1, 0)}, {}, {}, "n_closer must be"),
        ({"delta_d": 0.5}, {}, {}, "delta_d must be 0"),
        ({"balanced": False}, {}, {}, "balanced"),
        ({"positive_fraction": 0.3}, {}, {}, "positive_fraction"),
        ({"n_irrelevant": 8}, {}, {}, "n_irrelevant must be >= 16"),
        ({"n_patches": 1}, {}, {}, "n_patches must be >= 2"),
        ({}, {"output_weights": "gaussian"}, {}, 'output_weights must be "signs"'),
        ({}, {"n_hidden": 1}, {}, "n_hidden must be >= 2"),
        ({}, {"init_std": 0.1}, {}, "init_std must be positive and at most"),
        ({}, {"init_std": 0.0}, {}, "init_std must be positive"),
        ({}, {}, {"batch_size": 10}, "batch_size must be >= n_train = 20"),
        ({}, {}, {"n_steps": 21}, "number of steps must be <= 20"),
        ({}, {}, {"stop_loss": 0.1}, "stop_loss"),
        ({}, {}, {"stop_at_zero_error": True}, "stop_at_zero_error"),
    ],
)
def test_outside_the_domain(data, network, training, message):
    data = {"n_patches": 16, "n_irrelevant": 64, "patch_dim": 70} | data
    network = {"n_hidden": 40, "init_std": 1e-5} | network
    training = {"learning_rate": 16.0, "batch_size": 20, "n_steps": 2} | training
    with pytest.raises(ValueError, match=message):
        few_steps_error(PatchPatterns(**data), DenseCNN(**network), SGD(**training), 20)
