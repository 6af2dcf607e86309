"""Where a noisy, falling curve of errors crosses a level, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

from moe_theory._arithmetic import combine, exp, log, rounded
from moe_theory._memory import MOST_RESAMPLES
from moe_theory._random import stream
from moe_theory._validation import integer, real, real_array, reject, wrong_object

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crossing:
    """A place with its confidence interval; ``inf`` where the level is not reached."""

    value: float
    low: float
    high: float


def antitonic(means: ArrayLike, weights: ArrayLike) -> Array:
    """Return the non-increasing curves nearest to ``means`` in weighted least squares.

    Parameters
    ----------
    means : array, shape (..., K)
        Curves along the last axis.
    weights : array, shape (K,)
        Positive weights.

    Notes
    -----
    By the max-min formula, f_i = max_{b ≥ i} min_{a ≤ i} mean(a..b).

    Examples
    --------
    >>> antitonic([0.4, 0.1, 0.3, 0.0], [1, 1, 1, 1])
    array([0.4, 0.2, 0.2, 0. ])
    """
    values, mass = np.asarray(means, dtype=float), np.asarray(weights, dtype=float)
    size = values.shape[-1]
    total = np.zeros((*values.shape[:-1], size + 1))
    np.cumsum(values * mass, axis=-1, out=total[..., 1:])
    weight = np.concatenate([[0.0], np.cumsum(mass)])
    first, last = np.arange(size)[:, None], np.arange(size)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = (total[..., None, 1:] - total[..., :-1, None]) / (
            weight[None, 1:] - weight[:-1, None]
        )
    # Blocks that end before they begin are never the smallest, nor later the largest.
    lowest = np.minimum.accumulate(np.where(first <= last, average, np.inf), axis=-2)
    fitted: Array = np.where(first <= last, lowest, -np.inf).max(axis=-1)
    return fitted


def cross(places: ArrayLike, curves: ArrayLike, level: float) -> Array:
    """Return where non-increasing ``curves`` reach ``level``, by linear interpolation.

    Parameters
    ----------
    places : array, shape (K,)
        Rising.
    curves : array, shape (..., K)
        Values at the places.
    level : float
        What they are to reach.

    Returns
    -------
    array, shape (...)
        The first place if the curve begins at or below the level, ``inf`` if it never comes there.

    Examples
    --------
    >>> cross([0.0, 1.0, 2.0], [[0.5, 0.3, 0.1], [0.9, 0.8, 0.7]], 0.2)
    array([1.5, inf])
    """
    x, f = np.asarray(places, dtype=float), np.asarray(curves, dtype=float)
    reached = f <= level
    after = np.argmax(reached, axis=-1)
    before = np.maximum(after - 1, 0)
    upper = np.take_along_axis(f, before[..., None], -1)[..., 0]
    lower = np.take_along_axis(f, after[..., None], -1)[..., 0]
    fall = np.where(after > 0, upper - lower, 1.0)
    part = np.where(after > 0, (upper - level) / np.where(fall > 0, fall, 1.0), 1.0)
    found: Array = np.where(part == 1, x[after], x[before] + part * (x[after] - x[before]))
    return np.where(reached.any(axis=-1), found, np.inf)


def resampled_means(values: Array, n_resamples: int, rng: Generator) -> Array:
    """Return means over draws resampled with replacement.

    Parameters
    ----------
    values : array, shape (D, ...)
        One entry per draw.

    Returns
    -------
    array, shape (n_resamples, ...)

    Examples
    --------
    >>> resampled_means(np.array([2.0, 2.0]), 3, np.random.default_rng(0))
    array([2., 2., 2.])
    """
    size = len(values)
    picked = rng.integers(size, size=(n_resamples, size))
    places = (picked + size * np.arange(n_resamples)[:, None]).reshape(-1)
    counts = np.bincount(places, minlength=n_resamples * size).reshape(n_resamples, size)
    totals = combine(counts, values.reshape(size, -1))
    return totals.reshape(len(counts), *values.shape[1:]) / size


def expanded_interval(resamples: Array, n_draws: int, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of ``resamples``, expanded for few draws.

    The bootstrap takes D draws for their law, whose variance they miss by (D − 1)/D and know
    only by D − 1 degrees of freedom. So the tail α/2 becomes Φ(√(D/(D−1)) · t_{D−1}⁻¹(α/2)), which
    makes the interval of a mean Student's. (Hesterberg, *The American Statistician* 69, 2015.)

    Examples
    --------
    >>> low, high = expanded_interval(np.arange(1001.0), 10**9, 0.9)
    >>> low, high
    (49.0, 951.0)
    """
    tail = (1 - confidence) / 2
    if n_draws < 2:
        return float(resamples.min()), float(resamples.max())
    tail = rounded(ndtr(np.sqrt(n_draws / (n_draws - 1)) * stdtrit(n_draws - 1, tail)))
    low = np.quantile(resamples, tail, method="lower")
    high = np.quantile(resamples, 1 - tail, method="higher")
    return float(low), float(high)


def sample_crossing(
    sizes: Sequence[float],
    errors: Sequence[Array],
    epsilon: float,
    *,
    confidence: float,
    n_resamples: int,
    rng: Generator,
) -> Crossing:
    """Return N* from the errors of draws at each N; see `SampleStudy` for the method.

    Parameters
    ----------
    sizes : sequence of float, length K
        The values of N, rising.
    errors : sequence of K arrays
        Test errors of the draws at each N.
    epsilon : float
        The mean error to reach.

    Examples
    --------
    >>> errors = [np.array([0.5, 0.3]), np.array([0.1, 0.1])]
    >>> options = {"confidence": 0.9, "n_resamples": 100, "rng": np.random.default_rng(0)}
    >>> round(sample_crossing([4, 16], errors, 0.25, **options).value, 12)
    8.0
    """
    places = log(sizes)
    draws = np.array([len(e) for e in errors])
    means = np.array([e.mean() for e in errors])
    value = float(cross(places, antitonic(means, draws), epsilon))
    columns = [resampled_means(e, n_resamples, rng) for e in errors]
    resamples = cross(places, antitonic(np.stack(columns, axis=-1), draws), epsilon)
    near = int(np.searchsorted(places, value))
    n_draws = int(draws[max(near - 1, 0) : near + 1].min(initial=draws[-1]))
    low, high = expanded_interval(resamples, n_draws, confidence)
    return Crossing(*(_size(place, places, sizes) for place in (value, low, high)))


def crossing(
    places: Sequence[float],
    errors: Sequence[ArrayLike],
    epsilon: float,
    *,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Crossing:
    """Return where errors that fall with a size, such as m, reach ε.

    Parameters
    ----------
    places : sequence of float, length K
        Positive sizes, rising.
    errors : sequence of K arrays
        Errors of the draws at each size.
    epsilon : float
        The mean error to reach.
    confidence, n_resamples, seed
        Of the bootstrap interval.

    Returns
    -------
    Crossing
        By the method of `SampleStudy`. ``value`` is infinite if ε is not reached, and the first
        place if it is reached there or before.

    Raises
    ------
    ValueError
        If places do not rise or do not match the errors, or a number is impossible.

    Examples
    --------
    >>> round(crossing([4, 16], [np.full(5, 0.5), np.full(5, 0.1)], 0.3).value, 9)
    8.0
    """
    sizes = real_array("places", places, "(K,)").astype(float)
    if not isinstance(errors, list | tuple | np.ndarray):
        raise wrong_object("errors", errors, "a sequence of arrays")
    rising = (np.diff(sizes) > 0).all() and (sizes > 0).all()
    if len(sizes) != len(errors) or not rising:
        raise reject("places", places, f"{len(errors)} positive numbers, rising, and at least one")
    drawn = [
        real_array(f"errors[{i}]", values, "(D,)").astype(float) for i, values in enumerate(errors)
    ]
    return sample_crossing(
        list(places),
        drawn,
        real("epsilon", epsilon),
        confidence=real("confidence", confidence, 0, 1, open_low=True, open_high=True),
        n_resamples=integer("n_resamples", n_resamples, 1, MOST_RESAMPLES),
        rng=stream(seed, "bootstrap"),
    )


def _size(place: float, places: Array, sizes: Sequence[float]) -> float:
    """Return exp(place), exactly N where the place is that of one."""
    same = np.flatnonzero(places == place)
    return float(sizes[same[0]] if same.size else exp(place))
