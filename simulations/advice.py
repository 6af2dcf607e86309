"""All networks that `advise` chooses from, trained on data models that its table does not hold.

N spans a factor of four around the predicted N*(5 %) of each network; where the prediction is
wrong, ε is not enclosed, and the figure says so.
"""

import math

from moe_theory import PatchPatterns, Setting, Sweep
from moe_theory.advice import predicted_samples
from moe_theory.advice.conventions import SIZES, network_of, training_of

HELD_OUT = ((24, 72), (24, 144), (48, 144), (48, 288))
EPSILON = 0.05


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting
        for n, p in (HELD_OUT[2:3] if quick else HELD_OUT)
        for setting in around_predicted(n, p, (8,) if quick else (2, 8, 20))
    ]
    return Sweep(settings, n_test=500, n_draws=8 if quick else 20, measure=measure)


def around_predicted(n: int, p: int, joint_experts: tuple[int, ...]) -> list[Setting]:
    """Return settings of all networks at several N each."""
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
    settings = []
    for known in predicted_samples(patterns, EPSILON):
        if known.arm == "joint" and known.n_experts not in joint_experts:
            continue
        labels = {"arm": known.arm, "n_patches": n, "n_irrelevant": p,
                  "n_routed": known.n_routed, "n_experts": known.n_experts}  # fmt: skip
        network = network_of(known.arm, known.n_routed, known.n_experts)
        middle = min(known.samples, SIZES[-1])
        settings += [
            Setting(labels, patterns, network, training_of(known.n_routed), size)
            for size in SIZES
            if abs(math.log(size / middle)) < math.log(2.1)
        ]
    return settings


def measure(run, test, train):
    return {"test_error": run.error(test), "steps": run.n_steps, "flops": run.flops.total}
