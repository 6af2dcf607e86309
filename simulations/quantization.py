"""Mixed precision: accuracy against average bits per expert weight, for every allocation.

Each class shows a frequent pattern with probability 1 − α and a rare one with probability α.
Accuracy is measured on frequent and on rare inputs, as many of each. The claim is that experts
whose routers changed least need most bits; beside it, the same with the lift of experts of large
variance, the same with experts that carry no pattern last, and the reverse.
"""

from dataclasses import replace
from itertools import product

import numpy as np
from numpy.random import SeedSequence

from moe_theory import (
    SGD,
    DigitPatches,
    DigitTasks,
    JointMoE,
    Setting,
    Sweep,
    TaskPatterns,
    TokenChoiceMoE,
)
from moe_theory.inference import SCORES, expert_scores, quantize, rounding_noise

EVEN = {
    "patterns": TaskPatterns(16, 64, 68, frequencies=(0.5, 0.5)),
    "digits": DigitTasks(DigitPatches(), frequencies=(0.5, 0.5)),
}
ALPHAS = (0.5, 0.1, 0.02)
ROUTING = ("expert choice", "token choice")
LEVELS = {"two": (3, 1), "three": (4, 2, 1)}
BITS = (3.0, 2.75, 2.5, 2.25, 2.0, 1.75, 1.5, 1.25, 1.0)
UNIFORM = (8, 6, 5, 4, 3, 2, 1)
LIFT = 2.0


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    cells = [("digits", alpha) for alpha in ((0.1,) if quick else ALPHAS)]
    if not quick:
        cells.append(("patterns", 0.1))
    settings = [setting(*cell, routing) for cell, routing in product(cells, ROUTING)]
    return Sweep(settings, n_test=200, n_draws=3 if quick else 12, measure=MEASURES[scale])


def setting(name: str, alpha: float, routing: str) -> Setting:
    data = replace(EVEN[name], frequencies=(1 - alpha, alpha))
    # Routers of norm 1 and units of norm 1/2, whatever d.
    std = data.patch_dim**-0.5
    shared = {"init_std": std / 2, "router_init_std": std}
    rate = {"patterns": 0.2, "digits": 0.05}[name]
    if routing == "expert choice":
        model = JointMoE(16, 64, 4, output_weights="expert_signs", **shared)
        rate *= 4
    else:
        # A patch reaches two experts only, so that these need units of both signs, and more.
        model = TokenChoiceMoE(16, 128, 2, **shared)
        rate *= 16
    # Small enough a loss that the rare inputs are fitted too.
    sgd = SGD(rate, 20, n_steps=10_000, stop_loss=min(0.03, 0.3 * alpha))
    labels = {"data": name, "routing": routing, "alpha": alpha}
    return Setting(labels, data, model, sgd, 2000)


def measure(run, test, train, n_test=1200, bits=BITS, levels=LEVELS):
    """Quantize in every way; accuracies are pairs (frequent, rare) for each number of bits."""
    law = EVEN["patterns" if test.image_shape is None else "digits"]
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    fresh = law.sample(n_test, seed, split="test")
    parts = [fresh.subset(np.flatnonzero(fresh.tasks == task)) for task in (0, 1)]

    def accuracy(network):
        return [1 - network.error(part) for part in parts]

    frequent, rare = (most_gate(run, part) > 0.5 for part in parts)
    columns = {"steps": run.n_steps, "exact": accuracy(run)} | carriers(run, frequent, rare)
    columns["uniform"] = [accuracy(quantize(run, width)) for width in UNIFORM]
    ranked = ranks(run, train.subset(range(500)), seed, frequent | rare)
    for name, widths in levels.items():
        for way, (values, lift) in ranked.items():
            columns[f"{way}_{name}"] = [
                accuracy(quantize(run, b, allocation=values, levels=widths, lift=lift))
                for b in bits
            ]
    return columns


def measure_quick(run, test, train):
    few = {"two": LEVELS["two"]}
    return measure(run, test, train, n_test=600, bits=BITS[::2], levels=few)


MEASURES = {"quick": measure_quick, "full": measure}


def ranks(run, few, seed, carries):
    """Return what ranks experts, most bits first, in every way, with ζ where experts are lifted."""
    scores = {score: expert_scores(run, score, data=few, seed=seed) for score in SCORES}
    change = scores.pop("router_norm_change")
    idle_last = np.where(carries, -change, -np.ptp(change) - change)
    return {
        "smallest_change": (-change, None),
        "smallest_change_lift": (-change, LIFT),
        "smallest_change_idle_last": (idle_last, None),
        "largest_change": (change, None),
        "rounding_noise": (rounding_noise(run, 1, few), None),
    } | {score: (values, None) for score, values in scores.items()}


def most_gate(run, part):
    """Return the mean gate of the discriminative patch, of the class for which it is larger."""
    metrics = run.routing(part)
    return np.maximum(metrics.gate_positive, metrics.gate_negative)


def carriers(run, frequent, rare):
    """Return Δ_s and weight norms of experts that carry frequent, only rare, or no patterns."""
    groups = {"frequent": frequent, "rare": rare & ~frequent, "none": ~(frequent | rare)}
    norms = expert_scores(run, "weight_magnitude")
    columns = {}
    for name, which in groups.items():
        columns[f"n_{name}"] = int(which.sum())
        columns[f"change_{name}"] = run.router_norm_change[which]
        columns[f"norm_{name}"] = norms[which]
    return columns
