"""Predictions on images against simulation: routers, one step, and networks that learn by kernels.

Deviations are measured in standard errors of both sides; 4 of them occur once in 15,000 times.
"""

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, DigitPatches, JointMoE, SeparateMoE, train, train_many
from moe_theory._random import stream, substream
from moe_theory.predictions import (
    error_on_images,
    one_step_error_on_images,
    router_success_on_images,
)
from moe_theory.predictions.images.error import _learn, _measured
from moe_theory.predictions.images.kernels import Learner, descend_outputs
from moe_theory.predictions.images.statistics import SignedSum, class_images
from moe_theory.predictions.images.tangent_kernel import (
    Sent,
    between_inputs,
    drawn_units,
    many_units,
)
from moe_theory.predictions.routers.success import RouterSuccess
from moe_theory.routing import routing_metrics

DIGITS = DigitPatches()
MOST_DEVIATIONS = 4.0
ROUTERS = SGD(0.2, batch_size=20, n_steps=1, router_n_epochs=100)


def close(known, known_error, values):
    error = np.hypot(known_error, np.std(values, ddof=1) / len(values) ** 0.5)
    assert abs(known - np.mean(values)) < MOST_DEVIATIONS * error, (known, np.mean(values), error)


@pytest.mark.parametrize("data", [DIGITS, DigitPatches(positive_fraction=0.3, balanced=False)])
def test_routers_succeed_as_predicted(data):
    """On fresh and on their own inputs, for several l, and unequal classes drawn at random."""
    found = {(name, l): [] for name in ("fresh", "training") for l in (1, 4)}
    for seed in range(60):
        train_data, test = data.sample(60, seed), data.sample(500, seed, split="test")
        run = train(SeparateMoE(2, 2, 1), train_data, ROUTERS, seed)
        for (name, l), values in found.items():
            inputs = test if name == "fresh" else train_data
            values.append(routing_metrics(inputs, run.weights.routers, l).own)
    for (name, l), values in found.items():
        model = SeparateMoE(2, 2, l)
        known = router_success_on_images(data, model, ROUTERS, 60, inputs=name)
        close(known.own, known.standard_error, values)
        if name == "fresh":
            assert known.spread == pytest.approx(np.std(values, ddof=1), rel=0.5)


def test_router_success_for_many_samples_is_that_of_the_mean_difference():
    model = SeparateMoE(2, 2, 2)
    known = router_success_on_images(DIGITS, model, ROUTERS, 10**6)
    train_images, test = class_images(DIGITS, "train"), DIGITS.sample(20_000, 0, split="test")
    w = train_images.positive.mean(axis=0) - train_images.negative.mean(axis=0)
    own = routing_metrics(test, np.stack([w, -w]), 2).own
    assert known.own == pytest.approx(own, abs=MOST_DEVIATIONS * 0.5 / 20_000**0.5)


def test_law_of_the_signed_sum():
    """Mean and covariance of ĝ are those of drawn samples."""
    law = SignedSum(class_images(DIGITS, "train"), DIGITS.n_patches)
    drawn = []
    for seed in range(800):
        data = DIGITS.sample(20, seed)
        drawn.append((data.labels[:, None, None] * data.patches()).sum(axis=1).mean(axis=0))
    drawn, mean, covariance = np.array(drawn, float), law.mean(10, 10), law.covariance(10, 10)
    for direction in stream(0, "directions").normal(size=(5, 64)):
        along, variance = drawn @ direction, direction @ covariance @ direction
        assert abs(along.mean() - mean @ direction) < MOST_DEVIATIONS * (variance / 800) ** 0.5
        assert abs(along.var() / variance - 1) < MOST_DEVIATIONS * (2 / 800) ** 0.5


def test_one_step_of_many_units():
    data, sgd = DigitPatches(n_patches=4), SGD(1.0, batch_size=40, n_steps=1, dtype="float64")
    model = DenseCNN(3000, init_std=1e-6)
    known = one_step_error_on_images(data, model, sgd, 40)
    errors = train_many(
        model, data, sgd, range(24), n_train=40, n_test=500,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    close(known.error, known.standard_error, errors)


@pytest.mark.parametrize("model", [
    DenseCNN(10, init_std=1.0, output_weights="gaussian"),
    SeparateMoE(4, 16, 3, init_std=1.0),
])  # fmt: skip
def test_networks_whose_units_keep_their_sides_learn_by_the_kernel(model):
    """Same samples, weights and batches: training moves outputs alike, but for units that turn."""
    sgd = SGD(1e-5, batch_size=10, n_steps=60, router_n_epochs=20, dtype="float64")
    for number in range(3):
        seed = substream(number, "test")
        run = train(model, DIGITS.sample(40, seed), sgd, seed)
        learned = _learn(DIGITS, model, sgd, (40, 200), seed, many=False)
        before = learned.network.outputs(learned.fresh)
        moved = run.predict(DIGITS.sample(200, seed, split="test")) - before
        assert _measured(learned)[-1] < 0.001
        assert np.linalg.norm(learned.changes() - moved) < 0.01 * np.linalg.norm(moved)


def test_wide_networks_err_as_predicted():
    """The error of many units, at a rate by which few of them turn, is that of the kernel."""
    model, sgd = DenseCNN(160, init_std=0.3), SGD(0.02, batch_size=20, n_steps=200)
    known = error_on_images(DIGITS, model, sgd, 60, n_sets=24, n_test=500)
    assert known.turned < 0.2
    errors = train_many(
        model, DIGITS, sgd, range(24), n_train=60, n_test=500,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    close(known.error, known.standard_error, errors)


def test_many_units_are_the_mean_of_drawn_ones():
    rng = stream(0, "kernels")
    u, v = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))
    n_units = 40_000
    kernel = drawn_units(rng.normal(size=(n_units, 6)), np.ones(n_units))
    spread = np.abs(u @ v.T) * 0.5 / n_units**0.5
    assert (np.abs(kernel(u, v) / n_units - many_units(u, v)) < MOST_DEVIATIONS * spread).all()


def test_sums_over_pairs_of_images():
    rng = stream(0, "inputs")
    dictionary, left, right = (
        rng.normal(size=(9, 5)), rng.integers(0, 9, (4, 3)), rng.integers(0, 9, (6, 3))
    )  # fmt: skip
    gates = rng.random((4, 3))
    found = between_inputs(many_units, Sent.of(dictionary, left, gates), Sent.of(dictionary, right))
    each = many_units(dictionary, dictionary)
    direct = [
        [sum(g * each[p, q] for g, p in zip(gate, a, strict=True) for q in b) for b in right]
        for gate, a in zip(gates, left, strict=True)
    ]
    assert np.allclose(found, direct)


def test_steps_on_outputs():
    """Against the same steps in plain NumPy."""
    rng = stream(0, "steps")
    rows = rng.normal(size=(7, 9))
    labels, gram = np.where(rng.random(7) < 0.5, 1.0, -1.0), rows @ rows.T
    learner = Learner(gram, labels, rng.normal(size=7), np.zeros(7))
    first = learner.outputs.copy()
    order, bounds = np.array([3, 1, 6, 0, 2], dtype=np.int32), np.array([0, 2, 5])
    descend_outputs(learner, order, bounds, 0.3, 0)
    outputs, pulls = first, np.zeros(7)
    for start, stop in ((0, 2), (2, 5)):
        batch = order[start:stop]
        step = np.zeros(7)
        step[batch] = 0.3 / len(batch) * labels[batch] / (1 + np.exp(labels * outputs)[batch])
        outputs, pulls = outputs + gram @ step, pulls + step
    assert np.allclose(learner.outputs, outputs)
    assert np.allclose(learner.pulls, pulls)


def test_stopping_and_gates_that_stay():
    sgd = SGD(0.2, batch_size=20, n_steps=2000, stop_loss=0.3)
    stopped = error_on_images(DIGITS, DenseCNN(40), sgd, 40, n_sets=2, n_test=200)
    longer = error_on_images(
        DIGITS, DenseCNN(40), SGD(0.2, 20, n_steps=2000), 40, n_sets=2, n_test=200
    )
    assert stopped.turned < longer.turned
    joint = JointMoE(2, 40, 16, "all")
    held = error_on_images(DIGITS, joint, sgd, 40, n_sets=2, n_test=200)
    assert 0 < held.error < 0.6


@pytest.mark.parametrize(("model", "sgd", "named"), [
    (DenseCNN(4, init_std=0.0), SGD(0.1, 20, n_steps=2), "init_std"),
    (DenseCNN(4, activation="cubic"), SGD(0.1, 20, n_steps=2), "activation"),
    (SeparateMoE(2, 4, 2), SGD(0.1, 19, n_steps=2), "router batch size"),
])  # fmt: skip
def test_domain_of_the_error(model, sgd, named):
    with pytest.raises(ValueError, match=named):
        error_on_images(DIGITS, model, sgd, 40)


@pytest.mark.parametrize(("model", "sgd", "named"), [
    (DenseCNN(4), SGD(0.1, 40, n_steps=1), "init_std"),
    (DenseCNN(4, init_std=1e-9), SGD(0.1, 20, n_steps=1), "batch_size"),
    (DenseCNN(4, init_std=1e-9), SGD(0.1, 40, n_steps=2), "number of steps"),
    (DenseCNN(4, "ones", init_std=1e-9), SGD(0.1, 40, n_steps=1), "output_weights"),
])  # fmt: skip
def test_domain_of_one_step(model, sgd, named):
    with pytest.raises(ValueError, match=named):
        one_step_error_on_images(DIGITS, model, sgd, 40)


def test_domain_of_routers():
    with pytest.raises(ValueError, match="scores"):
        router_success_on_images(
            DIGITS, SeparateMoE(2, 2, 1), ROUTERS, 40, inputs="training", scores="gaussian"
        )
    assert isinstance(
        router_success_on_images(DIGITS, SeparateMoE(2, 2, 1), ROUTERS, 40), RouterSuccess
    )
