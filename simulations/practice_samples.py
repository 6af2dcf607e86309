"""N*(ε) of token choice with options of `practice.py`, over patches per input and experts.

One patch in n tells the label. Networks have 64 hidden units in all; each patch chooses one expert.
"""

from dataclasses import replace

from moe_theory import (
    SGD,
    DenseCNN,
    PatchPatterns,
    SampleStudy,
    Search,
    TokenChoiceMoE,
    grid,
)

SIZES = (16, 32, 64, 128)
EXPERTS = (4, 8, 16, 32)
USUAL_SIZE, USUAL_EXPERTS = 32, 8
CHANGES = {
    "base": {},
    "balance": {"balance_weight": 0.1},
    "bias": {"bias_rate": 0.01},
    "noise": {},
}


def arms_of(n_experts: int, sgd: SGD) -> dict:
    base = TokenChoiceMoE(n_experts, 64)
    noisy = replace(base, noise="gaussian")
    arms = {"dense": (DenseCNN(64, init_std=0.01), sgd)} if n_experts == USUAL_EXPERTS else {}
    for arm, changes in CHANGES.items():
        arms[arm] = noisy if arm == "noise" else base, replace(sgd, **changes)
    return arms


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    sgd = SGD(1.0, batch_size=20, n_steps=1000 if quick else 2000, stop_loss=0.03)
    points = [(n, USUAL_EXPERTS) for n in (SIZES[:2] if quick else SIZES)]
    points += [(USUAL_SIZE, k) for k in (EXPERTS[:1] if quick else EXPERTS) if k != USUAL_EXPERTS]
    settings = []
    for n, k in points:
        settings += grid(
            PatchPatterns(n, n_irrelevant=256, patch_dim=258),
            arms_of(k, sgd),
            links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
            labels={"n_patches": n, "n_experts": k},
        )
    search = (
        Search(n_max=64, per_octave=1, n_draws=2, min_draws=3, max_draws=3, precision=0.3)
        if quick
        else Search(n_max=1024, n_draws=6, min_draws=12, max_draws=24, precision=0.15)
    )
    return SampleStudy(settings, 0.1, search, n_test=1000)
