"""Pruning after fine-tuning: accuracy against the fraction of experts left out, for every score.

Networks learn several tasks, of which one is seen often or hardly ever, and are fine-tuned on
this one. Then experts are left out, by each score, with and without further fine-tuning. Where
patches choose experts, the routers of those left out stay, as published, or go.
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
    TokenChoiceMoE,
)
from moe_theory.inference import (
    SCORES,
    expert_contributions,
    expert_scores,
    fine_tune,
    footprint,
    prune,
    router_proficiency,
)

N_TASKS, N_EXPERTS = 3, 32
ROUTING = ("expert choice", "token choice")
REGIMES = (("often", "hinge"), ("seldom", "hinge"), ("seldom", "logistic"))
SEEN = {"often": 1 / 3, "seldom": 0.02}
TASKS = {
    "patterns": TaskPatterns(16, 128, 134, frequencies=(1.0, 0.0, 0.0)),
    "digits": DigitTasks(DigitPatches(), others=((7, 6), (9, 4)), frequencies=(1.0, 0.0, 0.0)),
}
RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.8125, 0.875, 0.90625, 0.9375, 0.96875)
COMPARED = (0.5, 0.75, 0.875, 0.9375)
TUNED = (0.75, 0.9375)
EXACT = 32


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting(name, routing, seen, loss)
        for name in TASKS
        for routing in ROUTING
        for seen, loss in REGIMES
        # P24's loss is the hinge; the other one is tried where experts choose.
        if loss == "hinge" or (routing == ROUTING[0] and not quick)
    ]
    return Sweep(settings, n_test=200, n_draws=4 if quick else 200, measure=measure)


def setting(name: str, routing: str, seen: str, loss: str) -> Setting:
    first = SEEN[seen]
    rest = (1 - first) / (N_TASKS - 1)
    data = replace(TASKS[name], frequencies=(first,) + (rest,) * (N_TASKS - 1))
    # Routers of norm 1 and experts of norm 1/2, whatever d.
    std = data.patch_dim**-0.5
    shared = {"init_std": std / 2, "router_init_std": std}
    rate = {"patterns": 0.2, "digits": 0.05}[name]
    if routing == "expert choice":
        model = JointMoE(N_EXPERTS, 128, 4, output_weights="expert_signs", **shared)
        rates = {"learning_rate": 4 * rate, "router_learning_rate": 20 * rate}
    else:
        # A patch reaches two experts only, so that these need units of both signs, and more.
        model = TokenChoiceMoE(N_EXPERTS, 256, 2, **shared)
        rates = {"learning_rate": 16 * rate}
    sgd = SGD(batch_size=20, n_steps=4000, loss=loss, stop_loss=0.1, **rates)
    labels = {"data": name, "routing": routing, "seen": seen, "loss": loss}
    return Setting(labels, data, model, sgd, 1000)


def measure(run, test, train):
    """Fine-tune on task 0, then prune by every score; accuracies are lists over the ratios."""
    task = TASKS["patterns" if test.image_shape is None else "digits"]
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    own, fresh = task.sample(300, seed), task.sample(1000, seed, split="test")
    sgd = replace(run.sgd, n_steps=2000, stop_loss=0.01)
    tuned = fine_tune(run, own, sgd, seed)
    parts = expert_contributions(tuned, fresh, (0, EXACT))
    columns = {"before": 1 - run.error(fresh), "accuracy": 1 - tuned.error(fresh)}
    columns |= at_irrelevant(tuned, fresh, parts)
    sizes = [footprint(prune(tuned, ratio)) for ratio in COMPARED]
    columns["kilobytes"] = [size.kilobytes for size in (footprint(tuned), *sizes)]
    columns["flops"] = [size.flops for size in (footprint(tuned), *sizes)]
    for score in SCORES:
        values = expert_scores(tuned, score, data=own, seed=seed)
        pruned = [n_pruned(ratio) for ratio in RATIOS]
        columns[score] = parts.accuracy([without_least(values, n) for n in pruned])
        again = [fine_tune(prune(tuned, ratio, values), own, sgd, seed) for ratio in TUNED]
        columns[f"{score}_tuned"] = [accuracy(small, fresh) for small in again]
        if isinstance(run.model, TokenChoiceMoE):
            gone = [prune(tuned, ratio, values, keep_routers=False) for ratio in COMPARED]
            columns[f"{score}_routers_go"] = [accuracy(small, fresh) for small in gone]
        else:
            columns[f"{score}_routers_go"] = None
    return columns


def accuracy(network, data):
    """Return the fraction of inputs with y f > 0, of networks that may be dead on most of them."""
    return float(np.mean(data.labels * network.predict(data) > 0))


def n_pruned(ratio):
    return round(ratio * N_EXPERTS)


def without_least(values, n):
    """Return the widths of all experts where the n of the smallest values are pruned."""
    bits = np.full(len(values), EXACT)
    bits[np.argsort(-values, kind="stable")[len(values) - n :]] = 0
    return bits


def at_irrelevant(run, data, parts):
    """Return γ by two lines, and accuracy where so many experts of least Δ_s are pruned.

    Ours: the expert gives the discriminative patch of a class half of its gate, on average. P24's:
    its router gives the patch a gate of at least 1/l for half of the inputs of a class. Where
    patches choose, the gate of its two experts takes the place of 1/l.
    """
    metrics = run.routing(data)
    gate = np.maximum(metrics.gate_positive, metrics.gate_negative)
    least = 1 / run.model.n_chosen if isinstance(run.model, TokenChoiceMoE) else None
    lines = {
        "gate": gate > 0.5,
        "proficient": router_proficiency(run, data, least).max(axis=1) >= 0.5,
    }
    columns = {}
    for name, relevant in lines.items():
        n = min(int(np.sum(~relevant)), N_EXPERTS - 1)
        columns[f"gamma_{name}"] = n / N_EXPERTS
        columns[f"at_gamma_{name}"] = parts.accuracy(without_least(run.router_norm_change, n))
    return columns
