"""Separate training whose routers learn from the training samples, a part of them, or others.

The test error of pMoE over N, with the dense network beside it. "held_out" gives the routers N
further samples; "split" gives them half of the N, and the experts the other half.
"""

from moe_theory import SGD, DenseCNN, DigitPatches, PatchPatterns, SeparateMoE, Sweep, grid

SOURCES = ("train", "split", "held_out")


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    sgd = SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    sizes = (
        (10, 20, 40, 80, 160, 320) if quick else (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320)
    )
    how = {
        "n_train": sizes if quick else (*sizes, 14, 28, 56, 112, 224),
        "links": {"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        "labels": {"data": "patterns", "n_patches": 64},
    }
    dense = grid(patterns, {"dense": DenseCNN(40, init_std=0.01)}, sgd, **how)
    axes = {"model.n_routed": (2, 8, 16, 32), "sgd.router_samples": SOURCES}
    arms = {"separate": SeparateMoE(2, 40, 1, init_std=0.01)}
    separate = grid(patterns, arms, sgd, axes=axes, **how)
    n = 8
    digits = DigitPatches(n_patches=n)
    sgd = SGD(
        0.05, batch_size=20, n_steps=2000 if quick else 4000, stop_loss=0.03,
        router_learning_rate=0.2, router_n_epochs=100,
    )  # fmt: skip
    how = {
        "n_train": (25, 50, 100, 200, 400),
        "labels": {"data": "digits", "n_patches": n},
    }
    axes = {"model.n_routed": (1, 2, 4), "sgd.router_samples": SOURCES}
    digits_dense = grid(digits, {"dense": DenseCNN(40, init_std=0.01)}, sgd, **how)
    digits_separate = grid(digits, arms, sgd, axes=axes, **how)
    settings = [*dense, *separate, *digits_dense, *digits_separate]
    return Sweep(settings, n_test=1000, n_draws=6 if quick else 40)
