"""Our own engines, through `train_many`."""

import time

import numpy as np

from moe_theory import train_many


def prepare(work, engine):
    """Return a function that trains all seeds, and the seconds of the first, compiling, call."""
    seeds = range(len(work.experts))

    def run():
        runs = train_many(work.model, work.data, work.sgd, seeds, engine=engine)
        return np.array([run.weights.experts for run in runs])

    short = type(work.sgd)(**vars(work.sgd) | {"n_steps": 2})
    started = time.perf_counter()
    train_many(work.model, work.data, short, [0], engine=engine)
    return run, time.perf_counter() - started
