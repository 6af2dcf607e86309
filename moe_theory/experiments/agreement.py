"""`agreement`: whether a prediction is as close to what was simulated as is claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moe_theory._arithmetic import exp
from moe_theory._typed import typed
from moe_theory._validation import real

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
    wide = min(real("wide", wide, 0.0), WIDEST)
    low, high = (ratio * float(exp(side * wide)) for side in (-1, 1))
    surely_not = low > 1 + accuracy or high < 1 - accuracy
    if abs(ratio - 1) <= accuracy:
        return Agreement(wide, low, high, "within")
    return Agreement(wide, low, high, "outside" if surely_not else "undecided")
