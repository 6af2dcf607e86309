"""Pruning after fine-tuning: accuracy against the fraction of experts left out, for every score.

Networks learn several tasks, of which one is seen often or hardly ever, and are fine-tuned on
this one. Then experts are left out, by each score, with and without further fine-tuning.
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
from moe_theory.inference import SCORES, expert_scores, fine_tune, footprint, prune

N_TASKS = 3
REGIMES = (("often", "hinge"), ("seldom", "hinge"), ("seldom", "logistic"))
SEEN = {"often": 1 / 3, "seldom": 0.02}
TASKS = {
    "patterns": TaskPatterns(16, 128, 134, frequencies=(1.0, 0.0, 0.0)),
    "digits": DigitTasks(DigitPatches(), others=((7, 6), (9, 4)), frequencies=(1.0, 0.0, 0.0)),
}
RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.8125, 0.875, 0.90625, 0.9375, 0.96875)
TUNED = (0.5, 0.75, 0.8125, 0.875, 0.90625, 0.9375)
QUICK = ("router_norm_change", "random")


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting(name, seen, loss)
        for name in TASKS
        for seen, loss in (REGIMES[:2] if quick else REGIMES)
    ]
    return Sweep(settings, n_test=1000, n_draws=3 if quick else 20, measure=MEASURES[scale])


def setting(name: str, seen: str, loss: str) -> Setting:
    first = SEEN[seen]
    rest = (1 - first) / (N_TASKS - 1)
    data = replace(TASKS[name], frequencies=(first,) + (rest,) * (N_TASKS - 1))
    # Routers of norm 1 and experts of norm 1/2, whatever d.
    std = data.patch_dim**-0.5
    rate = {"patterns": 0.2, "digits": 0.05}[name]
    model = JointMoE(32, 128, 4, output_weights="expert_signs", init_std=std / 2,
                     router_init_std=std)  # fmt: skip
    sgd = SGD(4 * rate, 20, n_steps=4000, loss=loss, stop_loss=0.1, router_learning_rate=20 * rate)
    return Setting({"data": name, "seen": seen, "loss": loss}, data, model, sgd, 1000)


def measure(run, test, train, scores=SCORES):
    """Fine-tune on task 0, then prune by every score; accuracies are lists over the ratios."""
    task = TASKS["patterns" if test.image_shape is None else "digits"]
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    own, fresh = task.sample(300, seed), task.sample(1000, seed, split="test")
    sgd = replace(run.sgd, n_steps=2000, stop_loss=0.01)
    tuned = fine_tune(run, own, sgd, seed)
    columns = {
        "before": 1 - run.error(fresh),
        "accuracy": 1 - tuned.error(fresh),
        "irrelevant": float(np.mean(~relevant(tuned, fresh))),
    }
    for score in SCORES:
        values = expert_scores(tuned, score, data=own, seed=seed)
        pruned = [prune(tuned, ratio, values) for ratio in RATIOS]
        columns[score] = [1 - small.error(fresh) for small in pruned]
        if score == SCORES[0]:
            sizes = [footprint(small) for small in pruned]
            columns["kilobytes"] = [size.kilobytes for size in sizes]
            columns["flops"] = [size.flops for size in sizes]
        if score in scores:
            again = [fine_tune(pruned[RATIOS.index(ratio)], own, sgd, seed) for ratio in TUNED]
            columns[f"{score}_tuned"] = [1 - small.error(fresh) for small in again]
    return columns


def measure_quick(run, test, train):
    return measure(run, test, train, scores=QUICK)


MEASURES = {"quick": measure_quick, "full": measure}


def relevant(run, data):
    """Return which experts give the discriminative patch of a class most of their gate."""
    metrics = run.routing(data)
    return np.maximum(metrics.gate_positive, metrics.gate_negative) > 0.5
