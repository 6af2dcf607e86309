"""Steps and operations to ε at a fixed N that is enough for all: over n, l and k.

Learning rates are those of the sample-complexity simulations: 0.2 per pooled patch on patterns. In
joint training gates start at 1/l, so that a patch moves the weights l times less; arm "joint_l2"
makes up for that by the rate 0.2 l².
"""

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    SeparateMoE,
    TrainingStudy,
    grid,
)


def experiment(scale: str) -> TrainingStudy:
    quick = scale == "quick"
    # Gates make a step of joint training dear.
    n_steps, longer = (150, 400) if quick else (250, 1500)
    patterns = grid(
        PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 1, init_std=0.01),
            "joint": JointMoE(8, 40, 1),
            "joint_l2": JointMoE(8, 40, 1),
        },
        SGD(1.0, batch_size=20, n_steps=1500, router_n_epochs=100, record=1),
        n_train=400,
        axes={
            "data.n_patches": (16, 32, 64, 128),
            "model.n_routed": (1, 2, 4, 8, 16) if quick else (1, 2, 4, 8, 16, 32),
            "model.n_experts": (2, 4, 8) if quick else (2, 4, 8, 20),
        },
        links={
            "sgd.learning_rate": lambda at: (
                0.2 * at["n_pooled"] ** (2 if at["arm"] == "joint_l2" else 1)
            ),
            "sgd.n_steps": lambda at: n_steps if at["arm"].startswith("joint") else longer,
        },
        where=lambda at: is_wanted(at, 64),
        labels={"data": "patterns"},
    )
    n = 8 if quick else 16
    digits = grid(
        DigitPatches(n_patches=n),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 1, init_std=0.01),
            "joint": JointMoE(8, 40, 1),
        },
        SGD(
            0.05, batch_size=20, n_steps=2000 if quick else 20_000,
            router_learning_rate=0.2, router_n_epochs=100, record=50,
        ),
        n_train=400 if quick else 800,
        axes={
            "data.n_patches": (n,),
            "model.n_routed": (1, 2, 4) if quick else (1, 2, 4, 8),
            "model.n_experts": (2, 8),
        },
        links={
            "sgd.learning_rate": lambda at: 0.05 * (at["n_pooled"] if at["arm"] == "joint" else 1)
        },
        where=lambda at: is_wanted(at, n),
        labels={"data": "digits"},
    )  # fmt: skip
    epsilon = (0.2, 0.15, 0.1, 0.05) if quick else (0.2, 0.15, 0.1, 0.05, 0.02)
    return TrainingStudy([*patterns, *digits], epsilon, n_draws=5 if quick else 12, n_test=300)


def is_wanted(at, n: int) -> bool:
    """Dense over n; pMoE at one n over l, and joint training over k at l = 4."""
    if at["arm"] == "dense":
        return True
    n_routed, n_experts = at["model.n_routed"], at["model.n_experts"]
    if at["data.n_patches"] != n or n_routed > n // 2:
        return False
    if at["arm"] == "separate":
        return n_experts == 2
    return n_routed > 1 and (n_experts == 8 or (n_routed == 4 and at["arm"] == "joint"))
