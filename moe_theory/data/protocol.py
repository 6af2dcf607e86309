"""What data models share: their interface, the law of the labels and the names of the streams."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from moe_theory._memory import check_fits
from moe_theory._random import Seed, stream
from moe_theory._validation import LARGEST, choice, countable, real, reject
from moe_theory.data.patch_data import PatchData

SPLITS = ("train", "test")


@runtime_checkable
class DataModel(Protocol):
    """A law of labelled patch inputs from which independent samples can be drawn.

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> isinstance(PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10), DataModel)
    True
    """

    @property
    def n_patches(self) -> int:
        """n, the number of patches of one input."""

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N = ``n_samples`` inputs; equal arguments give equal bits.

        Parameters
        ----------
        n_samples : int
            N >= 1.
        seed : int, sequence of int or SeedSequence
            Root of the randomness. No generator and not None: they give other bits at every call.
        split : {"train", "test"}
            The two splits of one seed are drawn from independent streams.

        Raises
        ------
        ValueError
            If an argument is out of range, or the sample would not fit into memory.
        TypeError
            If ``seed`` is no seed.
        """


def split_stream(seed: Seed, split: str, name: str) -> Generator:
    """Return the generator called ``name`` of one split of the data drawn from ``seed``.

    Raises
    ------
    ValueError
        If ``split`` is neither "train" nor "test", or ``seed`` is negative.
    TypeError
        If ``seed`` is not a seed, or ``name`` not a string.

    Examples
    --------
    >>> a, b = (split_stream(0, split, "labels") for split in ("train", "test"))
    >>> bool(a.integers(1 << 62) == b.integers(1 << 62))
    False
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string; got {name!r}")
    return stream(seed, f"data/{choice('split', split, SPLITS)}/{name}")


def check_fraction(field: str, value: object) -> float:
    """Return ``value`` as ``float`` if it lies strictly between 0 and 1."""
    return real(field, value, 0, 1, open_low=True, open_high=True)


def check_spread(value: object) -> float:
    """Return ``value`` as ``float`` if it is a standard deviation whose patches stay finite."""
    return real("spread", value, 0, 1e100)


def draw_labels(
    n_samples: int, positive_fraction: float, balanced: bool, rng: Generator
) -> NDArray[np.int8]:
    """Draw labels ±1, shape (N,), in random order.

    With ``balanced`` the number of positive labels is ``N · positive_fraction`` rounded to the
    nearest integer; where two are equally near (N odd, half positive) a fair coin decides.
    Otherwise every label is positive with probability ``positive_fraction``, independently.

    Examples
    --------
    >>> from moe_theory._random import stream
    >>> int(draw_labels(10, 0.3, True, stream(0, "labels")).sum())
    -4
    """
    if not balanced:
        positive = rng.random(n_samples) < positive_fraction
        return np.where(positive, 1, -1).astype(np.int8)
    expected = n_samples * positive_fraction
    n_positive = math.floor(expected + 0.5)
    if expected % 1 == 0.5:
        n_positive -= int(rng.integers(2))
    labels = np.full(n_samples, -1, dtype=np.int8)
    labels[:n_positive] = 1
    rng.shuffle(labels)
    return labels


def draw_layout(
    n_samples: int,
    seed: Seed,
    split: str,
    *,
    n_patches: int,
    positive_fraction: float,
    balanced: bool,
    own_dim: int = 0,
) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Draw the labels and the uniformly random places of the discriminative patches.

    ``own_dim`` is d where every patch will be a row of the dictionary of its own, in double
    precision; it is 0 where patches are rows of a dictionary that is there.

    Returns
    -------
    labels : array of int8, shape (N,)
        By `draw_labels`.
    positions : array of int32, shape (N,)
        Each in [0, ``n_patches``).

    Raises
    ------
    ValueError
        If ``n_samples`` < 1, the sample would not fit into memory, or ``split`` or ``seed`` is
        not one.

    Examples
    --------
    >>> law = {"n_patches": 3, "positive_fraction": 0.5, "balanced": True}
    >>> labels, positions = draw_layout(6, 0, "train", **law)
    >>> int(labels.sum()), bool(positions.max() < 3)
    (0, True)
    """
    n_samples = countable("n_samples", n_samples, 1)
    _check_room(n_samples, n_patches, own_dim)
    labels_rng = split_stream(seed, split, "labels")
    positions_rng = split_stream(seed, split, "positions")
    labels = draw_labels(n_samples, positive_fraction, balanced, labels_rng)
    return labels, positions_rng.integers(0, n_patches, n_samples, dtype=np.int32)


def _check_room(n_samples: int, n_patches: int, own_dim: int) -> None:
    """Raise ``ValueError`` if a sample of this size cannot be."""
    n_all = n_samples * n_patches
    if own_dim and n_all > LARGEST:
        raise reject("n_samples", n_samples, f"at most {LARGEST // n_patches} with n = {n_patches}")
    # Of each patch its number, and where it is drawn the patch and what is added to it.
    n_bytes = n_all * (4 + 2 * 8 * own_dim) + n_samples * (1 + 4)
    check_fits("n_samples", n_samples, n_bytes, f"a sample of n = {n_patches} patches each")
