"""Our own engines, through `train_many`."""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from moe_theory import train_many


def prepare(work, engine):
    """Return a function that trains all seeds."""
    seeds = range(len(work.experts))

    def run():
        runs = train_many(work.model, work.data, work.sgd, seeds, engine=engine)
        return np.array([run.weights.experts for run in runs])

    return run


def compile_seconds(kind, engine):
    """Return the seconds of a first, compiling, call in a new process with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            [sys.executable, __file__, kind, engine],
            env={**os.environ, "NUMBA_CACHE_DIR": folder},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    return float(said)


if __name__ == "__main__":
    import work as works

    work = works.make(sys.argv[1], n_steps=2, n_seeds=1, d=32)
    started = time.perf_counter()
    prepare(work, sys.argv[2])()
    print(time.perf_counter() - started)
