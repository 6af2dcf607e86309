"""N*(ε) of all networks where patterns are harder to tell apart, one way of hardness at a time.

One patch in 32 tells the label. The error is the mean of both classes' errors, so that a network
that always says the larger class errs on one half.
"""

import math
from dataclasses import replace

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleStudy,
    Search,
    SeparateMoE,
    Setting,
    TokenChoiceMoE,
    grid,
)

BASE = PatchPatterns(n_patches=32, n_irrelevant=128, patch_dim=130)
EPSILON = 0.05
CLOSENESS, N_CLOSER, MOST = 0.8, 8, 7
WAYS = {
    "delta_d": (-0.9, -0.5, 0.0, 0.5, 0.8, 0.9, 0.97, 0.99),
    "closer patches": (0, 1, 3, 7, 15),
    "closeness": (0.2, 0.5, 0.8, 0.95),
    "spread": (0.0, 0.03, 0.06, 0.1, 0.15, 0.2),
    "positive fraction": (0.5, 0.3, 0.2, 0.1, 0.05),
}
QUICK = {"delta_d": (0.0, 0.9), "positive fraction": (0.5, 0.2)}
ARMS = {
    "dense": DenseCNN(40, init_std=0.01),
    "separate": SeparateMoE(2, 40, 4, init_std=0.01),
    "joint": JointMoE(8, 40, 8),
    "token": TokenChoiceMoE(8, 40),
}


def patterns_of(way: str, value: float) -> PatchPatterns:
    """Return the data of one point."""
    if way == "delta_d":
        return replace(BASE, delta_d=value)
    if way == "spread":
        return replace(BASE, spread=value)
    if way == "positive fraction":
        return replace(BASE, positive_fraction=value)
    if way == "closeness":
        return closer(MOST, value)
    return closer(int(value), CLOSENESS) if value else BASE


def closer(most: int, closeness: float) -> PatchPatterns:
    """Return patterns of which inputs hold at most ``most`` that rival their discriminative one."""
    return replace(BASE, n_closer=(N_CLOSER, N_CLOSER), closeness=closeness, max_closer=most)


def families(quick: bool) -> list[Setting]:
    """Return the settings of all points and networks; their numbers of samples do not matter."""
    sgd = SGD(
        1.0, batch_size=20, n_steps=1000 if quick else 4000, router_n_epochs=100, stop_loss=0.03
    )
    settings: list[Setting] = []
    for way, values in (QUICK if quick else WAYS).items():
        for value in values:
            settings += grid(
                patterns_of(way, value),
                ARMS,
                sgd,
                links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
                labels={"way": way, "hardness": float(value)},
            )
    return settings


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    search = (
        Search(n_max=64, per_octave=1, n_draws=2, min_draws=3, max_draws=3, precision=0.3)
        if quick
        else Search(n_max=512, n_draws=6, min_draws=12, max_draws=20, precision=0.15)
    )
    return SampleStudy(
        families(quick), EPSILON, search, n_test=1000, measure=measure,
        column="balanced_error",
    )  # fmt: skip


def measure(run, test, train):
    errors = [run.error(test[test.labels == sign]) for sign in (1, -1)]
    return {"balanced_error": math.fsum(errors) / 2, "steps": run.n_steps}
