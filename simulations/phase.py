"""Where separate training succeeds: trials over N and the number l of routed patches.

A trial succeeds if its test error is at most 5 % (patterns) or 10 % (digits). Training ends at a
mean training loss of 0.03, or after the given steps. On orthonormal patterns the learning rate is
0.2 l, so that a routed patch moves the weights by the same amount whatever l is; digits overlap so
much that a rate growing with l switches all units off, and there it is 0.05.
"""

from moe_theory import SGD, DigitPatches, PatchPatterns, SeparateMoE, Sweep, grid

PATTERNS = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
DIGITS = DigitPatches(n_patches=16)


def measure(run, test, train):
    error = run.history.test_error[-1]
    target = 0.1 if test.image_shape else 0.05
    own = run.routing(test).own
    return {"test_error": error, "success": error <= target, "router_success": own}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    arms = {"separate": SeparateMoE(2, 40, 1, init_std=0.01)}
    patterns = grid(
        PATTERNS,
        arms,
        SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03),
        n_train=(6, 10, 16, 24, 40, 60, 100, 160)
        if quick
        else (4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 60, 80, 100, 130, 160, 200, 240, 320),
        axes={"model.n_routed": (1, 2, 4, 8, 16, 32, 64)},
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        labels={"data": "patterns", "n_patches": 64, "target": 0.05},
    )
    digits = grid(
        DIGITS,
        arms,
        SGD(
            0.05, batch_size=20, n_steps=2000 if quick else 7500,
            router_learning_rate=0.2, router_n_epochs=100, stop_loss=0.03,
        ),
        n_train=(20, 40, 80, 160, 320)
        if quick
        else (20, 40, 80, 160, 320, 640),
        axes={"model.n_routed": (1, 2, 4, 8) if quick else (1, 2, 4, 8, 12, 16)},
        labels={"data": "digits", "n_patches": 16, "target": 0.1},
    )  # fmt: skip
    return Sweep([*patterns, *digits], n_test=500, n_draws=10 if quick else 20, measure=measure)
