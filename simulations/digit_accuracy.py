"""The published digit experiment: test accuracy and router success against N.

Configuration of P23's released code: η = 0.2, B = 20, 150 epochs, mean over all n patches. The
dense network has the 40 units of the paper (the released code gives it 4). The digits are
scikit-learn's, or those of the file named by MOE_THEORY_DIGITS (see `make mnist`).
"""

import os

from moe_theory import SGD, DenseCNN, DigitPatches, JointMoE, SeparateMoE, Sweep, grid
from moe_theory.experiments import gates_per_expert, measurements


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    file = os.environ.get("MOE_THEORY_DIGITS")
    settings = grid(
        data=DigitPatches.from_npz(file) if file else DigitPatches(),
        arms={
            "dense": DenseCNN(40, output_weights="gaussian"),
            "separate": SeparateMoE(2, 40, 2, "all", output_weights="expert_signs"),
            "joint": JointMoE(8, 40, 6, "all", output_weights="gaussian"),
        },
        sgd=SGD(learning_rate=0.2, batch_size=20, n_epochs=150, router_n_epochs=100),
        n_train=(100, 300, 600, 1000) if quick else (100, 300, 500, 700, 900, 1000),
    )
    few = 10 if file else 5
    n_draws = few if quick else 20
    return Sweep(settings, n_test=1000, n_draws=n_draws, measure=measure)


def measure(run, test, train):
    return {**measurements(run, test, train), **gates_per_expert(run, test)}
