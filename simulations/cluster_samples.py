"""N*(ε) of a mixture that routes whole inputs, on clusters, over the dimension of a patch."""

from moe_theory import SGD, ClusterSignal, SampleMoE, SampleStudy, Search, grid

STEP = {"learning_rate": 1e-3, "router_learning_rate": 0.1, "normalize_experts": True}


def experiment(scale: str) -> SampleStudy:
    quick = scale == "quick"
    return SampleStudy(
        grid(
            ClusterSignal(gamma=(0.5, 2.0)),
            {"mixture": SampleMoE(8, 128, activation="cubic", pooling="sum", init_std=1e-4)},
            SGD(batch_size=2**20, n_steps=300, **STEP),
            axes={"data.patch_dim": (25, 50, 100) if quick else (25, 50, 100, 200)},
            n_train=100,
        ),
        0.05,
        Search(n_max=512, per_octave=1, n_draws=3, min_draws=4, max_draws=4, precision=0.3)
        if quick
        else Search(n_max=8192, n_draws=8, min_draws=12, max_draws=24, precision=0.15),
        n_test=1000,
    )
