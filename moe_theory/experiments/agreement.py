"""`agreement`: whether a prediction is as close to what was simulated as is claimed.

`ratio_width`: how well the ratio of both is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from moe_theory._arithmetic import exp, log
from moe_theory._typed import typed
from moe_theory._validation import instance, real, reject

# Wider intervals say nothing more.
WIDEST = 3.0


@dataclass(frozen=True)
class Agreement:
    """Predicted over simulated, its interval, and what follows from both.

    Attributes
    ----------
    wide : float
        Half the width of the interval, in the logarithm.
    low, high : float
        Ends of the interval of predicted over simulated.
    verdict : {"within", "undecided", "outside"}
        Whether the ratio is as close to 1 as is claimed; if not, whether all of the interval is
        further off.

    Examples
    --------
    >>> agreement(1.2, wide=0.02, accuracy=0.15).verdict
    'outside'
    """

    wide: float
    low: float
    high: float
    verdict: Literal["within", "undecided", "outside"]

    @property
    def holds_equality(self) -> bool:
        """Whether the interval holds 1."""
        return self.low <= 1 <= self.high


@typed
def agreement(ratio: float, wide: float, accuracy: float) -> Agreement:
    """Say whether a prediction is within the accuracy that is claimed, surely not, or undecided.

    Parameters
    ----------
    ratio : float
        Predicted over simulated, at least 0.
    wide : float
        Half the width of its interval, in the logarithm, at least 0; more than 3 counts as 3.
    accuracy : float
        The largest distance of the ratio from 1 that is claimed, positive.

    Raises
    ------
    ValueError
        If a number is not as it must be; the message names it.

    Examples
    --------
    >>> found = agreement(1.2, wide=0.1, accuracy=0.15)
    >>> found.verdict, round(found.low, 3), found.holds_equality
    ('undecided', 1.086, False)
    """
    ratio, accuracy = real("ratio", ratio, 0.0), real("accuracy", accuracy, 0.0, open_low=True)
    wide = WIDEST if wide == math.inf else min(real("wide", wide, 0.0), WIDEST)
    low, high = (ratio * float(exp(side * wide)) for side in (-1, 1))
    surely_not = low > 1 + accuracy or high < 1 - accuracy
    if abs(ratio - 1) <= accuracy:
        return Agreement(wide, low, high, "within")
    return Agreement(wide, low, high, "outside" if surely_not else "undecided")


@typed
def ratio_width(*intervals: tuple[float, float]) -> float:
    """Return half the width, in the logarithm, of the interval of a ratio or product.

    Parameters
    ----------
    *intervals : pairs of float
        Lower and upper end for each factor, positive, independent; an upper end may be infinite. A
        pair in the wrong order, as noise may leave it, has no width.

    Returns
    -------
    float
        The root of the sum of squares of half the widths; infinite where an interval has no end.

    Raises
    ------
    ValueError
        If an end is not positive.

    Examples
    --------
    >>> round(ratio_width((1.0, 1.5), (2.0, 3.0)), 4)
    0.2867
    >>> ratio_width((1.0, 1.5), (2.0, float("inf")))
    inf
    """
    widths = []
    for ends in intervals:
        instance("intervals", ends, (list, tuple), "pairs of numbers")
        if len(ends) != 2 or not all(isinstance(e, float | int) and e > 0 for e in ends):
            raise reject("intervals", ends, "pairs of positive numbers")
        low, high = ends
        widths.append(max(float(log(high / low)), 0.0) / 2 if high < math.inf else math.inf)
    return math.sqrt(sum(width * width for width in widths))
