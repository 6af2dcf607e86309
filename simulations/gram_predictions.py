"""Predicted and simulated error where patterns are coupled or classes differ in size.

Settings are drawn at random, with a seed that stands here, and none is left out: what is new in the
data, the network, and how it is trained. N lie around the N at which a pilot of the prediction
found the error that was drawn. Predictions have no free parameter.
"""

import math

import numpy as np

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, Setting, Sweep
from moe_theory.predictions import trained_error

SEED, PER_KIND = 22, 8
DOMAINS, ARMS = ("classes", "delta_d", "closer", "all"), ("dense", "separate")
# N of the pilot for each setting, at least √2 times the fewest that are predicted.
PILOT = (
    60, 40, 31, 75, 18, 22, 50, 69, 45, 6, 34, 44, 37, 79, 44, 51,
    17, 8, 15, 19, 18, 26, 37, 40, 23, 25, 37, 10, 48, 30, 31, 13,
    22, 41, 31, 13, 40, 38, 10, 47, 35, 20, 75, 19, 27, 19, 17, 11,
    32, 60, 42, 145, 72, 33, 18, 38, 45, 37, 17, 23, 26, 166, 34, 28,
)  # fmt: skip
FACTORS = (1 / math.sqrt(2), 1.0, math.sqrt(2))
MOST_STEPS = 40_000
QUICK = (0, 8, 16, 24, 32, 40, 48, 56)


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        Setting(labels, patterns, network, sgd, n_train)
        for place, (labels, patterns, network, sgd) in enumerate(SETTINGS)
        if not quick or place in QUICK
        for n_train in sizes(PILOT[place])
    ]
    return Sweep(settings, n_test=500, n_draws=10 if quick else 30, measure=measure)


def sizes(n_train: int) -> list[int]:
    return sorted({max(4, 2 * round(n_train * factor / 2)) for factor in FACTORS})


def drawn_settings() -> list[tuple[dict, PatchPatterns, DenseCNN | SeparateMoE, SGD]]:
    rng = np.random.default_rng(SEED)
    return [
        drawn_setting(rng, number, domain, arm)
        for number, (domain, arm) in enumerate(
            (domain, arm) for domain in DOMAINS for arm in ARMS for _ in range(PER_KIND)
        )
    ]


def drawn_setting(rng, number: int, domain: str, arm: str):
    """Draw the data of a domain, a network and its training."""
    n = int(rng.choice((12, 16, 24, 32)))
    p = n * int(rng.choice((2, 4, 8)))
    m, batch = int(rng.choice((20, 40, 60))), int(rng.choice((10, 20, 40)))
    rate, stop = float(rng.choice((0.1, 0.2, 0.3))), float(rng.choice((0.03, 0.1)))
    n_routed = int(rng.choice((4, 8)))
    epsilon = round(float(np.exp(rng.uniform(math.log(0.04), math.log(0.15)))), 3)
    fraction, balanced = round(float(rng.uniform(0.15, 0.85)), 2), bool(rng.integers(2))
    delta_d = round(float(rng.uniform(-0.9, 0.8)), 2)
    closer = int(rng.integers(1, 4)), int(rng.integers(0, 4))
    closeness = round(float(rng.uniform(0.3, 1.0)), 2)
    most = (None, 1, 2)[int(rng.integers(3))]
    changes = {}
    if domain in {"classes", "all"}:
        changes |= {"positive_fraction": fraction, "balanced": balanced}
    if domain in {"delta_d", "all"}:
        changes |= {"delta_d": delta_d}
    if domain in {"closer", "all"}:
        changes |= {"n_closer": closer, "closeness": closeness, "max_closer": most}
    patterns = PatchPatterns(n, p, p + 2, **changes)
    pooled = n if arm == "dense" else n_routed
    network = (
        DenseCNN(m, init_std=0.01) if arm == "dense" else SeparateMoE(2, m, n_routed, init_std=0.01)
    )
    sgd = SGD(
        rate * pooled, batch_size=batch, n_steps=MOST_STEPS, router_n_epochs=100, stop_loss=stop
    )  # fmt: skip
    labels = {
        "number": number, "domain": domain, "arm": arm, "target": epsilon, "n_patches": n,
        "n_irrelevant": p, "n_routed": pooled, "n_hidden": m, "batch_size": batch, "rate": rate,
        "stop_loss": stop, "positive_fraction": patterns.positive_fraction,
        "balanced": patterns.balanced, "delta_d": patterns.delta_d,
        "n_closer": sum(patterns.n_closer), "closeness": patterns.closeness,
        "max_closer": patterns.most_closer,
    }  # fmt: skip
    return labels, patterns, network, sgd


SETTINGS = drawn_settings()


def measure(run, test, train):
    known = trained_error(patterns_of(run, test), run.model, run.sgd, run.n_train)
    return {
        "test_error": run.error(test),
        "steps": run.n_steps,
        "predicted": known.error,
        "predicted_se": known.standard_error,
        "predicted_steps": known.n_steps,
    }


def patterns_of(run, test) -> PatchPatterns:
    """Return the law that the data of a training were drawn from."""
    sizes_of = test.n_patches, test.n_patterns - 2
    (found,) = {
        patterns
        for place, (_, patterns, network, sgd) in enumerate(SETTINGS)
        if (network, sgd) == (run.model, run.sgd)
        and (patterns.n_patches, patterns.n_irrelevant) == sizes_of
        and run.n_train in sizes(PILOT[place])
        and np.array_equal(patterns.dictionary, test.dictionary)
    }
    return found
