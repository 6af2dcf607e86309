"""Simulated error of joint training over N, beside tabulated predictions.

N runs from where an error of 20 % is predicted to where 2 % is, and some more on both sides. The
predictions have no free parameter.
"""

from moe_theory import Setting, Sweep
from moe_theory.advice import predicted_curve
from moe_theory.advice.conventions import network_of, patterns_of, training_of
from moe_theory.advice.interpolate import samples_and_steps

# (n, p/n, l, k).
NETWORKS = (
    (16, 4, 2, 8), (16, 4, 4, 8), (16, 4, 8, 8),
    (32, 4, 2, 8), (32, 4, 4, 8), (32, 4, 8, 8), (32, 4, 16, 8),
    (64, 4, 2, 8), (64, 4, 4, 8), (64, 4, 8, 8), (64, 4, 16, 8),
    (128, 2, 8, 8), (128, 2, 16, 8),
    (32, 4, 4, 2), (32, 4, 4, 20), (32, 4, 8, 2), (32, 4, 8, 20),
    (32, 2, 4, 8), (32, 8, 4, 8), (32, 2, 8, 8), (32, 8, 8, 8),
)  # fmt: skip
QUICK = ((16, 4, 4, 8), (32, 4, 4, 8), (32, 4, 8, 8))


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting for sizes in (QUICK if quick else NETWORKS) for setting in over_samples(*sizes)
    ]
    return Sweep(settings, n_test=500, n_draws=10 if quick else 60, measure=measure)


def over_samples(n: int, ratio: int, n_routed: int, k: int) -> list[Setting]:
    """Return one setting per N."""
    curve = predicted_curve(n, ratio, "joint", n_routed, k)
    first, last = (samples_and_steps(curve, epsilon)[0] for epsilon in (0.2, 0.02))
    labels = {"arm": "joint", "n_patches": n, "n_irrelevant": n * ratio, "n_routed": n_routed,
              "n_experts": k}  # fmt: skip
    return [
        Setting(labels, patterns_of(n, n * ratio), network_of("joint", n_routed, k),
                training_of(n_routed), size)
        for size in [point.n_train for point in curve]
        if first / 1.7 < size < 1.7 * min(last, 999)
    ]  # fmt: skip


def measure(run, test, train):
    n, p = test.n_patches, test.n_patterns - 2
    curve = predicted_curve(n, p // n, "joint", run.model.n_routed, run.model.n_experts)
    known = next(point for point in curve if point.n_train == run.n_train)
    return {
        "test_error": run.error(test),
        "steps": run.n_steps,
        "predicted": known.error,
        "predicted_se": known.standard_error,
        "predicted_steps": known.steps,
    }
