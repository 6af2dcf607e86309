"""How far each network relies on a second patch that agrees with the label in training only.

The spurious patch agrees with y with probability ρ in training and ½ in testing. Reliance is the
error where it speaks against y less the error where it speaks for y.
"""

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    SeparateMoE,
    SpuriousPatch,
    Sweep,
    grid,
)

RHO = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def measure(run, test, train):
    wrong = test.labels * run.predict(test) <= 0
    against = test.spurious_signs != test.labels
    return {
        "test_error": wrong.mean(),
        "reliance": wrong[against].mean() - wrong[~against].mean(),
        "train_error": run.history.train_error[-1],
    }


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    patterns = grid(
        SpuriousPatch(PatchPatterns(n_patches=32, n_irrelevant=256, patch_dim=260), 0.5),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 1, init_std=0.01),
            "joint": JointMoE(8, 40, 8),
        },
        SGD(1.0, batch_size=20, n_steps=4000, router_n_epochs=100, stop_loss=0.03),
        n_train=100,
        axes={"data.rho_train": RHO},
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        labels={"data": "patterns", "n_patches": 32},
    )
    sgd = SGD(0.05, batch_size=20, n_steps=2000 if quick else 7500, stop_loss=0.03,
              router_learning_rate=0.2, router_n_epochs=100)  # fmt: skip
    digits = grid(
        SpuriousPatch(DigitPatches(n_patches=8), 0.5),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 1, init_std=0.01),
            "joint": JointMoE(8, 40, 4),
        },
        sgd,
        n_train=200,
        axes={"data.rho_train": RHO},
        links={"sgd.learning_rate": lambda at: 0.2 if at["arm"] == "joint" else 0.05},
        labels={"data": "digits", "n_patches": 8},
    )
    return Sweep([*patterns, *digits], n_test=1000, n_draws=6 if quick else 20, measure=measure)
