"""The order in which SGD visits the samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from moe_theory._stopping import stop_if_asked
from moe_theory.kernels.shuffle import shuffle_rows

BLOCK_ENTRIES = 1 << 18


class Block(NamedTuple):
    """Batches of whole epochs: batch t is order[bounds[t]:bounds[t+1]].

    ``noise`` (V, k), if there is any, is that of the inputs from order[bounds[0]] on.
    """

    order: NDArray[np.int32]
    bounds: NDArray[np.int64]
    noise: NDArray[np.float64] | None = None

    @property
    def n_visits(self) -> int:
        """The sum of the batch sizes."""
        return int(self.bounds[-1] - self.bounds[0])

    def part(self, first: int, stop: int) -> Block:
        """Return the batches from ``first`` up to ``stop``."""
        bounds = self.bounds[first : stop + 1]
        noise = self.noise
        if noise is not None:
            noise = noise[bounds[0] - self.bounds[0] : bounds[-1] - self.bounds[0]]
        return Block(self.order, bounds, noise)


def blocks(n_samples: int, batch_size: int, n_steps: int, rng: Generator) -> Iterator[Block]:
    """Yield ``n_steps`` batches in blocks that stay small in memory; heed requests to stop.

    Examples
    --------
    >>> import numpy as np
    >>> block, = blocks(5, 2, 4, np.random.default_rng(0))
    >>> block.bounds
    array([0, 2, 4, 5, 7])
    >>> sorted(block.order[:5].tolist())
    [0, 1, 2, 3, 4]
    """
    size = min(batch_size, n_samples)
    starts = np.arange(0, n_samples, size)
    longest = max(1, BLOCK_ENTRIES // n_samples)
    everyone = np.arange(n_samples, dtype=np.int32)
    while n_steps > 0:
        stop_if_asked()
        n_epochs = min(longest, -(-n_steps // len(starts)))
        order = np.tile(everyone, (n_epochs, 1))
        if size < n_samples:
            shuffle_rows(order, rng.random(order.shape))
        bounds = (n_samples * np.arange(n_epochs)[:, None] + starts).ravel()
        bounds = np.append(bounds, n_epochs * n_samples)[: n_steps + 1]
        yield Block(order.ravel(), bounds)
        n_steps -= len(bounds) - 1


def n_visits(n_samples: int, batch_size: int, n_steps: int) -> int:
    """Return the sum of the batch sizes of the first ``n_steps`` steps.

    Examples
    --------
    >>> [n_visits(5, 2, n_steps) for n_steps in (1, 2, 3, 4)]
    [2, 4, 5, 7]
    """
    size = min(batch_size, n_samples)
    n_epochs, beyond = divmod(n_steps, -(-n_samples // size))
    return n_epochs * n_samples + beyond * size
