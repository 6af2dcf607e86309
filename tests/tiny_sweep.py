"""A sweep of 2,000 trainings of about a millisecond; as a script, runs it into the file given."""

import sys

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, Sweep, grid


def tiny_sweep(n_draws=100, **options):
    settings = grid(
        PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10),
        {"dense": DenseCNN(4), "separate": SeparateMoE(2, 4, 2), "joint": JointMoE(2, 4, 2)},
        SGD(learning_rate=1.0, batch_size=10, n_steps=5),
        n_train=(6, 12, 18, 24),
        axes={"model.n_routed": (1, 3)},
    )
    return Sweep(settings, n_test=20, n_draws=n_draws, **options)


if __name__ == "__main__":
    tiny_sweep().run(sys.argv[1], progress=False, batch_size=10)
