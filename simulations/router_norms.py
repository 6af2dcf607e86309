"""How far router norms move in fine-tuning, and how few experts then suffice.

A network that saw the task in 2 % of its inputs is fine-tuned on it, while one size grows: the
dimension with as many patterns, the number of experts, or the number of patches that an expert
receives, and with it the fraction of experts that the task concerns.
"""

from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence

from moe_theory import SGD, JointMoE, Setting, Sweep, TaskPatterns
from moe_theory.inference import fine_tune, prune, router_proficiency

SEEN = (0.02, 0.49, 0.49)
SIZES = {
    "patch_dim": (36, 68, 132, 260, 516),
    "n_experts": (8, 16, 32, 64),
    "n_routed": (2, 4, 8, 16),
}
KEPT = (2, 3, 4, 6, 8, 12, 16)


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting(size, value, loss)
        for loss in (("hinge",) if quick else ("hinge", "logistic"))
        for size, values in SIZES.items()
        for value in (values[:3] if quick else values)
    ]
    return Sweep(settings, n_test=100, n_draws=3 if quick else 16, measure=measure)


def setting(size: str, value: int, loss: str) -> Setting:
    at = {"patch_dim": 132, "n_experts": 32, "n_routed": 4} | {size: value}
    d, k, n_routed = at.values()
    data = TaskPatterns(16, d - 6, d, frequencies=SEEN)
    model = JointMoE(k, 4 * k, n_routed, output_weights="expert_signs", init_std=d**-0.5 / 2,
                     router_init_std=d**-0.5)  # fmt: skip
    sgd = SGD(0.2 * n_routed, 20, n_steps=4000, loss=loss, stop_loss=0.1,
              router_learning_rate=n_routed)  # fmt: skip
    return Setting({"size": size, "value": value, "loss": loss}, data, model, sgd, 1000)


def measure(run, test, train):
    """Fine-tune on task 0, measure Δ_s, then look for the fewest experts that keep accuracy.

    Experts are told apart by the gate that they give the task's patch, and by P24's proficiency.
    """
    d = run.patch_dim
    task = TaskPatterns(run.n_patches, d - 6, d, frequencies=SEEN).only(0)
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=(*key, 1))
    own, fresh = task.sample(300, seed), task.sample(1000, seed, split="test")
    sgd = replace(run.sgd, n_steps=2000, stop_loss=0.01)
    tuned = fine_tune(run, own, sgd, seed)
    metrics, before = tuned.routing(fresh), run.routing(fresh)
    carries = np.maximum(metrics.gate_positive, metrics.gate_negative) > 0.5
    receives = np.maximum(received(before), received(metrics)) > 0.5
    change, k = tuned.router_norm_change, run.model.n_experts
    proficiency = router_proficiency(tuned, fresh).max(axis=1)
    # P24's line: relevant experts find the patch for good, irrelevant ones at a rate of 1/d.
    relevant, hardly = proficiency >= 0.5, proficiency <= 1 / d
    return {
        "accuracy": 1 - tuned.error(fresh),
        "irrelevant": 1 - float(carries.mean()),
        "never": 1 - float((carries | receives).mean()),
        "carries_change": mean(change[carries]),
        "receives_change": mean(np.abs(change[receives & ~carries])),
        "never_change": mean(np.abs(change[~receives & ~carries])),
        "not_proficient": 1 - float(relevant.mean()),
        "proficient_change": mean(change[relevant]),
        "hardly_change": mean(np.abs(change[hardly])),
        "kept": fewest(range(1, k + 1), lambda n: prune(tuned, 1 - n / k), tuned, fresh) / k,
        "kept_tuned": fewest(
            [n for n in KEPT if n < k] + [k],
            lambda n: fine_tune(prune(tuned, 1 - n / k), own, sgd, seed),
            tuned,
            fresh,
        )
        / k,
    }


def received(metrics):
    """Return how often each expert receives the discriminative patch of its better class."""
    return np.maximum(metrics.success_positive, metrics.success_negative)


def mean(values):
    return float(values.mean()) if len(values) else None


def fewest(counts, shrunk, whole, data):
    """Return the smallest count at which the shrunk network loses less than 1 % of accuracy."""
    for count in counts:
        if shrunk(count).error(data) - whole.error(data) < 0.01:
            return count
    return counts[-1]
