"""N*(ε) on digits: dense over n, both pMoE trainings over l at the largest n.

Training ends at a mean training loss of 0.03, or after the given number of steps. Digits overlap
so much that a learning rate growing with the number of pooled patches switches all units off, so
it is 0.05; the soft gates of joint training bear 0.05 l.
"""

from moe_theory import SGD, DenseCNN, DigitPatches, JointMoE, SampleStudy, Search, SeparateMoE, grid


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    n = 8 if quick else 16
    sgd = SGD(
        0.05, batch_size=20, n_steps=4000 if quick else 20_000, stop_loss=0.03,
        router_learning_rate=0.2, router_n_epochs=100,
    )  # fmt: skip
    dense = grid(
        DigitPatches(),
        {"dense": DenseCNN(40, init_std=0.01)},
        sgd,
        axes={"data.n_patches": (2, 4, 8) if quick else (4, 8, 16)},
    )
    pmoe = grid(
        DigitPatches(n_patches=n),
        {"separate": SeparateMoE(2, 40, 1, init_std=0.01), "joint": JointMoE(8, 40, 1)},
        sgd,
        axes={"model.n_routed": (1, 2, 4) if quick else (1, 2, 4, 8), "model.n_experts": (2, 8)},
        links={
            "sgd.learning_rate": lambda at: 0.05 * (at["n_pooled"] if at["arm"] == "joint" else 1)
        },
        where=lambda at: at["model.n_experts"] == (8 if at["arm"] == "joint" else 2),
        labels={"n_patches": n},
    )
    search = (
        Search(n_max=640, per_octave=2, n_draws=5, min_draws=6, max_draws=8, precision=0.2)
        if quick
        else Search(n_max=1000, n_draws=8, min_draws=16, max_draws=24, precision=0.1)
    )
    return SampleStudy([*dense, *pmoe], (0.15, 0.1), search, n_test=1000)
