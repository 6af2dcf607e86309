"""`ratio`: how many times more one threshold is than another, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moe_theory._arithmetic import exp, log
from moe_theory._validation import wrong_object


@dataclass(frozen=True)
class Ratio:
    """A ratio of two measured amounts and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        Infinite, or 0, where one of the amounts was not reached: ``low`` (or ``high``) then is
        what the trials show all the same. NaN where neither was reached.

    Examples
    --------
    >>> print(Ratio(8.15, 6.9, 9.62))
    8.2 [6.9, 9.6]
    >>> print(Ratio(float("inf"), 6.9, float("inf")))
    > 6.9
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "neither reached"
        if math.isinf(self.value):
            return f"> {_short(self.low)}"
        if self.value == 0:
            return f"< {_short(self.high)}"
        return f"{_short(self.value)} [{_short(self.low)}, {_short(self.high)}]"


def ratio(more: Mapping[str, Any], less: Mapping[str, Any]) -> Ratio:
    """Return ``more`` over ``less``, two rows of thresholds with ``value``, ``low`` and ``high``.

    Notes
    -----
    The interval combines those of both, taken as independent, on the logarithmic scale (MOVER:
    Zou and Donner, *Statistics in Medicine* 27, 2008): the distance from the estimate to each end
    is the root of the sum of squares of the distances that make the ratio go there.

    Examples
    --------
    >>> dense, pmoe = ({"value": v, "low": v / 1.1, "high": v * 1.1} for v in (90.0, 12.0))
    >>> print(ratio(dense, pmoe))
    7.5 [6.6, 8.6]
    """
    for name, row in (("more", more), ("less", less)):
        if not isinstance(row, Mapping) or not {"value", "low", "high"} <= row.keys():
            raise wrong_object(name, row, "a row with value, low and high")
    up, down = (_distances(row["value"], row["low"], row["high"]) for row in (more, less))
    values = more["value"], less["value"]
    if math.isinf(values[0]) and math.isinf(values[1]):
        return Ratio(math.nan, 0.0, math.inf)
    if math.isinf(values[0]):
        return Ratio(math.inf, more["low"] / less["value"] * float(exp(-down[1])), math.inf)
    if math.isinf(values[1]):
        return Ratio(0.0, 0.0, more["value"] / less["low"] * float(exp(up[1])))
    value = values[0] / values[1]
    low = value * float(exp(-_root(up[0], down[1])))
    return Ratio(value, low, value * float(exp(_root(up[1], down[0]))))


def _distances(value: float, low: float, high: float) -> tuple[float, float]:
    if math.isinf(value):
        return 0.0, math.inf
    down = float(log(value / low)) if low > 0 else math.inf
    return down, float(log(high / value)) if high < math.inf else math.inf


def _root(a: float, b: float) -> float:
    """Return √(a² + b²); `math.hypot` may differ in its last bit."""
    return math.sqrt(a * a + b * b)


def _short(value: float) -> str:
    if math.isinf(value):
        return "∞"
    return f"{value:.3g}" if value >= 100 else f"{value:.2g}"
