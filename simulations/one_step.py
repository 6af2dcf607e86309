"""Test error of the dense network after one full-batch step, from tiny initial weights."""

from moe_theory import SGD, DenseCNN, PatchPatterns, Sweep, grid
from moe_theory.predictions import one_step_error_asymptotic

SIZES = (6, 8, 12, 16, 20, 28, 40, 56, 80, 112, 160, 224, 320, 452)


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = grid(
        PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66),
        {"dense": DenseCNN(40, init_std=1e-5)},
        SGD(1.0, batch_size=1, n_steps=1),
        n_train=SIZES,
        axes={
            ("data.n_patches", "data.n_irrelevant"): (
                (16, 64), (32, 256), (64, 256), (64, 1024), (128, 256),
            ) if quick else (
                (16, 64), (16, 256), (32, 64), (32, 256), (64, 128), (64, 256), (64, 1024),
                (128, 256), (128, 1024),
            )
        },
        links={
            "data.patch_dim": lambda at: at["data.n_irrelevant"] + 2,
            "sgd.learning_rate": lambda at: at["data.n_patches"],
            "sgd.batch_size": lambda at: at["n_train"],
        },
        where=is_wanted,
    )  # fmt: skip
    return Sweep(settings, n_test=500, n_draws=40 if quick else 240, measure=measure)


def is_wanted(at) -> bool:
    """Errors that a few hundred draws can measure."""
    sizes = at["data.n_patches"], at["data.n_irrelevant"], at["n_train"]
    return 0.01 < one_step_error_asymptotic(*sizes) < 0.3


def measure(run, test, train):
    return {"test_error": run.error(test)}
