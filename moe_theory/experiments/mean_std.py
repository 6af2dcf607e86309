"""`MeanStd`: a mean with its spread."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import stdtrit

from moe_theory._arithmetic import rounded
from moe_theory._validation import real


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
        if self.n < 2:
            return math.nan, math.nan
        width = rounded(stdtrit(self.n - 1, (1 + confidence) / 2)) * self.standard_error
        return self.mean - width, self.mean + width
