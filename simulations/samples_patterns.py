"""N*(ε) on orthonormal patterns: dense over n, both pMoE trainings over l, joint also over k.

p = 256 irrelevant patterns, balanced classes. Training ends at a mean training loss of 0.03, or
after 20,000 steps. The learning rate is 0.2 times the number of pooled patches, so that one patch
moves the weights by the same amount in all networks.
"""

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleStudy,
    Search,
    SeparateMoE,
    grid,
)


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    sgd = SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    links = {"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]}
    sizes = (16, 32, 64, 128) if quick else (12, 16, 24, 32, 48, 64, 96, 128)
    dense = grid(
        patterns,
        {"dense": DenseCNN(40, init_std=0.01)},
        sgd,
        axes={"data.n_patches": sizes},
        links=links,
    )
    pmoe = grid(
        patterns,
        {"separate": SeparateMoE(2, 40, 1, init_std=0.01), "joint": JointMoE(8, 40, 1)},
        sgd,
        axes={
            "model.n_routed": (1, 2, 4, 8, 16, 32),
            "model.n_experts": (2, 4, 8) if quick else (2, 4, 8, 20),
        },
        links=links,
        where=lambda at: is_wanted(at["arm"], at["model.n_routed"], at["model.n_experts"], quick),
        labels={"n_patches": 64},
    )
    search = (
        Search(n_max=640, per_octave=2, n_draws=6, min_draws=8, max_draws=10, precision=0.2)
        if quick
        else Search(n_max=1280, n_draws=12, min_draws=30, max_draws=48, precision=0.1)
    )
    epsilon = (0.2, 0.1, 0.05) if quick else (0.2, 0.1, 0.05, 0.02)
    return SampleStudy([*dense, *pmoe], epsilon, search, n_test=1000)


def is_wanted(arm: str, n_routed: int, n_experts: int, quick: bool) -> bool:
    """All l with 2 experts (separate) or 8 (joint), and joint training at l = 4 with all k."""
    if arm == "separate":
        return n_experts == 2
    dear = n_routed in (1, 32)  # l = 1 never succeeds; l = 32 takes a tenth of a millisecond a step
    return (n_experts == 8 and not (quick and dear)) or n_routed == 4
