"""How a mixture that routes whole inputs learns: experts specialise, then the router follows.

Trainings of one draw have the same start, batches and noise, so that each is the continuation of
the shorter ones, and their ends are points of one trajectory.
"""

import numpy as np

from moe_theory import SGD, ClusterSignal, SampleMoE, Sweep, grid
from moe_theory.routing import dispatch_entropy

DATA = ClusterSignal.published(3)
STEPS = (1, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 200)


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = grid(
        DATA,
        {name: SampleMoE(8, 128, name, "sum", init_std=1e-4) for name in ("cubic", "linear")},
        SGD(1e-3, 2**20, n_steps=1, router_learning_rate=0.1, normalize_experts=True),
        n_train=500 if quick else 4000,
        axes={"sgd.n_steps": STEPS[::3] if quick else STEPS},
    )  # fmt: skip
    return Sweep(settings, n_test=2000, n_draws=2 if quick else 8, measure=measure)


def measure(run, test, train):
    """Return how far experts have chosen a feature, the router a cluster, and what that brings.

    An expert's share of its best feature is that of the largest of its squared alignments with the
    features; 1/4 where it has none, 1 where it knows but one. The same for routers and centres.
    """
    chosen = run.experts_of(test, noise_seed=0)  # as training routes them
    experts = run.weights.experts.reshape(8, -1, run.patch_dim).astype(float)
    learned = np.einsum("krd,cd->krc", experts, DATA.features) ** 2
    routed = np.einsum("kd,cd->kc", run.weights.routers.astype(float), DATA.centres)
    lead = np.sort(routed, axis=0)
    return {
        "test_error": run.error(test),
        "entropy": dispatch_entropy(test.clusters, chosen),
        "expert_share": float(share(learned.sum(axis=1)).mean()),
        "router_lead": float((lead[-1] - lead[-2]).mean()) * DATA.scale,
        "n_used": len(np.unique(chosen)),
    }


def share(squares):
    """Return the largest part of each row."""
    return squares.max(axis=1) / squares.sum(axis=1)
