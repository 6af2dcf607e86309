"""Joint training at fixed N: accuracy over the numbers l of routed patches and k of experts.

Routers start at random (standard deviation 1e-4), so that with small l an expert receives the
discriminative patch of an input only with probability near l/n, and more experts help.
"""

from moe_theory import SGD, DigitPatches, JointMoE, PatchPatterns, Sweep, grid


def measure(run, test, train):
    metrics = run.routing(test)
    own = [metrics.gate_positive.max(), metrics.gate_negative.max()]
    return {
        "test_error": run.history.test_error[-1],
        "train_error": run.history.train_error[-1],
        "gate": sum(own) / 2,
        "received": metrics.best,
    }


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    arms = {"joint": JointMoE(8, 40, 1)}
    patterns = grid(
        PatchPatterns(n_patches=32, n_irrelevant=256, patch_dim=258),
        arms,
        SGD(1.0, batch_size=20, n_steps=4000 if quick else 20_000, stop_loss=0.03),
        n_train=16,
        axes={
            "model.n_experts": (2, 8, 20) if quick else (1, 2, 4, 8, 20),
            "model.n_routed": (1, 2, 4, 8, 16) if quick else (1, 2, 4, 8, 16, 32),
        },
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        labels={"data": "patterns", "n_patches": 32},
    )
    digits = grid(
        DigitPatches(n_patches=16),
        arms,
        SGD(1.0, batch_size=20, n_steps=1500 if quick else 7500, stop_loss=0.03),
        n_train=100,
        axes={
            "model.n_experts": (2, 8, 20) if quick else (1, 2, 4, 8, 20),
            "model.n_routed": (1, 2, 4, 8, 16) if quick else (1, 2, 4, 8, 12, 16),
        },
        links={"sgd.learning_rate": lambda at: 0.05 * at["n_pooled"]},
        labels={"data": "digits", "n_patches": 16},
    )
    return Sweep([*patterns, *digits], n_test=300, n_draws=6 if quick else 20, measure=measure)
