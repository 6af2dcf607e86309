"""Operations until each network errs no more than the dense one does at its end, against N."""

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
    patterns = grid(
        PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 2, init_std=0.01),
            "joint": JointMoE(8, 40, 8),
        },
        SGD(1.0, batch_size=20, n_steps=1500 if quick else 3000, router_n_epochs=100, record=20),
        n_train=(20, 40, 80, 160) if quick else (20, 30, 40, 60, 80, 100, 120, 160),
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        labels={"data": "patterns", "n_patches": 64},
    )
    n = 8 if quick else 16
    digits = grid(
        DigitPatches(n_patches=n),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 2, init_std=0.01),
            "joint": JointMoE(8, 40, 4),
        },
        SGD(
            0.05, batch_size=20, n_steps=2000 if quick else 10_000,
            router_learning_rate=0.2, router_n_epochs=100, record=50,
        ),
        n_train=(50, 100, 200, 400) if quick else (50, 100, 200, 300, 400, 600, 800),
        links={"sgd.learning_rate": lambda at: 0.2 if at["arm"] == "joint" else 0.05},
        labels={"data": "digits", "n_patches": n},
    )  # fmt: skip
    settings = [*patterns, *digits]
    return TrainingStudy(settings, {"arm": "dense"}, n_draws=5 if quick else 12, n_test=300)
