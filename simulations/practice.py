"""What each option of routing as it is practised does to the operations until a network errs little.

The base is a token-choice network of 8 experts of 5 units, of which every patch chooses one, with a
softmax before the choice, as in Switch transformers. Every arm changes one thing. The dense network
has as many units; the small one is as large as one expert. All arms train at the usual learning
rate, a quarter of it and four times it, as options change the size of the gates, and the best rate
of each counts. The same draws of samples, batches and initial weights serve all arms.
"""

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
    grid,
    train,
    upcycle,
)

BASE = TokenChoiceMoE(8, 40)
# The part of its steps that an upcycled network trains as a dense one.
DENSE_PART = 0.1


def token(**changes) -> TokenChoiceMoE:
    n_shared = changes.get("n_shared", 0)
    return TokenChoiceMoE(8, 5 * (8 + n_shared), **changes)


NETWORKS = {
    "dense": DenseCNN(40, init_std=0.01),
    "dense_small": DenseCNN(5, init_std=0.01),
    "joint": JointMoE(8, 40, 4),
    "base": BASE,
    "top2": token(n_chosen=2),
    "top2_renormalized": token(n_chosen=2, renormalize=True),
    "sigmoid": token(gate="sigmoid"),
    "sigmoid_top2": token(n_chosen=2, gate="sigmoid", renormalize=True),
    "capacity": token(capacity=1),
    "shared": token(n_shared=1),
    "fine": BASE.finer(5),
    "noise": token(noise="gaussian", noise_scale=1.0),
    "noise_faded": token(noise="gaussian", noise_scale=1.0),
}
# Settings of SGD that an arm changes, of the base.
DESCENTS = {
    "balance_0.01": {"balance_weight": 0.01},
    "balance_0.1": {"balance_weight": 0.1},
    "balance_1": {"balance_weight": 1.0},
    "z_0.01": {"z_weight": 0.01},
    "bias_0.001": {"bias_rate": 0.001},
    "bias_0.01": {"bias_rate": 0.01},
}
RATES = (0.25, 1.0, 4.0)
N_TRAIN = {"patterns": 400, "tasks": 400, "digits": 600}
EPSILON = 0.1


def data_of(name: str, quick: bool):
    if name == "patterns":
        return PatchPatterns(16 if quick else 64, n_irrelevant=256, patch_dim=258)
    if name == "tasks":
        frequencies = (0.6, 0.2, 0.1, 0.1)
        return TaskPatterns(16, n_irrelevant=256, patch_dim=264, frequencies=frequencies)
    return DigitPatches(n_patches=8)


def recorded(n_steps: int) -> tuple[int, ...]:
    """Return steps that grow by a seventh."""
    return tuple(np.unique(np.round(np.geomspace(5, n_steps, 42)).astype(int)).tolist())


def families(name: str, quick: bool):
    n_steps = (300 if quick else 1500) * (1 if name == "patterns" else 2)
    patch = 0.2 if name != "digits" else 0.2 / 8
    plain = SGD(1.0, batch_size=20, n_steps=n_steps, record=recorded(n_steps))
    arms = {arm: (network, plain) for arm, network in NETWORKS.items()}
    arms["noise_faded"] = arms["noise_faded"][0], replace(plain, noise_steps=n_steps // 5)
    arms |= {arm: (BASE, replace(plain, **changes)) for arm, changes in DESCENTS.items()}
    arms["upcycled"] = DenseCNN(5, init_std=0.01), replace(plain, n_steps=n_steps // 10)
    for rate in RATES:
        yield from grid(
            data_of(name, quick),
            arms,
            n_train=N_TRAIN[name],
            links={"sgd.learning_rate": lambda at, rate=rate: rate * patch * at["n_pooled"]},
            labels={"data": name, "rate": rate},
        )
