"""The physical limit: the rate of single-precision multiply-adds that this machine reaches."""

import time

import numpy as np


def peak_flops(size=2048, repeats=8):
    """Return operations per second of the best large matrix product, on all BLAS threads."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
