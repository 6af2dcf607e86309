"""Random streams: every use of randomness has a name, so that adding one never shifts another."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from moe_theory._validation import integer, reject

Seed = int | SeedSequence


def seed_sequence(seed: Seed) -> SeedSequence:
    """Return ``seed`` as a ``SeedSequence``.

    Parameters
    ----------
    seed : int or SeedSequence
        A non-negative integer or a sequence, which is returned as it is.

    Raises
    ------
    ValueError
        If ``seed`` is neither.

    Examples
    --------
    >>> seed_sequence(7).entropy
    7
    """
    if isinstance(seed, SeedSequence):
        return seed
    try:
        return SeedSequence(integer("seed", seed, 0))
    except ValueError:
        raise reject("seed", seed, "an integer >= 0 or a numpy SeedSequence") from None


def substream(seed: Seed, name: str) -> SeedSequence:
    """Return the child of ``seed`` called ``name``; equal seed and name give an equal child."""
    parent = seed_sequence(seed)
    key = (*parent.spawn_key, zlib.crc32(name.encode()))
    return SeedSequence(parent.entropy, spawn_key=key)


def stream(seed: Seed, name: str) -> Generator:
    """Return a fresh generator on the substream ``name`` of ``seed``.

    Examples
    --------
    >>> bool(stream(0, "experts").normal() == stream(0, "experts").normal())
    True
    """
    return default_rng(substream(seed, name))


def normals(rng: Generator, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Return draws from N(0, 1), rounded to single precision, as doubles.

    NumPy takes the tail of the normal law from the C library's logarithm, whose last bits differ
    from one machine to another; rounded, the draws are the same.

    Examples
    --------
    >>> drawn = normals(stream(0, "experts"), (2, 3))
    >>> drawn.shape, bool((drawn == drawn.astype(np.float32)).all())
    ((2, 3), True)
    """
    drawn = rng.standard_normal(shape)
    drawn[...] = drawn.astype(np.float32)
    return drawn
