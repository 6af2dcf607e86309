"""Mixed precision: accuracy at each average of bits, for every way to spend them.

Each class shows a frequent pattern with probability 1 − α and a rare one with probability α.
Accuracy is measured on frequent and on rare inputs, as many of each. P26 gives most bits to the
experts whose routers changed least, after a lift of experts of large variance. Beside it stand
its competitors, the reverse order, and orders of our own; all get the released code's numbers of
experts at each width. Every allocation is a sum of what experts add at each width.
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
    TokenChoiceMoE,
)
from moe_theory.inference import (
    SCORES,
    expert_contributions,
    expert_scores,
    largest_variances,
    released_bits,
    rounding_noise,
)

LAW = DigitTasks(DigitPatches(), frequencies=(0.5, 0.5))
ALPHAS = (0.5, 0.1, 0.02)
ROUTING = ("expert choice", "token choice")
QUANTIZERS = ("gptq", "gptq_released", "hqq", "range")
LEVELS = {"two": (3, 1), "three": (3, 2, 1)}
BITS = (2.5, 2.25, 2.0, 1.75, 1.5)
UNIFORM = (1, 2, 3)
EXACT, OUR_LIFT = 32, 2.0


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    alphas = (0.1,) if quick else ALPHAS
    settings = [setting(alpha, routing) for alpha, routing in product(alphas, ROUTING)]
    return Sweep(settings, n_test=200, n_draws=8 if quick else 200, measure=measure)


def setting(alpha: float, routing: str) -> Setting:
    data = replace(LAW, frequencies=(1 - alpha, alpha))
    # Routers of norm 1 and units of norm 1/2.
    std = data.patch_dim**-0.5
    shared = {"init_std": std / 2, "router_init_std": std}
    if routing == "expert choice":
        model = JointMoE(16, 64, 4, output_weights="expert_signs", **shared)
        rate = 0.2
    else:
        # A patch reaches two experts only, so that these need units of both signs, and more.
        model = TokenChoiceMoE(16, 128, 2, **shared)
        rate = 0.8
    # Small enough a loss that the rare inputs are fitted too.
    sgd = SGD(rate, 20, n_steps=10_000, stop_loss=min(0.03, 0.3 * alpha))
    return Setting({"routing": routing, "alpha": alpha}, data, model, sgd, 2000)


def measure(run, test, train):
    """Return accuracies as pairs (frequent, rare), for each number of bits where there are any."""
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    fresh = LAW.sample(800, seed, split="test")
    few = train.subset(range(500))
    parts = [fresh.subset(np.flatnonzero(fresh.tasks == task)) for task in (0, 1)]
    frequent, rare = (most_gate(run, part) > 0.5 for part in parts)
    columns = {"steps": run.n_steps, "exact": [1 - run.error(part) for part in parts]}
    columns |= carriers(run, frequent, rare)
    ranked = orders(run, few, seed, frequent | rare)
    for quantizer in QUANTIZERS:
        ranked["rounding_noise"] = {"order": rounding_noise(run, 1, few, quantizer)}
        widths = (*UNIFORM, EXACT)
        whole = expert_contributions(run, fresh, widths, quantizer=quantizer, calibration=few)
        split = [whole.subset(np.flatnonzero(fresh.tasks == task)) for task in (0, 1)]
        named = allocations(run, ranked)
        columns |= {
            f"{quantizer}_{name}": np.stack([part.accuracy(bits) for part in split], axis=-1)
            for name, bits in named.items()
        }
    return columns


def allocations(run, ranked):
    """Return the bits of all experts by name, a row for each average of `BITS`."""
    named = {"uniform": [[width] * run.model.n_experts for width in UNIFORM]}
    for (levels, widths), (way, options) in product(LEVELS.items(), ranked.items()):
        named[f"{levels}_{way}"] = [
            released_bits(run, average, levels=widths, **options) for average in BITS
        ]
    return named


def orders(run, few, seed, carries):
    """Return the arguments of `released_bits` for every way to rank experts."""
    change = run.router_norm_change
    behind = -np.ptp(change) - change
    variances = largest_variances(run)
    large = variances > OUR_LIFT * np.median(variances)
    scores = {name: expert_scores(run, name, data=few, seed=seed) for name in SCORES}
    return {
        "smallest_change": {"zeta": None},
        "released_lift": {},
        "released_lift_norm": {"variance": "largest_norm"},
        "final_norm_lift": {"order": "router_norm"},
        "largest_change": {"order": scores.pop("router_norm_change")},
        "large_first": {"order": np.where(large, -change, behind)},
        "idle_last": {"order": np.where(carries, -change, behind)},
    } | {name: {"order": values} for name, values in scores.items()}


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
