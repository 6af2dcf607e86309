"""How many experts a mixture needs until it separates K clusters."""

import numpy as np

from moe_theory import SGD, ClusterSignal, SampleMoE, Sweep, grid
from moe_theory.routing import dispatch_entropy

STEP = {"learning_rate": 1e-3, "router_learning_rate": 0.1, "normalize_experts": True}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting
        for n_clusters in ((2, 4, 8) if quick else (2, 3, 4, 6, 8))
        for setting in grid(
            ClusterSignal(n_clusters, gamma=(0.5, 2.0)),
            {"mixture": SampleMoE(8, 128, "cubic", "sum", init_std=1e-4)},
            SGD(batch_size=2**20, n_steps=400, stop_loss=0.05, **STEP),
            n_train=(150 if quick else 500) * n_clusters,
            axes={"model.n_experts": (2, 4, 8) if quick else (2, 3, 4, 6, 8, 12, 16, 24, 32)},
            links={"model.n_hidden": lambda at: 16 * at["model.n_experts"]},
            labels={"n_clusters": n_clusters},
        )
    ]
    return Sweep(settings, n_test=2000, n_draws=2 if quick else 12, measure=measure)


def measure(run, test, train):
    chosen = run.experts_of(test)
    entropy = dispatch_entropy(test.clusters, chosen)
    return {"test_error": run.error(test), "entropy": entropy, "n_used": len(np.unique(chosen))}
