"""Trained networks: the equations of motion, and what follows where patterns are coupled.

Twins move whole weights of the networks, and know nothing of patterns' inner products.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, train_many
from moe_theory.predictions import trained_error, trained_samples_to
from moe_theory.predictions.trained import error as error_module
from moe_theory.predictions.trained.coupled_patterns import (
    coupled_columns,
    coupled_gram,
    coupled_sums,
)
from moe_theory.predictions.trained.final_state import final_state, initial_units
from moe_theory.predictions.trained.kernels import (
    Coupling,
    Ending,
    Inputs,
    Steps,
    Units,
    _fastest,
    flow_to_loss,
    play_epoch,
)
from moe_theory.predictions.trained.setting import fewest_samples, trained_setting
from moe_theory.predictions.trained.training_set import (
    draw_patches,
    held_places,
    routed_patterns,
)

ROOT = Path(__file__).parents[2]
CLOSER = {"delta_d": 0.4, "n_closer": (2, 1), "closeness": 0.7}
N_SEEDS = 240


def problem(n=16, p=64, n_routed=None, **data):
    patterns = PatchPatterns(n, p, p + 2, **data)
    pooled = n_routed or n
    sgd = SGD(0.2 * pooled, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    if n_routed is None:
        return patterns, DenseCNN(40, init_std=0.01), sgd
    return patterns, SeparateMoE(2, 40, n_routed, init_std=0.01), sgd


def ordered(patterns):
    """Return the patterns with o₁ and o₂ last."""
    return np.concatenate([patterns.dictionary[2:], patterns.dictionary[:2]])


@pytest.mark.parametrize(
    ("data", "n_routed", "n_train"),
    [
        ({"positive_fraction": 0.3}, None, 24),
        ({"positive_fraction": 0.7, "balanced": False}, 4, 24),
        ({"delta_d": -0.6}, None, 12),
        ({"delta_d": 0.5}, None, 30),
        ({"delta_d": 0.5}, 4, 30),
        (CLOSER, None, 40),
        (CLOSER | {"max_closer": 1, "positive_fraction": 0.4}, 4, 30),
    ],
)
def test_prediction_meets_the_simulator(data, n_routed, n_train):
    """The simulated error lies between those predicted for 15 % fewer and more samples."""
    patterns, model, sgd = problem(n_routed=n_routed, **data)
    errors = train_many(
        model, patterns, sgd, range(1000, 1000 + N_SEEDS), n_train=n_train, n_test=500,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    mean, deviation = np.mean(errors), 3 * np.std(errors, ddof=1) / np.sqrt(N_SEEDS)
    fewer, more = 2 * int(n_train / 2.3), 2 * int(np.ceil(n_train * 1.15 / 2))
    most, least = (trained_error(patterns, model, sgd, N) for N in (fewer, more))
    low, high = (least.error - 3 * least.standard_error, most.error + 3 * most.standard_error)
    assert low - deviation <= mean <= high + deviation


def test_gram_matrix_is_that_of_the_patterns():
    patterns = PatchPatterns(8, 16, 18, **CLOSER)
    full = ordered(patterns) @ ordered(patterns).T
    columns = coupled_columns(patterns)
    assert coupled_gram(patterns) == pytest.approx(full[np.ix_(columns, columns)], abs=1e-12)
    amounts = np.random.default_rng(0).standard_normal((3, 18))
    assert coupled_sums(patterns, amounts) == pytest.approx(amounts @ full, abs=1e-12)


def drawn(patterns, n_train=12, units=(5, 4)):
    """Return random inputs and units, and the weights that the units stand for."""
    rng = np.random.default_rng(1)
    p, rows = patterns.n_irrelevant, ordered(patterns)
    labels = np.repeat([1.0, -1.0], n_train // 2)
    held = rng.integers(0, p, (n_train, patterns.n_patches))
    held[:, -1] = np.where(labels > 0, p, p + 1)
    weights = rng.standard_normal((sum(units), rows.shape[1]))
    outputs = np.repeat([1.0, -1.0], units)
    z = np.ascontiguousarray((weights @ rows.T).T)
    columns = coupled_columns(patterns)
    coupling = Coupling(
        coupled_gram(patterns), columns[None], np.setdiff1d(np.arange(p + 2), columns)
    )
    return (
        Inputs(held, labels), Units(z, outputs, np.maximum(z, 0) @ outputs, np.zeros(p + 2)),
        coupling, weights,
    )  # fmt: skip


def gradient(inputs, rows, weights, outputs, scale, batch):
    """Return minus the gradient of the mean logistic loss over the weights, and the margins."""
    patches = rows[inputs.held[batch]]
    before = patches @ weights.T
    margins = scale * inputs.labels[batch] * (np.maximum(before, 0) @ outputs).sum(axis=1)
    pulls = inputs.labels[batch] / (1 + np.exp(margins))
    moved = np.einsum("i,inr,ind->rd", pulls, before > 0, patches)
    return scale * outputs[:, None] * moved / len(batch), margins


def test_steps_are_those_of_whole_weights():
    patterns = PatchPatterns(6, 16, 18, **CLOSER)
    inputs, units, coupling, weights = drawn(patterns)
    rows, scale, rate = ordered(patterns), 1 / 6, 3.0
    order = np.random.default_rng(2).permutation(12)
    for _ in range(6):
        found = play_epoch(inputs, units, coupling, Steps(order, 5, rate * scale, scale))
        margins = np.zeros(12)
        for batch in (order[:5], order[5:10], order[10:]):
            step, margins[batch] = gradient(inputs, rows, weights, units.outputs, scale, batch)
            weights += rate * step
        assert units.z == pytest.approx((weights @ rows.T).T, abs=1e-9)
        assert units.heights == pytest.approx(np.maximum(units.z, 0) @ units.outputs)
        assert found == pytest.approx((margins[:6].mean(), margins[6:].mean()))


def test_flow_is_the_limit_of_small_steps():
    patterns = PatchPatterns(6, 16, 18, **CLOSER)
    inputs, units, coupling, weights = drawn(patterns)
    rows, scale, small, time = ordered(patterns), 1 / 6, 0.02, 0.0
    losses = [1.0]
    while losses[-1] > 0.05:
        step, margins = gradient(inputs, rows, weights, units.outputs, scale, np.arange(12))
        losses.append(np.logaddexp(0, -margins).mean())
        weights += small * 12 / scale * step
        time += small
    found, reached = flow_to_loss(inputs, units, coupling, Ending(0.05, 0.02, scale))
    assert reached
    assert found == pytest.approx(time, rel=0.01)
    assert found / 0.02 == pytest.approx(round(found / 0.02), abs=1e-6)
    expected = np.maximum(weights @ rows.T, 0).T @ units.outputs
    assert units.heights == pytest.approx(expected, abs=0.01 * np.abs(expected).max())


def test_fastest_mode_is_bounded():
    """By a bound that is not far above it."""
    patterns = PatchPatterns(6, 16, 18, **CLOSER)
    inputs, units, coupling, _ = drawn(patterns)
    slopes = np.random.default_rng(3).uniform(0.1, 0.9, 12)
    counts = np.stack([np.bincount(row, minlength=18) for row in inputs.held])
    signed, active = counts * inputs.labels[:, None], (units.z > 0).astype(float)
    gram = ordered(patterns) @ ordered(patterns).T
    kernel = signed @ (gram * (active @ active.T)) @ signed.T
    fastest = np.abs(np.linalg.eigvals(kernel * (slopes * (1 - slopes)))).max()
    assert fastest <= _fastest(inputs, units, coupling, slopes) < 2 * fastest


def test_initial_units():
    """Their covariance is the Gram matrix, and carriers are as many as asked for."""
    patterns, model, sgd = problem(**CLOSER)
    setting = trained_setting(patterns, model, sgd, 20)
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        first, second = rng.binomial(20, 0.5, 2)
        z = initial_units(setting, rng, (first, second))[0]
        assert ((z[-2, :20] > 0).sum(), (z[-1, 20:] > 0).sum()) == (first, second)
        found.append(z[coupled_columns(patterns)] / setting.init_std)
    found = np.concatenate(found, axis=1)
    assert np.cov(found) == pytest.approx(coupled_gram(patterns), abs=5 / found.shape[1] ** 0.5)


@pytest.mark.parametrize(("rate", "chance"), [(0.2, 0.75), (0.002, 0.5)])
def test_units_are_revived_where_classes_are_opposed(rate, chance):
    """With δ_d < 0, dying on o₂ lifts a unit on o₁, by a large step in any case."""
    patterns, model, sgd = problem(delta_d=-0.8)
    setting = replace(trained_setting(patterns, model, sgd, 12), rate=rate)
    rng, carriers = np.random.default_rng(0), []
    for _ in range(100):
        first, second = rng.binomial(20, 0.5, 2)
        z = final_state(setting, rng, (first, second)).z[0]
        carriers += [(z[-2, :20] > 0).sum(), (z[-1, 20:] > 0).sum()]
    expected = 20 * (chance + np.arcsin(0.8) / (2 * np.pi))
    assert np.mean(carriers) == pytest.approx(expected, abs=0.6)


def test_a_carrier_learns_what_is_orthogonal_to_the_other_class():
    """With δ_d > 0, z of a positive unit stays near 0 on o₂: it learns ω₁(o₁ − δ_d o₂)."""
    patterns = PatchPatterns(2, 16, 18, delta_d=0.6)
    labels = np.repeat([1.0, -1.0], 40)
    held = np.where(labels > 0, 16, 17)[:, None]
    z = np.full((18, 8), -0.01)
    z[16, :4] = z[17, 4:] = 0.01
    outputs = np.repeat([1.0, -1.0], 4)
    units = Units(z, outputs, np.maximum(z, 0) @ outputs, np.zeros(18))
    coupling = Coupling(coupled_gram(patterns), np.array([[16, 17]]), np.arange(16))
    pulled = 0.0
    for _ in range(2000):
        pulled += 0.02 * 40 / 80 / (1 + np.exp(units.heights[16]))
        play_epoch(Inputs(held, labels), units, coupling, Steps(np.arange(80), 80, 0.02, 1.0))
    assert z[16, :4] == pytest.approx((1 - 0.6**2) * pulled, rel=0.03)
    assert np.abs(z[17, :4]).max() < 0.03 * z[16, 0]


def test_samples_hold_what_they_send():
    patterns, model, sgd = problem(n_routed=4, **CLOSER, max_closer=1)
    setting = trained_setting(patterns, model, sgd, 20)
    state = final_state(setting, np.random.default_rng(0), (10, 10))
    data = state.data
    assert ((data.held >= 0).sum(axis=1) == 8).all()
    rng = np.random.default_rng(5)
    patches = draw_patches(setting, rng, 50)
    for first, last in ((0, 2), (2, 3)):
        assert ((patches >= first) & (patches < last)).sum(axis=1).max() == 1
    sent = routed_patterns(setting, data.routers, rng, patches, np.arange(50) < 20)
    held = held_places(setting, sent)
    assert ((held >= 0).sum(axis=1) == 8).all()
    assert state.margins.min() > -1


def test_routers_know_closer_patterns():
    """A pattern closer to o₁ outscores neutral ones, and the more so the closer it is."""
    scores = []
    for closeness in (0.3, 0.9):
        patterns, model, sgd = problem(n_routed=4, n_closer=(8, 0), closeness=closeness)
        setting = trained_setting(patterns, model, sgd, 60)
        routers = final_state(setting, np.random.default_rng(0), (10, 10)).data.routers
        scores.append(routers.irrelevant[0, :8].mean() / routers.discriminative[0, 0])
        assert abs(routers.irrelevant[0, 8:].mean()) < 0.1 * routers.discriminative[0, 0]
    assert scores == pytest.approx([0.3, 0.9], abs=0.25)


def test_errors_are_weighted_by_the_classes():
    patterns, model, sgd = problem(positive_fraction=0.25)
    found = trained_error(patterns, model, sgd, 24)
    assert found.error == pytest.approx(0.25 * found.positive + 0.75 * found.negative)
    assert found.positive > found.negative
    mirrored = trained_error(replace(patterns, positive_fraction=0.75), model, sgd, 24)
    spread = np.hypot(found.standard_error, mirrored.standard_error)
    assert abs(found.error - mirrored.error) < 4 * spread


def test_what_does_not_matter_is_not_looked_at():
    patterns, model, sgd = problem(delta_d=0.5)
    known = trained_error(patterns, model, sgd, 20)
    misses = error_module._solve.cache_info().misses
    other = replace(patterns, dictionary_seed=3, patch_dim=90, closeness=0.5, max_closer=2)
    assert trained_error(other, model, sgd, 20) == known
    assert error_module._solve.cache_info().misses == misses


def test_both_classes_must_have_samples():
    patterns, model, sgd = problem(positive_fraction=0.1)
    with pytest.raises(ValueError, match="n_train must be so large that both classes"):
        trained_error(patterns, model, sgd, 4)
    assert fewest_samples(patterns) == 6
    assert fewest_samples(replace(patterns, balanced=False)) == 44
    assert fewest_samples(replace(patterns, positive_fraction=0.5)) == 4
    assert trained_samples_to(patterns, model, sgd, 0.4) == 6


def test_another_blas_draws_the_same():
    """Closer patterns are alike: which axes their Gram matrix has is the choice of a library."""
    asked = (
        "from moe_theory import *\n"
        "from moe_theory.predictions import trained_error\n"
        "patterns = PatchPatterns(8, 16, 18, delta_d=0.3, n_closer=(3, 2), closeness=0.8)\n"
        "sgd = SGD(1.0, 20, n_steps=5000, stop_loss=0.1, router_n_epochs=100)\n"
        "for model in DenseCNN(20, init_std=0.01), SeparateMoE(2, 20, 2, init_std=0.01):\n"
        "    print(trained_error(patterns, model, sgd, 20).error)\n"
    )
    plain, *others = (
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", asked],
            env={**os.environ, "PYTHONPATH": str(ROOT), **libraries},
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for libraries in ({}, *({"OPENBLAS_CORETYPE": name} for name in ("Haswell", "Prescott")))
    )  # fmt: skip
    for other in others:
        assert [float(x) for x in other] == pytest.approx([float(x) for x in plain], rel=1e-6)
