"""Predicted and simulated error of trained networks over N, at many sizes of data and networks.

The N of each setting span errors from some 12 % to 2 %, as a coarse pilot found them; consecutive N
differ by a factor of √2. Predictions have no free parameter, and are made once per setting.
"""

from moe_theory import DenseCNN, Setting, Sweep
from moe_theory.advice import predicted_curve
from moe_theory.advice.conventions import (
    N_PATCHES,
    RATIOS,
    SIZES,
    network_of,
    patterns_of,
    training_of,
)
from moe_theory.predictions import trained_error

# (n, p): first and last N, for the dense network.
DENSE = {
    (16, 64): (12, 48), (16, 128): (8, 34), (16, 256): (6, 24),
    (32, 64): (24, 68), (32, 128): (24, 96), (32, 256): (16, 68), (32, 512): (8, 48),
    (64, 64): (34, 96), (64, 128): (48, 136), (64, 256): (48, 136), (64, 512): (34, 136),
    (64, 1024): (24, 96),
    (128, 128): (68, 192), (128, 256): (68, 192), (128, 512): (68, 272), (128, 1024): (68, 272),
}  # fmt: skip
# (n, p): l: first and last N, for separate training.
SEPARATE = {
    (16, 64): {4: (8, 48), 8: (24, 96)},
    (16, 256): {4: (6, 16), 8: (6, 48)},
    (32, 128): {2: (6, 16), 4: (8, 48), 8: (24, 136), 16: (68, 192)},
    (32, 256): {2: (6, 12), 4: (6, 48), 8: (12, 96), 16: (34, 192)},
    (64, 128): {2: (8, 24), 4: (16, 68), 8: (34, 136), 16: (68, 192), 32: (96, 272)},
    (64, 256): {1: (6, 16), 2: (8, 16), 4: (12, 68), 8: (34, 136), 16: (68, 272), 32: (136, 384)},
    (64, 512): {2: (6, 12), 4: (6, 48), 8: (16, 96), 16: (48, 272), 32: (136, 384)},
    (128, 256): {2: (12, 34), 4: (16, 96), 8: (48, 192), 16: (96, 272), 32: (136, 384)},
    (128, 512): {2: (8, 24), 4: (12, 96), 8: (48, 192), 16: (96, 272)},
}  # fmt: skip
QUICK = {("dense", 16, 128, 16), ("dense", 64, 256, 64), ("separate", 32, 256, 2),
         ("separate", 32, 256, 4), ("separate", 32, 128, 8)}  # fmt: skip


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting
        for (n, p), ends in DENSE.items()
        for setting in over_samples("dense", n, p, n, ends)
    ] + [
        setting
        for (n, p), by_routed in SEPARATE.items()
        for n_routed, ends in by_routed.items()
        for setting in over_samples("separate", n, p, n_routed, ends)
    ]
    if quick:
        settings = [s for s in settings if tuple(s.labels.values()) in QUICK]
    return Sweep(settings, n_test=500, n_draws=16 if quick else 50, measure=measure)


def over_samples(arm: str, n: int, p: int, n_routed: int, ends: tuple[int, int]) -> list[Setting]:
    """Return one setting per N."""
    labels = {"arm": arm, "n_patches": n, "n_irrelevant": p, "n_routed": n_routed}
    network, sgd = network_of(arm, n_routed, 2), training_of(n_routed)
    return [
        Setting(labels, patterns_of(n, p), network, sgd, size)
        for size in SIZES
        if ends[0] <= size <= ends[1]
    ]


def measure(run, test, train):
    error, spread, steps = predicted(run.model, run.sgd, test.n_patches, test.n_patterns - 2,
                                     run.n_train)  # fmt: skip
    return {"test_error": run.error(test), "steps": run.n_steps, "predicted": error,
            "predicted_se": spread, "predicted_steps": steps}  # fmt: skip


def predicted(model, sgd, n: int, p: int, n_train: int) -> tuple[float, float, float]:
    """Return ε, its uncertainty and the steps, from the table where it holds them."""
    arm = "dense" if isinstance(model, DenseCNN) else "separate"
    sizes = n, p // n, arm, model.patches_per_expert(n), model.n_experts
    if n in N_PATCHES and p in {n * ratio for ratio in RATIOS}:
        for point in predicted_curve(*sizes):
            if point.n_train == n_train:
                return point.error, point.standard_error, point.steps
    known = trained_error(patterns_of(n, p), model, sgd, n_train)
    return known.error, known.standard_error, known.n_steps
