"""The mistakes that come naturally: the answer says what is wanted."""

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchData,
    PatchPatterns,
    Weights,
    train,
    train_many,
)
from moe_theory.advice import advise
from moe_theory.flow import gradient_flow, sgd_path
from moe_theory.inference import compression_limit, fine_tune, prune, quantize

LAW = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
DATA, STEPS = LAW.sample(20, seed=0), SGD(0.1, batch_size=20, n_steps=2)
JOINT = JointMoE(2, 4, 2)
RUN = train(JOINT, DATA, STEPS)
SAMPLES = "data must be PatchData: samples drawn by data"


def many(seeds, **options):
    return train_many(DENSE, DATA, STEPS, seeds, **options)


DENSE = DenseCNN(4, init_std=0.01)
MISTAKES = {
    "a name for a network": (
        lambda: train("dense", DATA, STEPS),
        "model must be a DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE; got 'dense'",
    ),
    "a class for a network": (
        lambda: train(DenseCNN, DATA, STEPS), r"model must be .*; got the class DenseCNN",
    ),
    "a law for samples": (
        lambda: train(DENSE, LAW, STEPS),
        r"data must be PatchData: samples drawn by data\.sample\(n_samples, seed\), not the law",
    ),
    "a law for test samples": (
        lambda: train(DENSE, DATA, STEPS, test=LAW), "test must be PatchData: samples drawn",
    ),
    "samples after the settings": (
        lambda: train(DENSE, STEPS, DATA), r"data must be PatchData; got SGD\(learning_rate=0.1",
    ),
    "a rate for the settings": (lambda: train(DENSE, DATA, 0.1), "sgd must be an SGD; got 0.1"),
    "a run to start from": (
        lambda: train(JOINT, DATA, STEPS, initial=RUN),
        r"initial must be Weights, such as run.weights of a TrainingRun; got TrainingRun\(JointMoE",
    ),
    "no seed": (lambda: train(DENSE, DATA, STEPS, None), "seed must be .*got None"),
    "a generator for a seed": (
        lambda: train(DENSE, DATA, STEPS, np.random.default_rng(0)), "seed must be .*Generator",
    ),
    "a seed of batches that is none": (
        lambda: sgd_path(DENSE, DATA, STEPS, 0, batch_seed=-1), "^batch_seed must be an integer",
    ),
    "a number for seeds": (
        lambda: many(5),
        r"seeds must be a sequence of seeds, such as range\(5\); got 5",
    ),
    "no seeds": (lambda: many(None), "seeds must be .*; got None"),
    "a set of seeds": (lambda: many({1, 2}), "seeds must be a sequence"),
    "generators as seeds": (
        lambda: many([0, np.random.default_rng(0)]),
        r"seeds\[1\]: seed must be",
    ),
    "None among seeds": (lambda: many([0, None]), r"seeds\[1\]: seed must"),
    "a name among networks": (
        lambda: train_many([DENSE, "joint"], DATA, STEPS, [0]),
        r"model\[1\] must be a DenseCNN, .*; got 'joint'",
    ),
    "no workers": (
        lambda: many([0], n_workers=0), "n_workers must be an integer >= 1",
    ),
    "what is no function": (
        lambda: many([0], reduce="test_error"), "reduce must be a function",
    ),
    "images for samples": (
        lambda: RUN.predict(np.ones((4, 8, 34))),
        r"data must be PatchData; got an array of shape \(4, 8, 34\)",
    ),
    "a law for an error": (lambda: RUN.error(LAW), SAMPLES),
    "a law for routing": (lambda: RUN.routing(LAW), SAMPLES),
    "a network to prune": (
        lambda: prune(JOINT, 0.5),
        "run must be a TrainingRun, as train returns it; got JointMoE",
    ),
    "percent to prune": (lambda: prune(RUN, 50), "ratio must be a finite number .*; got 50"),
    "a network to tune": (
        lambda: fine_tune(JOINT, DATA, STEPS), "run must be a TrainingRun",
    ),
    "a network to quantize": (lambda: quantize(JOINT, 4), "run must be a TrainingRun"),
    "bits as text": (lambda: quantize(RUN, "4"), "bits must be a finite number in .*; got '4'"),
    "digits to advise on": (
        lambda: advise(DigitPatches(), 0.05), r"patterns must be PatchPatterns; got DigitPatches\(",
    ),
    "percent of confidence": (
        lambda: compression_limit([0, 0.5], [[1, 1]], [1], confidence=95),
        r"confidence must be a finite number in \(0, 1\); got 95",
    ),
    "percent of accuracy": (
        lambda: compression_limit([0, 0.5], [[90, 85]], [91]),
        r"accuracy must be fractions in \[0, 1\], not percent; got 90",
    ),
    "percent of tolerance": (
        lambda: compression_limit([0, 0.5], [[0.9, 0.85]], [0.9], tolerance=1),
        "tolerance must be a finite number in .*; got 1",
    ),
    "a law for a flow": (
        lambda: gradient_flow(DENSE, LAW, STEPS), SAMPLES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_natural_mistakes(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_seeds_are_an_iterable_that_is_read_once():
    """A generator gives its seeds but once, and there are two networks."""
    models, expected = [DENSE, JOINT], [0, 1, 2, 0, 1, 2]
    for seeds in ((s for s in range(3)), iter([0, 1, 2]), range(3), np.arange(3), (0, 1, 2)):
        runs = train_many(models, DATA, STEPS, seeds)
        assert [run.seed[0] for run in runs] == expected


def test_weights_of_a_start_are_finite():
    for name in ("experts", "output", "routers"):
        arrays = {
            part: getattr(RUN.weights, part).copy() for part in ("experts", "output", "routers")
        }
        arrays[name].flat[1] = np.nan
        with pytest.raises(ValueError, match=rf"initial\.{name} must be finite everywhere"):
            train(JOINT, DATA, STEPS, initial=Weights(**arrays))


def test_outputs_that_are_not_finite_are_no_predictions():
    huge = PatchData(1e38 * DATA.dictionary, DATA.indices, DATA.labels)
    run = train(DenseCNN(4, init_std=10.0), DATA, STEPS)
    with pytest.raises(ValueError, match=r"outputs f\(x\) on data must be finite everywhere"):
        run.error(huge)
