"""C22's table: accuracy and dispatch entropy of single networks and mixtures on clustered inputs.

Mixtures have 8 experts of 16 hidden units (8 for each class) and take full-batch steps, each
expert's gradient normalised. Single networks have as many units in all, or as many as one expert,
and take as many steps of the same length, on batches of 500.
"""

import numpy as np

from moe_theory import SGD, ClusterSignal, DenseCNN, SampleMoE, Sweep, grid
from moe_theory.routing import dispatch_entropy

N_EXPERTS, N_UNITS = 8, 16
STEP = {"learning_rate": 1e-3, "router_learning_rate": 0.1, "normalize_experts": True}
START = {"pooling": "sum", "init_std": 1e-4}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    n_train, n_steps = (500, 100) if quick else (16_000, 160)
    settings = []
    for number in (1, 2, 3, 4):
        labels = {"setting": number}
        for activation in ("linear", "cubic"):
            shape = {"activation": activation, **START}
            mixture = SampleMoE(N_EXPERTS, N_EXPERTS * N_UNITS, **shape)
            single = {
                "single": DenseCNN(N_EXPERTS * N_UNITS, **shape),
                "single_small": DenseCNN(N_UNITS, **shape),
            }
            own = {**labels, "activation": activation}
            data = ClusterSignal.published(number)
            settings += grid(
                data, {"mixture": mixture},
                SGD(batch_size=n_train, n_steps=n_steps, **STEP),
                n_train=n_train, labels=own,
            ) + grid(
                data, single, SGD(batch_size=min(500, n_train), n_steps=n_steps, **STEP),
                n_train=n_train, labels=own,
            )  # fmt: skip
    return Sweep(settings, n_test=2000 if quick else 16_000, n_draws=3 if quick else 10,
                 measure=measure)  # fmt: skip


def measure(run, test, train):
    """Return accuracy; of a mixture also the entropy of clusters given experts and experts used."""
    row = {"accuracy": 1 - run.error(test), "train_accuracy": 1 - run.error(train)}
    if isinstance(run.model, DenseCNN):
        return {**row, "entropy": None, "n_used": None}
    chosen = run.experts_of(test)
    return {
        **row,
        "entropy": dispatch_entropy(test.clusters, chosen),
        "n_used": len(np.unique(chosen)),
    }
