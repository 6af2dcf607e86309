"""What it takes to reach an error, against sizes: points, fitted power laws, slopes of bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from moe_theory._arithmetic import log
from moe_theory._typed import typed
from moe_theory._validation import integer, real, real_array, reject
from moe_theory.plotting.intervals import Rows, check_rows, plot_intervals
from moe_theory.statistics import ExponentFit, fit_exponents


@typed
def plot_thresholds(
    rows: Rows, ax: Axes, *, x: str, label: str, colour: str, marker: str = "o", shift: float = 1.0
) -> None:
    """Draw thresholds with their intervals as `plot_intervals` does, on logarithmic axes.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of `SampleStudy` or `TrainingStudy`.
    ax : Axes
        Both axes become logarithmic.
    x : str
        The column of the horizontal axis.
    label, colour, marker : str
        Legend and look.
    shift : float
        Factor on the horizontal places, to tell overlapping curves apart.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"n": n, "value": n**2.0, "low": n**2 / 1.2, "high": n**2 * 1.2} for n in (8, 16)]
    >>> ax = Figure().subplots()
    >>> plot_thresholds(rows, ax, x="n", label="dense", colour="C0")
    >>> ax.get_yscale()
    'log'
    """
    check_rows(rows, x, "value", "low", "high")
    shift = real("shift", shift, 0, open_low=True)
    shifted = [{**row, x: shift * row[x]} for row in rows]
    plot_intervals(shifted, ax, x=x, label=label, colour=colour, marker=marker)
    ax.set_xscale("log")


@typed
def fit_rows(rows: Rows, x: str) -> ExponentFit | None:
    """Return the power law through what is known on both sides, or None from less than three.

    Left out are thresholds that were not reached, or were by the smallest size tried.

    Examples
    --------
    >>> rows = [{"n": n, "value": n**2.0, "low": n**1.9, "high": n**2.1} for n in (8, 16, 32)]
    >>> round(float(fit_rows(rows, "n").exponent[0]), 9)
    2.0
    """
    check_rows(rows, x, "value", "low", "high")
    good = [
        row
        for row in rows
        if np.isfinite(row["high"]) and row["low"] > 0 and row.get("censored") != "below"
    ]
    if len({row[x] for row in good}) < 3:
        return None
    # The interval is taken as one of 95 %; an empty one, of a size known to a step, as no error.
    errors = log([row["high"] / row["low"] for row in good]) / 3.92
    known = errors if np.all(errors > 0) else None
    return fit_exponents([row[x] for row in good], [row["value"] for row in good], known)


@typed
def interval_text(value: float, low: float, high: float) -> str:
    """Return a number with its interval, to two decimals, with minus signs.

    Where an end would round to 0 and is not 0, there are more, up to four: its sign decides.

    Examples
    --------
    >>> interval_text(-0.251, -0.3, -0.001)
    '−0.251 [−0.300, −0.001]'
    >>> interval_text(0.25, 0.0, 0.5)
    '0.25 [0.00, 0.50]'
    """
    ends = [real("number", end) for end in (value, low, high)]
    hidden = [end for end in ends[1:] if end and abs(end) < 0.005]
    decimals = min(4, max((-math.floor(math.log10(2 * abs(end))) for end in hidden), default=2))
    rounded = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in ends)
    return "{} [{}, {}]".format(*rounded).replace("-", "−")


@typed
def exponent_text(fit: ExponentFit | None, k: int = 0) -> str:
    """Return an exponent with its interval, and "curved" where a power law is rejected at 1 %.

    Examples
    --------
    >>> exponent_text(None)
    'no fit'
    """
    if fit is None:
        return "no fit"
    k = integer("k", k, 0, len(fit.exponent) - 1)
    text = interval_text(*(float(end[k]) for end in (fit.exponent, fit.low, fit.high)))
    p_value = None if fit.curvature_p_value is None else fit.curvature_p_value[k]
    return f"{text}, curved" if p_value is not None and p_value < 0.01 else text


@typed
def plot_fit(fit: ExponentFit | None, xs: Sequence[float], ax: Axes, *, colour: str) -> None:
    """Draw the fitted power law of one size over the range of ``xs``."""
    places = _range(xs)
    if fit is not None:
        ax.plot(places, fit.predict(places), color=colour, linewidth=1)


@typed
def plot_slope(
    exponent: float, at: tuple[float, float], xs: Sequence[float], ax: Axes, *, label: str | None,
    colour: str = "0.3",
) -> NDArray[np.float64]:  # fmt: skip
    """Draw a power law with the bound's exponent through the point ``at``; return its values.

    Only the slope means something: the constant of a bound is not known.
    """
    places, exponent = _range(xs), real("exponent", exponent, -100, 100)
    start = real_array("at", at, "(2,)")
    if len(start) != 2 or start[0] <= 0:
        raise reject("at", at, "a point (x, y) with x > 0")
    values: NDArray[np.float64] = start[1] * (places / start[0]) ** exponent
    ax.plot(places, values, color=colour, linestyle=":", linewidth=1.5, label=label)
    return values


def _range(xs: Sequence[float]) -> NDArray[np.float64]:
    """Return 50 places between the smallest and the largest of ``xs``, evenly in logarithms."""
    known = real_array("xs", xs, "(M,)")
    if known.min() <= 0:
        raise reject("xs", float(known.min()), "positive everywhere")
    return np.geomspace(known.min(), known.max(), 50)
