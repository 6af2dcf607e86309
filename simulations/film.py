"""One training of each network, seen step by step: what is learned of each pattern, and routed.

A training of t steps has the weights that a longer one from the same seed had at its step t. So the
weights at recorded steps are those of trainings that end there. What patterns add and where patches
go is measured in the first draw; test errors of all draws say whether it is a usual one.
"""

from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    Sweep,
    TokenChoiceMoE,
    choose_experts,
    choose_for_inputs,
    choose_patches,
    grid,
    train,
)

N_PATCHES, N_IRRELEVANT, N_TRAIN = 16, 32, 20
# About ten steps to a factor of ten.
STEPS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 79, 100, 126, 158, 200, 251,
         316, 398, 501, 631, 794, 1000, 1259, 1585, 2000)  # fmt: skip
N_SHOWN = 2  # inputs of each class


def experiment(scale: str) -> Sweep:
    settings = grid(
        PatchPatterns(n_patches=N_PATCHES, n_irrelevant=N_IRRELEVANT, patch_dim=N_IRRELEVANT + 2),
        {
            "dense": DenseCNN(40, init_std=0.01),
            "separate": SeparateMoE(2, 40, 2, init_std=0.01),
            "joint": JointMoE(4, 40, 4, init_std=0.01),
            "token": TokenChoiceMoE(4, 40),
            "whole input": SampleMoE(4, 40),
        },
        SGD(1.0, batch_size=10, n_steps=STEPS[-1], record=STEPS, router_n_epochs=100),
        n_train=N_TRAIN,
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
    )
    n_draws = 5 if scale == "quick" else 40
    return Sweep(settings, n_test=1000, n_draws=n_draws, measure=measure)


def measure(run, test, train_data):
    columns = {
        "test_error": run.history.test_error[-1],
        "steps": run.history.steps,
        "train_losses": run.history.train_loss,
        "test_errors": run.history.test_error,
        "values": None,
        "routes": None,
        "inputs": None,
    }
    entropy, key = run.seed
    if key[0] == 0:
        shown = test[_first_of_both(test.labels)]
        seed = SeedSequence(entropy, spawn_key=key)
        weights = [_weights_at(step, run, train_data, seed) for step in STEPS]
        columns["values"] = [values(run.model, own, test.dictionary) for own in weights]
        columns["routes"] = [routes(run.model, own, shown) for own in weights]
        columns["inputs"] = [
            [int(label), int(place), *map(int, patterns)]
            for label, place, patterns in zip(
                shown.labels, shown.positions, shown.indices, strict=True
            )
        ]
    return columns


def values(model, weights, dictionary):
    """Return h_s(q) = Σ_r a_r φ⟨w_r, q⟩ over the units r of each expert s, for every pattern q."""
    units = weights.experts.astype(np.float64)
    # Sums over an axis that is not the last one are made in its order, on every processor.
    z = (units.T[:, :, None] * dictionary.T[:, None, :].astype(np.float64)).sum(axis=0)
    added = weights.output.astype(np.float64)[:, None] * model.activate(z)
    experts = added.reshape(-1, model.units_per_expert, len(dictionary)).sum(axis=1)
    return [[float(f"{value:.3g}") for value in own] for own in experts]


def routes(model, weights, data):
    """Return for each input and expert the places that it receives, and their gates in percent."""
    if weights.routers is None:
        return None
    at = data.dictionary, data.indices, weights.routers
    n_experts = len(weights.routers)
    if isinstance(model, SampleMoE):
        experts, gates = choose_for_inputs(*at)
        everywhere = range(data.n_patches)
        return [
            [[(j, _percent(own[s])) for j in everywhere if s == chosen] for s in range(n_experts)]
            for chosen, own in zip(experts, gates, strict=True)
        ]
    if isinstance(model, TokenChoiceMoE):
        experts, gates, _ = choose_experts(*at)
        return [
            [
                [(j, _percent(gate)) for j, (s, gate) in enumerate(pairs) if s == expert]
                for expert in range(n_experts)
            ]
            for pairs in np.stack([experts[:, :, 0], gates[:, :, 0]], axis=2)
        ]
    places, gates = choose_patches(*at, model.n_routed)
    if not model.learns_routers:
        gates = np.ones_like(gates)
    return [
        [
            sorted((int(j), _percent(gate)) for j, gate in zip(*own, strict=True))
            for own in zip(*one, strict=True)
        ]
        for one in zip(places, gates, strict=True)
    ]


def _weights_at(step, run, data, seed):
    steps = max(step, 1)
    found = train(run.model, data, replace(run.sgd, n_steps=steps, record=None), seed)
    if step > 0:
        return found.weights
    # Routers of separate training are trained before the first step.
    first = run.model.routers_first
    return replace(found.initial, routers=found.weights.routers) if first else found.initial


def _first_of_both(labels):
    return np.concatenate([np.flatnonzero(labels == y)[:N_SHOWN] for y in (1, -1)])


def _percent(gate):
    return round(100 * float(gate))
