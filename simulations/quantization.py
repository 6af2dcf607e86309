"""Mixed precision: accuracy against average bits per expert weight, for every allocation.

Each class shows a frequent pattern with probability 1 − α and a rare one with probability α.
Accuracy is measured on frequent and on rare inputs, as many of each.
"""

from dataclasses import replace

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
)
from moe_theory.inference import SCORES, expert_scores, prune, quantize

EVEN = {
    "patterns": TaskPatterns(16, 64, 68, frequencies=(0.5, 0.5)),
    "digits": DigitTasks(DigitPatches(), frequencies=(0.5, 0.5)),
}
ALPHAS = (0.5, 0.1, 0.02)
LEVELS = {"two": (3, 1), "three": (4, 2, 1)}
BITS = (3.0, 2.75, 2.5, 2.25, 2.0, 1.75, 1.5, 1.25, 1.0)
UNIFORM = (8, 6, 5, 4, 3, 2, 1)
LIFT = 2.0


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    names, alphas = (("digits",), (0.5, 0.1)) if quick else (EVEN, ALPHAS)
    settings = [setting(name, alpha) for name in names for alpha in alphas]
    return Sweep(settings, n_test=200, n_draws=3 if quick else 20, measure=MEASURES[scale])


def setting(name: str, alpha: float) -> Setting:
    data = replace(EVEN[name], frequencies=(1 - alpha, alpha))
    std = data.patch_dim**-0.5
    model = JointMoE(16, 64, 4, output_weights="expert_signs", init_std=std / 2,
                     router_init_std=std)  # fmt: skip
    # Small enough a loss that the rare inputs are fitted too.
    sgd = SGD(0.8, 20, n_steps=10_000, stop_loss=min(0.03, 0.3 * alpha))
    return Setting({"data": name, "alpha": alpha}, data, model, sgd, 2000)


def measure(run, test, train, n_test=2000, bits=BITS, levels=LEVELS):
    """Quantize in every way; accuracies are pairs (frequent, rare) for each number of bits.

    Columns that begin with ``pruned`` are those of the network without the experts that carry no
    discriminative pattern.
    """
    law = EVEN["patterns" if test.image_shape is None else "digits"]
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    fresh = law.sample(n_test, seed, split="test")
    parts = [fresh.subset(np.flatnonzero(fresh.tasks == task)) for task in (0, 1)]
    few = train.subset(range(500))
    gates = [most_gate(run, part) for part in parts]
    largest = np.maximum(*gates)
    idle = np.count_nonzero(largest <= 0.5) / len(largest)
    small = prune(run, min(idle, 1 - 1 / len(largest)), largest)
    columns = {"steps": run.n_steps} | carriers(run, gates)
    for prefix, network in (("", run), ("pruned_", small)):
        found = accuracies(network, parts, few, seed, bits, levels)
        columns |= {prefix + name: value for name, value in found.items()}
    return columns


def measure_quick(run, test, train):
    few = {"two": LEVELS["two"]}
    return measure(run, test, train, n_test=600, bits=BITS[::2], levels=few)


MEASURES = {"quick": measure_quick, "full": measure}


def accuracies(network, parts, few, seed, bits, levels):
    """Return the accuracy on every part for every allocation and number of bits."""

    def accuracy(coarse):
        return [1 - coarse.error(part) for part in parts]

    columns = {"exact": accuracy(network)}
    columns["uniform"] = [accuracy(quantize(network, width)) for width in UNIFORM]
    for score in SCORES:
        values = expert_scores(network, score, data=few, seed=seed)
        # Small changes of router norms get more bits, all other scores the other way round.
        values = -values if score == "router_norm_change" else values
        lifts = (None, LIFT) if score == "router_norm_change" else (None,)
        for name, widths in levels.items():
            for lift in lifts:
                columns[f"{score}{'_lift' if lift else ''}_{name}"] = [
                    accuracy(quantize(network, b, allocation=values, levels=widths, lift=lift))
                    for b in bits
                ]
    return columns


def most_gate(run, part):
    """Return the mean gate of the discriminative patch, of the class for which it is larger."""
    metrics = run.routing(part)
    return np.maximum(metrics.gate_positive, metrics.gate_negative)


def carriers(run, gates):
    """Return Δ_s and weight norms of experts that carry frequent, only rare, or no patterns."""
    frequent, rare = (gate > 0.5 for gate in gates)
    norms = expert_scores(run, "weight_magnitude")
    columns = {}
    for name, which in (
        ("frequent", frequent),
        ("rare", rare & ~frequent),
        ("none", ~(frequent | rare)),
    ):
        columns[f"n_{name}"] = int(which.sum())
        columns[f"change_{name}"] = run.router_norm_change[which]
        columns[f"norm_{name}"] = norms[which]
    return columns
