"""How far a network can be compressed before accuracy is lost, with an interval over draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._memory import MOST_RESAMPLES
from moe_theory._random import Seed, stream
from moe_theory._validation import finite, integer, real, real_array, reject

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """The harshest compression that loses less than a tolerance.

    Attributes
    ----------
    value : float
        The level, such as ρ or bits; NaN where already the mildest level loses more.
    milder, harsher : float
        Ends of its confidence interval over draws; the milder one is NaN where already the
        mildest level may lose more.
    n_draws : int
        Draws behind it.
    """

    value: float
    milder: float
    harsher: float
    n_draws: int


def compression_limit(
    levels: ArrayLike,
    accuracy: ArrayLike,
    reference: ArrayLike,
    *,
    tolerance: float = 0.01,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> Limit:
    """Find the harshest level up to which the mean accuracy stays within ``tolerance``.

    Parameters
    ----------
    levels : array, shape (L,)
        Levels from mild to harsh: rising ρ, or falling bits.
    accuracy : array, shape (draws, L)
        Accuracy of every draw at every level.
    reference : array, shape (draws,)
        Accuracy of every draw before compression.
    tolerance : float
        A level passes if the mean loss of accuracy is below this at it and at all milder ones.
    confidence : float
        Of the interval, by resampling draws.
    n_resamples : int
        Resamples of the draws.
    seed : int or SeedSequence
        Of the resampling.

    Returns
    -------
    Limit

    Raises
    ------
    ValueError
        If shapes disagree or a number is impossible.

    Notes
    -----
    Levels between those given are not looked at, so that the limit is known up to their spacing.

    Examples
    --------
    >>> found = compression_limit([0.0, 0.5, 0.75], [[0.9, 0.9, 0.6], [0.9, 0.88, 0.7]], [0.9, 0.9],
    ...                           tolerance=0.05)
    >>> found.value
    0.5
    """
    points = real_array("levels", levels, "(L,)").astype(np.float64)
    values = real_array("accuracy", accuracy, "(draws, L)").astype(np.float64)
    before = real_array("reference", reference, "(draws,)").astype(np.float64)
    if points.ndim != 1 or not len(points):
        raise reject("levels.shape", points.shape, "(L,) with L >= 1")
    if values.ndim != 2 or values.shape[1] != len(points) or not len(values):
        raise reject("accuracy.shape", values.shape, f"(draws, {len(points)}) with draws >= 1")
    if before.shape != values.shape[:1]:
        raise reject("reference.shape", before.shape, str(values.shape[:1]))
    for name, array in (("levels", points), ("accuracy", values), ("reference", before)):
        finite(name, array)
    for name, array in (("accuracy", values), ("reference", before)):
        if (beyond := array[(array < 0) | (array > 1)]).size:
            raise reject(name, float(beyond[0]), "fractions in [0, 1], not percent")
    tolerance = real("tolerance", tolerance, 0, 1, open_low=True, open_high=True)
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    n_resamples = integer("n_resamples", n_resamples, 1, MOST_RESAMPLES)
    losses = before[:, None] - values
    draws = stream(seed, "limit").integers(0, len(losses), (n_resamples, len(losses)))
    found = [_n_within(losses[rows], tolerance) for rows in draws]
    tail = (1 - confidence) / 2
    milder, harsher = np.quantile(found, [tail, 1 - tail], method="nearest").astype(int)
    # Level number 0 stands for none.
    named = np.concatenate([[np.nan], points])
    n_within = _n_within(losses, tolerance)
    return Limit(float(named[n_within]), float(named[milder]), float(named[harsher]), len(losses))


def _n_within(losses: Array, tolerance: float) -> int:
    """Return how many levels, from the mildest on, lose less than ``tolerance``."""
    failed = losses.mean(axis=0) >= tolerance
    return int(np.argmax(failed)) if failed.any() else losses.shape[1]
