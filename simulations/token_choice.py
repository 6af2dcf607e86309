"""Patches choose experts, or experts choose patches: who receives the discriminative patch.

The same data, initial weights and capacity C = l per expert. A patch chooses one expert, which
takes the patches that come first, or those of the highest scores. Every network trains with its own
rule, to a mean loss of 0.03 or for 2000 steps. Of each, the expert that the theory calls the best
one for a class is judged on fresh inputs, before training and after it.
"""

import numpy as np

from moe_theory import (
    SGD,
    JointMoE,
    PatchPatterns,
    Sweep,
    TokenChoiceMoE,
    grid,
    routing_metrics,
    token_routing_metrics,
)
from moe_theory.predictions import (
    expert_choice_success,
    rivals,
    token_choice_success,
)

N_IRRELEVANT = 256


def patterns_of(n_patches: int) -> PatchPatterns:
    return PatchPatterns(n_patches, N_IRRELEVANT, patch_dim=N_IRRELEVANT + 2)


def success(model, routers, test) -> dict:
    """Return by class the chance of a rival and the success at the best expert; that at any."""
    patterns = patterns_of(test.n_patches)
    others = rivals(patterns, routers)
    if isinstance(model, TokenChoiceMoE):
        metrics = token_routing_metrics(test, routers, model)
        predicted = token_choice_success(patterns, routers, model)
        by_place = np.tile(others.choosing, (2, 1))
        chance = by_place if model.priority == "place" else others.choosing_ahead
    else:
        metrics = routing_metrics(test, routers, model.n_routed)
        predicted = expert_choice_success(patterns, routers, model.n_routed)
        chance = others.ahead
    known = np.stack([predicted.positive, predicted.negative])
    simulated = np.stack([metrics.success_positive, metrics.success_negative])
    best = (np.arange(2), known.argmax(axis=1))
    found = {"q": chance[best], "simulated": simulated[best], "predicted": known[best]}
    return {**found, "any": metrics.best}


def measure(run, test, train):
    row = {
        "test_error": run.history.test_error[-1],
        "train_error": run.history.train_error[-1],
        "n_steps": run.n_steps,
        "n_inputs": [int((test.labels == y).sum()) for y in (1, -1)],
    }
    for when, weights in (("untrained", run.initial), ("trained", run.weights)):
        found = success(run.model, weights.routers, test)
        row |= {f"{when}_{name}": value for name, value in found.items()}
    return row


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    rooms = (1, 2, 4, 8, 16)
    sizes = (8, 64) if quick else (8, 16, 64, 128)
    others = (2,) if quick else (2, 4, 20)
    points = [(32, room, 8) for room in rooms]
    points += [(n, 4, 8) for n in sizes] + [(32, 4, k) for k in others]
    settings = []
    for n, room, k in points:
        settings += grid(
            patterns_of(n),
            {
                "place": TokenChoiceMoE(k, 40, capacity=room, priority="place"),
                "score": TokenChoiceMoE(k, 40, capacity=room, priority="score"),
                "expert": JointMoE(k, 40, room),
            },
            SGD(1.0, batch_size=20, n_steps=500 if quick else 2000, stop_loss=0.03),
            n_train=40,
            links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
            labels={"n_patches": n, "capacity": room, "n_experts": k},
        )
    return Sweep(settings, n_test=1000, n_draws=3 if quick else 10, measure=measure)
