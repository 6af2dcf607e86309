"""The same work for everyone: samples, initial weights and batches, as plain float32 arrays."""

from dataclasses import dataclass

import numpy as np

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, choose_patches
from moe_theory._random import stream
from moe_theory.training.batches import blocks

RATE = 0.05
N_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Work:
    """One architecture at one size, trained from several seeds.

    ``patches`` (N, n, d); ``experts`` (S, m, d), ``routers`` (S, k, d) or None, ``output`` (m,);
    ``rows`` (S, T, B) sample numbers of the batches; ``received`` (S, N, k, l, d), what the experts
    of a network with fixed routing are given.
    """

    model: object
    data: object
    sgd: SGD
    patches: np.ndarray
    labels: np.ndarray
    experts: np.ndarray
    output: np.ndarray
    routers: np.ndarray | None
    rows: np.ndarray
    received: np.ndarray | None
    scale: float


def make(kind, *, n_steps, n_seeds=16, batch_size=20, n=16, m=40, d=100, k=None, p=None):
    """Return the work; patterns repeat (p + 2 of them) so that every engine can do it."""
    model = {
        "dense": lambda: DenseCNN(m),
        "separate": lambda: SeparateMoE(k or 2, m, 2),
        "joint": lambda: JointMoE(k or 8, m, 6, init_std=0.1, router_init_std=0.1),
    }[kind]()
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p or min(64, d - 2), patch_dim=d)
    data = patterns.sample(N_SAMPLES, 0)
    sgd = SGD(RATE, batch_size, n_steps=n_steps, router_n_steps=1, router_learning_rate=RATE)
    starts = [model.initial_weights(d, seed) for seed in range(n_seeds)]
    experts = np.array([start.experts for start in starts], np.float32)
    routers, received = None, None
    patches = data.patches().astype(np.float32)
    if kind != "dense":
        routers = np.array([start.routers for start in starts], np.float32)
    if kind == "separate":
        received = np.array([_received(seed, w, model, data, patches) for seed, w in
                             enumerate(routers)])  # fmt: skip
    rows = np.array([_rows(seed, batch_size, n_steps) for seed in range(n_seeds)])
    return Work(
        model, data, sgd, patches, data.labels.astype(np.float32), experts,
        starts[0].output.astype(np.float32), routers, rows, received, model.output_scale(n),
    )  # fmt: skip


def _rows(seed, batch_size, n_steps):
    order = [b.order for b in blocks(N_SAMPLES, batch_size, n_steps, stream(seed, "batches"))]
    return np.concatenate(order)[: batch_size * n_steps].reshape(n_steps, batch_size)


def _received(seed, routers, model, data, patches):
    """Take the one router step of the work, then route."""
    block = next(blocks(N_SAMPLES, 20, 1, stream(seed, "router batches")))
    rows = block.order[: block.bounds[1]]
    mean = (data.labels[rows, None] * patches[rows].sum(axis=1)).mean(axis=0)
    signs = np.where(np.arange(len(routers)) % 2 == 0, 1, -1)[:, None]
    trained = (routers + RATE * signs * mean).astype(np.float32)
    dictionary = data.dictionary.astype(np.float32)
    positions, _ = choose_patches(dictionary, data.indices, trained, model.n_routed)
    return patches[np.arange(len(patches))[:, None, None], positions]
