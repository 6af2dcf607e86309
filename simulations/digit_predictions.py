"""Routers and test errors on digits over N, to be held against what the images themselves say.

The published configuration, as in digit_accuracy, and a dense network of eight times as many units
with the same ηm and σ√m, so that its units move less.
"""

import math
import os

from moe_theory import SGD, DenseCNN, DigitPatches, JointMoE, SeparateMoE, Setting, Sweep
from moe_theory.routing import routing_metrics

UNITS, WIDER = 40, 8
RATE, START = 0.2, 0.1
ROUTED = (1, 2, 6)
ARMS = {
    "dense": DenseCNN(UNITS, output_weights="gaussian", init_std=START),
    "wide": DenseCNN(WIDER * UNITS, output_weights="gaussian", init_std=START / math.sqrt(WIDER)),
    "separate": SeparateMoE(2, UNITS, 2, "all", output_weights="expert_signs"),
    "joint": JointMoE(8, UNITS, 6, "all", output_weights="gaussian"),
}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    file = os.environ.get("MOE_THEORY_DIGITS")
    data = DigitPatches.from_npz(file) if file else DigitPatches()
    sizes = (60, 240) if quick else (60, 100, 200, 300, 500, 700, 1000)
    settings = [
        Setting({"arm": arm}, data, model, sgd_of(arm), n_train)
        for n_train in sizes
        for arm, model in ARMS.items()
        if arm != "wide" or n_train == sizes[-1] or not (quick or file)
    ]
    return Sweep(settings, n_test=1000, n_draws=4 if quick or file else 6, measure=measure)


def sgd_of(arm: str) -> SGD:
    rate = RATE / WIDER if arm == "wide" else RATE
    return SGD(rate, batch_size=20, n_epochs=150, router_learning_rate=RATE, router_n_epochs=100)


def measure(run, test, train):
    measured = {"test_error": run.error(test), "train_error": run.error(train)}
    if isinstance(run.model, SeparateMoE):
        for l in ROUTED:  # noqa: E741
            for name, inputs in (("fresh", test), ("training", train)):
                own = routing_metrics(inputs, run.weights.routers, l).own
                measured[f"{name}_{l}"] = own
    return measured
