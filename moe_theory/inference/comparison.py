"""Which of several ways loses least, from the same draws, with all comparisons in mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arithmetic import combine
from moe_theory._memory import MOST_RESAMPLES
from moe_theory._random import Seed, stream
from moe_theory._validation import integer, real, real_array, reject

Array = NDArray[Any]

ROUNDING = 1e-12
# What a table shows of each way.
SHOWN = ("mean", "low", "high", "behind", "behind_low", "behind_high", "may_be_best")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Mean losses of W ways over draws, and how far each is behind the best.

    Attributes
    ----------
    mean, low, high : array, shape (W,)
        Mean loss with its own confidence interval.
    behind, behind_low, behind_high : array, shape (W,)
        Mean loss minus that of the way whose mean is least, in pairs of one draw, with intervals
        that hold for all pairs of ways at once.
    may_be_best : bool array, shape (W,)
        Whether no other way is better by these intervals.
    n_draws : int
        Draws behind it.
    """

    mean: Array
    low: Array
    high: Array
    behind: Array
    behind_low: Array
    behind_high: Array
    may_be_best: Array
    n_draws: int

    def cells(self, where: str) -> list[dict[str, float | bool]]:
        """Return what a table shows of each way, its columns named after ``where`` it is compared.

        Numbers are rounded to three decimals.

        Examples
        --------
        >>> found = compare_losses([[0.0, 1.0], [0.0, 1.0]])
        >>> found.cells("2")[1]["behind_at_2"], found.cells("2")[1]["may_be_best_at_2"]
        (1.0, False)
        """
        values = zip(*(getattr(self, name) for name in SHOWN), strict=True)
        names = self.columns(where)
        return [dict(zip(names, map(_plain, way), strict=True)) for way in values]

    @staticmethod
    def columns(where: str) -> list[str]:
        """Return the names of what `cells` returns."""
        return [f"{name}_at_{where}" for name in SHOWN]


def _plain(value: Any) -> float | bool:
    return bool(value) if isinstance(value, np.bool_) else round(float(value), 3)


def compare_losses(
    losses: ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> Comparison:
    """Compare ways to do something by their losses in the same draws.

    Parameters
    ----------
    losses : array, shape (draws, W)
        Loss of every draw by every way; at least two draws.
    confidence : float
        Of the intervals.
    n_resamples : int
        Resamples of the draws.
    seed : int or SeedSequence
        Of the resampling.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If the losses are no array of numbers.
    ValueError
        If a value is impossible.

    Notes
    -----
    Differences are resampled with their draws. In each resample the largest deviation of any
    pair, in units of the pair's standard error, is taken; its quantile c makes the intervals
    difference ± c·error, which hold for all pairs at once, so that it does not matter that the
    best one is picked after a look at the data.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(100, 1))
    >>> found = compare_losses(shared + 0.1 * rng.normal(size=(100, 3)) + [0.0, 0.01, 0.2])
    >>> found.may_be_best.tolist()
    [True, True, False]
    """
    values = real_array("losses", losses, "(draws, W)").astype(np.float64)
    if len(values) < 2:
        raise reject("losses.shape", values.shape, "that of at least two draws")
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    n_resamples = integer("n_resamples", n_resamples, 1, MOST_RESAMPLES)
    n, n_ways = values.shape
    drawn = stream(seed, "comparison").integers(0, n, (n_resamples, n))
    counts = np.stack([np.bincount(rows, minlength=n) for rows in drawn]) / n
    means, mean = combine(counts, values), values.mean(axis=0)
    first, second = np.triu_indices(n_ways, 1)
    gaps = values[:, first] - values[:, second]
    gap, error = gaps.mean(axis=0), gaps.std(axis=0, ddof=1) / np.sqrt(n)
    moved = np.abs(means[:, first] - means[:, second] - gap)
    # A gap that is the same in every draw has an error of rounding alone.
    sure = error > ROUNDING * np.abs(values).max(initial=0.0)
    scaled = np.divide(moved, error, out=np.zeros_like(moved), where=sure)
    reach = np.zeros((n_ways, n_ways))
    if n_ways > 1:
        reach[first, second] = np.quantile(scaled.max(axis=1), confidence) * error
    reach += reach.T
    apart = mean[:, None] - mean[None, :]
    best = int(np.argmin(mean))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Comparison(
        mean, low, high,
        behind=apart[:, best],
        behind_low=apart[:, best] - reach[:, best],
        behind_high=apart[:, best] + reach[:, best],
        may_be_best=~(apart - reach > 0).any(axis=1),
        n_draws=n,
    )  # fmt: skip
