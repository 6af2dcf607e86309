"""The published comparison on orthonormal patterns: accuracy, router success and gates against N.

n = 64, p = 256. Training ends at a mean training loss of 0.03, or after 20,000 steps; the learning
rate is 0.2 times the number of pooled patches.
"""

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, Sweep, grid
from moe_theory.experiments import gates_per_expert, measurements


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = grid(
        PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 2, init_std=0.01),
            "joint": JointMoE(8, 40, 8),
        },
        SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03),
        n_train=(6, 10, 20, 40, 80, 160, 320) if quick else (6, 10, 14, 20, 28, 40, 80, 160, 320),
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
    )
    return Sweep(settings, n_test=1000, n_draws=10 if quick else 40, measure=measure)


def measure(run, test, train):
    return {**measurements(run, test, train), **gates_per_expert(run, test)}
