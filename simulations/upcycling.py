"""Experts that start as copies of a dense network which was trained for a fifth of the steps.

Data, rates and numbers of steps are those of `practice.py`. The network has 8 experts, of which
every patch chooses 2 with renormalised gates, so that copies compute what the dense network of 5
units does. They start as copies, as copies with noise of a tenth of the weights, or with half of
the units drawn anew. The training of the dense network counts.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import SeedSequence

from moe_theory import SGD, DenseCNN, Sweep, grid, train, upcycle
from moe_theory.experiments.scripts import load_script

NAMES = (
    "DATA",
    "N_STEPS",
    "N_TRAIN",
    "NETWORKS",
    "RATES",
    "curve",
    "data_of",
    "recorded",
    "usual_rate",
)
PRACTICE = load_script(Path(__file__).with_name("practice.py"), NAMES)
STARTS = {"copies": {}, "noise": {"noise": 0.1}, "drop": {"drop": 0.5}}
UPCYCLED = PRACTICE.NETWORKS["top2_renormalized"]


def families(name: str, quick: bool):
    n_steps = PRACTICE.N_STEPS[name] // (5 if quick else 1)
    rates = PRACTICE.RATES[name]
    for rate in rates[-2:-1] if quick else rates:
        yield from grid(
            PRACTICE.data_of(name, quick),
            {"dense_small": DenseCNN(5, init_std=0.01)},
            SGD(1.0, batch_size=20, n_steps=n_steps // 5, record=PRACTICE.recorded(n_steps // 5)),
            n_train=PRACTICE.N_TRAIN[name],
            links={"sgd.learning_rate": lambda at, rate=rate: rate * PRACTICE.usual_rate(name, at)},
            labels={"data": name, "rate": rate},
        )


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [setting for name in PRACTICE.DATA for setting in families(name, quick)]
    return Sweep(settings, n_test=300, n_draws=2 if quick else 50, measure=measure)


def measure(run, test, train_data):
    """Return, for every start, errors against all operations so far."""
    dense, row = PRACTICE.curve(run), {}
    seed = SeedSequence(run.seed[0], spawn_key=run.seed[1])
    n_steps = 4 * run.n_steps
    sgd = replace(run.sgd, n_steps=n_steps, record=PRACTICE.recorded(n_steps))
    for start, changes in STARTS.items():
        initial = upcycle(run, UPCYCLED, seed, **changes)
        after = PRACTICE.curve(train(UPCYCLED, train_data, sgd, seed, initial=initial, test=test))
        row[f"flops_{start}"] = np.append(dense["flops"], dense["flops"][-1] + after["flops"])
        row[f"errors_{start}"] = np.append(dense["errors"], after["errors"])
    return row
