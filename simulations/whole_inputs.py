"""N*(ε) of networks that route whole inputs, patches, or nothing, on the same inputs.

Networks have 40 hidden units; the small dense network has 5, so that its step costs what that of
whole-input routing does, whose 8 experts have 5 each. On patterns one patch in 64 tells the label.
On clusters a feature tells it only together with the centre of its cluster. On digits one image in
16 does. Training is as for the other thresholds: 0.2 per pooled patch, on digits 0.05.
"""

from moe_theory import (
    SGD,
    ClusterSignal,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SampleStudy,
    Search,
    SeparateMoE,
    TokenChoiceMoE,
    grid,
)

DATA = ("patterns", "clusters", "digits")


def networks(l_separate: int, l_joint: int) -> dict:
    return {
        "dense": DenseCNN(40, init_std=0.01),
        "dense_small": DenseCNN(5, init_std=0.01),
        "whole_input": SampleMoE(8, 40),
        "token_choice": TokenChoiceMoE(8, 40),
        "separate": SeparateMoE(2, 40, l_separate, init_std=0.01),
        "joint": JointMoE(8, 40, l_joint),
    }


def per_patch(at) -> float:
    return 0.2 * at["n_pooled"]


def of_digits(at) -> float:
    return 0.05 * (at["n_pooled"] if at["arm"] == "joint" else 1)


def families(name: str, quick: bool):
    """Return the settings of one kind of data."""
    if name == "patterns":
        n = 16 if quick else 64
        data = PatchPatterns(n, n_irrelevant=256, patch_dim=258)
        sgd = SGD(1.0, batch_size=20, n_steps=2000 if quick else 5000, router_n_epochs=100,
                  stop_loss=0.03)  # fmt: skip
        arms, rate = networks(n // 32 or 1, n // 8), per_patch
    elif name == "clusters":
        n = 4
        data = ClusterSignal(n_patches=n, gamma=(0.5, 2.0), scale=1.0)
        sgd = SGD(1.0, batch_size=20, n_steps=2000 if quick else 5000, router_n_epochs=100,
                  stop_loss=0.03)  # fmt: skip
        arms, rate = networks(2, 2), per_patch
    else:
        n = 8
        data = DigitPatches(n_patches=n)
        sgd = SGD(0.05, batch_size=20, n_steps=1000 if quick else 3000, stop_loss=0.03,
                  router_learning_rate=0.2, router_n_epochs=100)  # fmt: skip
        arms, rate = networks(2, 4), of_digits
    labels = {"data": name, "n_patches": n}
    return grid(data, arms, sgd, links={"sgd.learning_rate": rate}, labels=labels)


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    settings = [setting for name in DATA for setting in families(name, quick)]
    search = (
        Search(n_max=64, per_octave=1, n_draws=2, min_draws=3, max_draws=3, precision=0.3)
        if quick
        else Search(n_max=1024, n_draws=6, min_draws=12, max_draws=16, precision=0.15)
    )
    return SampleStudy(settings, 0.15, search, n_test=1000)
