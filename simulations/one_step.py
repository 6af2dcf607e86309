"""Test error of the dense network after one full-batch step, from tiny initial weights."""

from moe_theory import SGD, DenseCNN, PatchPatterns, Sweep, grid


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = grid(
        PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66),
        {"dense": DenseCNN(40, init_std=1e-5)},
        SGD(1.0, batch_size=1, n_steps=1),
        n_train=(10, 40, 160) if quick else (10, 20, 40, 80, 160, 320),
        axes={
            ("data.n_patches", "data.n_irrelevant"): (
                (16, 64), (32, 256), (64, 256), (64, 1024), (128, 256),
            )
        },
        links={
            "data.patch_dim": lambda at: at["data.n_irrelevant"] + 2,
            "sgd.learning_rate": lambda at: at["data.n_patches"],
            "sgd.batch_size": lambda at: at["n_train"],
        },
    )  # fmt: skip
    return Sweep(settings, n_test=500, n_draws=20 if quick else 200, measure=measure)


def measure(run, test, train):
    return {"test_error": run.error(test)}
