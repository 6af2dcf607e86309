"""Random streams: every use of randomness has a name, so that adding one never shifts another."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from moe_theory._validation import reject

Seed = int | Sequence[int] | SeedSequence

_WANTED = "an integer >= 0, a sequence of them or a numpy SeedSequence"


def seed_sequence(seed: Seed, name: str = "seed") -> SeedSequence:
    """Return ``seed`` as a ``SeedSequence``.

    Parameters
    ----------
    seed : int, sequence of int or SeedSequence
        Integers are not negative. A ``SeedSequence`` is returned as it is.
    name : str
        What errors call it.

    Raises
    ------
    ValueError
        If an integer is negative, or the sequence is empty.
    TypeError
        If ``seed`` is something else. Generators and None are refused, as they would give other
        bits at every call.

    Examples
    --------
    >>> seed_sequence(7).entropy, seed_sequence([7, 1]).entropy
    (7, (7, 1))
    """
    if isinstance(seed, SeedSequence):
        return seed
    if _is_integer(seed):
        return SeedSequence(_natural(seed, seed, name))
    if isinstance(seed, str | bytes) or not isinstance(seed, Sequence | np.ndarray):
        raise _no_seed(seed, name)
    if getattr(seed, "ndim", 1) != 1 or not all(_is_integer(part) for part in seed):
        raise _no_seed(seed, name)
    if len(seed) == 0:
        raise reject(name, seed, _WANTED)
    return SeedSequence(tuple(_natural(part, seed, name) for part in seed))


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _natural(number: Any, seed: object, name: str) -> int:
    if number < 0:
        raise reject(name, seed, _WANTED)
    return int(number)


def _no_seed(seed: object, name: str) -> TypeError:
    why = "equal seeds give equal bits"
    if seed is None:
        why += ", and None would draw others at every call"
    elif isinstance(seed, Generator | np.random.RandomState | np.random.BitGenerator):
        why += f", and a {type(seed).__name__} gives others at every call"
    return TypeError(f"{name} must be {_WANTED}, as {why}; got {seed!r}")


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
