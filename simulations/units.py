"""Test error over the number m of hidden units, at an N that is enough: how many units it takes.

The output weights are ±1, and all networks have as many positive as negative units.
"""

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, Sweep, grid


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    units = (2, 4, 8, 16, 32) if quick else (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
    settings = grid(
        PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258),
        {
            "dense": DenseCNN(2, init_std=0.01),
            "separate": SeparateMoE(2, 4, 1, init_std=0.01),
            "joint": JointMoE(8, 16, 8),
        },
        SGD(1.0, batch_size=20, n_steps=2000, router_n_epochs=100, stop_loss=0.03),
        n_train=400,
        axes={
            "data.n_patches": (16, 32, 64) if quick else (16, 32, 64, 128),
            "model.n_routed": (1, 2, 4, 8, 16, 32),
            "model.n_experts": (2, 4, 8),
            "model.n_hidden": units,
        },
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        where=is_wanted,
    )
    return Sweep(settings, n_test=300, n_draws=5 if quick else 40)


def is_wanted(at) -> bool:
    """Dense over n; pMoE with 2 experts at n = 64 over l, and joint training over k at l = 4."""
    if at["arm"] == "dense":
        return True
    if at["data.n_patches"] != 64 or at["model.n_hidden"] % at["model.n_experts"]:
        return False
    n_routed, n_experts = at["model.n_routed"], at["model.n_experts"]
    if at["arm"] == "separate":
        return n_experts == 2 and n_routed <= 16  # more routed patches need more than this N
    return 1 < n_routed < 32 and (n_experts == 2 or n_routed == 4)
