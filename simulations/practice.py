"""What options of routing as it is practised do to the operations until a network errs little.

The base is a token-choice network of 8 experts of 5 units, of which every patch chooses one, with
the softmax before the choice, as in Switch transformers. Every other arm changes one thing, or
what a published system changes together. Dense networks have as many units, or those of one expert.
Options change the size of the gates, so that all arms train at several learning rates, of which
the best counts. Samples, batches and initial weights of a draw are the same for all arms.
"""

import math
from dataclasses import replace

import numpy as np

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    Sweep,
    TaskPatterns,
    TokenChoiceMoE,
    expert_load,
    grid,
)

DATA = ("patterns", "tasks", "digits")
# Times the usual rate.
RATES = {
    "patterns": (4.0, 16.0, 64.0),
    "tasks": (4.0, 16.0, 64.0),
    "digits": (0.25, 1.0, 4.0, 16.0),
}
N_TRAIN = {"patterns": 400, "tasks": 400, "digits": 600}
FEW_STEPS = 500
N_STEPS = {"patterns": 500, "tasks": 500, "digits": 1500}
BASE = TokenChoiceMoE(8, 40)
NOISY = replace(BASE, noise="gaussian", noise_scale=1.0)
NETWORKS = {
    "dense": DenseCNN(40, init_std=0.01),
    "dense_small": DenseCNN(5, init_std=0.01),
    "joint": JointMoE(8, 40, 4),
    "base": BASE,
    "top2": replace(BASE, n_chosen=2),
    "top2_renormalized": replace(BASE, n_chosen=2, renormalize=True),
    "sigmoid": replace(BASE, gate="sigmoid"),
    "shared": TokenChoiceMoE(8, 45, n_shared=1),
    "fine": BASE.finer(5),
    "noise": NOISY,
}
# Settings of the training that are changed, of the base.
DESCENTS = {
    "balance_0.01": {"balance_weight": 0.01},
    "balance_0.1": {"balance_weight": 0.1},
    "balance_1": {"balance_weight": 1.0},
    "z_0.01": {"z_weight": 0.01},
    "bias_0.001": {"bias_rate": 0.001},
    "bias_0.01": {"bias_rate": 0.01},
}
# Sigmoid gates of fine experts, renormalised, a shared expert, and the bias.
DEEPSEEK = TokenChoiceMoE(16, 54, 2, gate="sigmoid", renormalize=True, n_shared=2)


def data_of(name: str, quick: bool):
    if name == "patterns":
        return PatchPatterns(16 if quick else 64, n_irrelevant=256, patch_dim=258)
    if name == "tasks":
        frequencies = (0.6, 0.2, 0.1, 0.1)
        return TaskPatterns(16, n_irrelevant=256, patch_dim=264, frequencies=frequencies)
    return DigitPatches(n_patches=8)


def recorded(n_steps: int) -> tuple[int, ...]:
    """Return steps, each about a seventh more than the one before; from 1 on in short trainings."""
    first = 1 if n_steps <= FEW_STEPS else 5
    return tuple(np.unique(np.round(np.geomspace(first, n_steps, 42)).astype(int)).tolist())


def arms_of(n_steps: int, n_patches: int) -> dict:
    sgd = SGD(1.0, batch_size=20, n_steps=n_steps, record=recorded(n_steps))
    arms = {arm: (network, sgd) for arm, network in NETWORKS.items()}
    arms |= {arm: (BASE, replace(sgd, **changes)) for arm, changes in DESCENTS.items()}
    # Room for a quarter more than if all experts took as many.
    arms["capacity"] = replace(BASE, capacity=math.ceil(1.25 * n_patches / 8)), sgd
    arms["noise_faded"] = NOISY, replace(sgd, noise_steps=n_steps // 5)
    arms["deepseek"] = DEEPSEEK, replace(sgd, bias_rate=0.001)
    return arms


def usual_rate(name: str, at) -> float:
    """Return 0.2 per pooled patch, and on images, whose patches are larger, less."""
    if name != "digits":
        return 0.2 * at["n_pooled"]
    return 0.05 if at["arm"].startswith("dense") else 0.02 * at["n_pooled"]


def families(name: str, quick: bool):
    n_steps, data = N_STEPS[name] // (5 if quick else 1), data_of(name, quick)
    for rate in RATES[name][-2:-1] if quick else RATES[name]:
        yield from grid(
            data,
            arms_of(n_steps, data.n_patches),
            n_train=N_TRAIN[name],
            links={"sgd.learning_rate": lambda at, rate=rate: rate * usual_rate(name, at)},
            labels={"data": name, "rate": rate},
        )


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [setting for name in DATA for setting in families(name, quick)]
    return Sweep(settings, n_test=300, n_draws=2 if quick else 50, measure=measure)


def measure(run, test, train):
    """Return errors against operations, and what the routers do at the end."""
    row = curve(run) | {"train_error": run.history.train_error[-1]}
    row |= {"success": None, "n_idle": None, "max_over_mean": None, "entropy": None}
    if run.model.has_routers:
        load = expert_load(test, run.model, run.weights)
        row |= {"n_idle": load.n_idle, "max_over_mean": load.max_over_mean}
        row |= {"entropy": load.entropy, "success": run.routing(test).best}
    return row


def curve(run) -> dict:
    """Return the operations spent and the test error at all recorded steps after the first."""
    steps = run.history.steps[1:]
    return {"flops": run.flops.total * steps / run.n_steps, "errors": run.history.test_error[1:]}
