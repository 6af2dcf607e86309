"""`MeanStd` and `student_interval`: a mean with its spread, and the interval that follows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from moe_theory._arithmetic import rounded
from moe_theory._typed import typed
from moe_theory._validation import integer, pair, real, real_array, reject

Array = NDArray[np.float64]


@typed
def student_interval(
    mean: ArrayLike,
    standard_error: ArrayLike,
    n_draws: int | None,
    confidence: float = 0.95,
    *,
    limits: tuple[float, float] | None = None,
) -> tuple[Array, Array]:
    """Return Student's interval of means over draws; all intervals of means are made here.

    Parameters
    ----------
    mean, standard_error : float or array, shape (L,) or (M, L)
        One standard error for each mean, or for all.
    n_draws : int or None
        Draws behind each mean; the interval of a single one is NaN. None where the standard error
        is known without draws, such as that of a binomial: then the normal law holds.
    confidence : float
        In (0, 1).
    limits : tuple of float, optional
        Where the interval ends at the latest, such as (0, 1) for a share.

    Returns
    -------
    low, high : array
        In the shape of ``mean``.

    Raises
    ------
    ValueError
        If a standard error is negative, ``n_draws`` below 1, or ``confidence`` not in (0, 1).

    Examples
    --------
    >>> low, high = student_interval([0.5, 0.95], 0.1, n_draws=10, limits=(0, 1))
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.27, 0.72], [0.73, 1.0])
    >>> [round(float(end), 2) for end in student_interval(0.0, 1.0, n_draws=None)]
    [-1.96, 1.96]
    """
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    middle, error = _numbers("mean", mean), _numbers("standard_error", standard_error)
    if (error < 0).any():
        raise reject("standard_error", float(error.min()), "at least 0")
    ends = (None, None) if limits is None else pair("limits", limits)
    width = _standard_errors(n_draws, (1 + confidence) / 2) * error
    low, high = (np.clip(middle + side * width, *ends) for side in (-1, 1))
    return low.reshape(np.shape(mean)), high.reshape(np.shape(mean))


def _numbers(argument: str, value: ArrayLike) -> Array:
    return real_array(argument, np.atleast_1d(np.asarray(value)), "(L,)", "(M, L)")  # type: ignore[return-value]


def _standard_errors(n_draws: int | None, tail: float) -> float:
    """Return how many standard errors of the mean reach to the ends of its interval."""
    if n_draws is None:
        return rounded(ndtri(tail))
    count = integer("n_draws", n_draws, 1)
    return rounded(stdtrit(count - 1, tail)) if count > 1 else math.nan


class MeanStd(NamedTuple):
    """Mean, sample standard deviation and number of the values of a column.

    Examples
    --------
    >>> found = MeanStd(mean=0.5, std=0.1, n=25)
    >>> found.mean, found.standard_error
    (0.5, 0.02)
    """

    mean: float
    std: float
    n: int

    @property
    def standard_error(self) -> float:
        """Standard error of the mean; NaN for a single value."""
        return self.std / math.sqrt(self.n)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return Student's confidence interval of the mean; NaN for a single value.

        Raises
        ------
        ValueError
            If ``confidence`` is not in (0, 1).

        Examples
        --------
        >>> low, high = MeanStd(mean=0.5, std=0.1, n=25).interval()
        >>> round(low, 4), round(high, 4)
        (0.4587, 0.5413)
        """
        confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
        if self.n < 2 or not math.isfinite(self.mean):
            return math.nan, math.nan
        low, high = student_interval(self.mean, self.standard_error, self.n, confidence)
        return float(low), float(high)
