"""The physical limit: the rate of single-precision multiply-adds that this machine reaches."""

import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from moe_theory.kernels.products import inner_products

ROWS, DIM, REPEATS = 8, 512, 20000


@numba.njit(nogil=True)
def _again(table, picked, weights, out, repeats):
    for _ in range(repeats):
        inner_products(table, picked, weights, out)


def _best(function, operations, repeats=5):
    function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return operations / min(times)


def peak_flops(n_threads):
    """Return the larger of two rates: BLAS on a large product, our product on data in the cache."""
    rng = np.random.default_rng(0)
    large = rng.normal(size=(2048, 2048)).astype(np.float32)
    blas = _best(lambda: large @ large, 2 * 2048**3)
    picked = np.arange(ROWS, dtype=np.int32)
    small = rng.normal(size=(2, ROWS, DIM)).astype(np.float32)

    def one(_):
        _again(small[0], picked, small[1], np.empty((ROWS, ROWS), np.float32), REPEATS)

    with ThreadPoolExecutor(n_threads) as pool:
        ours = _best(lambda: list(pool.map(one, range(n_threads))),
                     2 * ROWS**2 * DIM * REPEATS * n_threads)  # fmt: skip
    return max(blas, ours)
