"""Whether dense networks on clusters pass the floor of sums over patches, however wide.

Every function that is a sum over patches errs on some inputs, whatever its width, if features and
feature noise follow one law (settings 3 and 4), and on fewer if they do not (settings 1 and 2).
"""

from moe_theory import SGD, ClusterSignal, DenseCNN, Sweep, grid


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    activations = ("cubic", "relu") if quick else ("linear", "cubic", "relu")
    settings = grid(
        ClusterSignal(gamma=(0.5, 2.0)),
        {name: DenseCNN(8, activation=name, pooling="sum", init_std=1e-4) for name in activations},
        SGD(1e-3, 500, n_steps=200, normalize_experts=True, record=100),
        n_train=(1000,) if quick else (1000, 16_000),
        axes={
            "data.gamma": ((0.5, 2.0), (0.5, 3.0)),
            "model.n_hidden": (8, 32) if quick else (8, 64, 512),
        },
        links={"sgd.n_steps": lambda at: 200 if quick else 300},
        where=lambda at: quick or at["model.n_hidden"] == 64 or at["n_train"] == 16_000,
    )
    return Sweep(settings, n_test=2000 if quick else 16_000, n_draws=3 if quick else 6,
                 measure=measure)  # fmt: skip


def measure(run, test, train):
    """Return test errors over steps, the least among them, and the training error at the end."""
    errors = run.history.test_error
    return {
        "steps": run.history.steps,
        "errors": errors,
        "least": float(errors.min()),
        "last": float(errors[-1]),
        "train_error": float(run.history.train_error[-1]),
    }
