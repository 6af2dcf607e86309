"""Numbers with their intervals on a logarithmic axis, and what is not known of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from moe_theory._typed import typed
from moe_theory._validation import boolean, instance, real, reject

Rows = Sequence[Mapping[str, Any]]

# Where a number is not known, an arrow of this factor starts at the end that is.
ARROW = 1.5
# An arrow to the edge is at least as long as this factor, where the panel makes room for its data.
ROOM = 3.0


@typed
def plot_intervals(
    rows: Rows, ax: Axes, *, x: str, colour: str, marker: str = "o", label: str = "",
    across: bool = False, size: float = 5.0,
) -> None:  # fmt: skip
    """Draw positive numbers with intervals on a logarithmic axis, open where they have no end.

    A bar ends in a cap at each end of its interval, and in an arrow at the edge of the panel where
    there is none: at an upper one that is infinite, at a lower one of 0. An infinite number is
    drawn hollow at its lower end, with a short arrow up; one of 0 at its upper end, with an arrow
    down. Nothing is drawn where no end is known.

    Parameters
    ----------
    rows : sequence of mappings
        With columns ``x``, ``value``, ``low`` and ``high``.
    ax : Axes
        The axis of the numbers becomes logarithmic.
    x : str
        The column of the other axis.
    colour, marker, label : str
        Look, and name in the legend.
    across : bool
        Draw the numbers along the horizontal axis.
    size : float
        Of the markers, in points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"n": 8, "value": 10, "low": 8, "high": 12},
    ...         {"n": 16, "value": 20, "low": 15, "high": float("inf")}]
    >>> ax = Figure().subplots()
    >>> plot_intervals(rows, ax, x="n", colour="C0")
    >>> len(ax.containers), len(ax.texts)  # points with bars, an arrow
    (1, 1)
    """
    check_rows(rows, x, "value", "low", "high")
    across = boolean("across", across)
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": real("size", size, 0)}
    ax.set(**{"xscale" if across else "yscale": "log"})
    table = np.array([[row[name] for name in (x, "value", "low", "high")] for row in rows], float)
    places, values, lows, highs = columns = table.reshape(-1, 4).T
    known = (values > 0) & (values < math.inf)
    _points(ax, columns[:, known], across, label=label, **look)
    for place, low in zip(places[values == math.inf], lows[values == math.inf], strict=True):
        if low > 0:
            _hollow(ax, place, low, across, "lo", **look)
    for place, high in zip(places[values == 0], highs[values == 0], strict=True):
        if 0 < high < math.inf:
            _hollow(ax, place, high, across, "up", **look)


def _points(ax: Axes, columns: NDArray[np.float64], across: bool, **look: Any) -> None:
    """Draw numbers that are known, with bars to the ends of their intervals that are."""
    places, values, lows, highs = columns
    closed = [np.where(lows > 0, values - lows, 0), np.where(highs < math.inf, highs - values, 0)]
    _bars(ax, places, values, closed, across, linestyle="none", capsize=2, **look)
    for is_open, edge in ((lows <= 0, 0), (highs == math.inf, 1)):
        for place, value in zip(places[is_open], values[is_open], strict=True):
            _arrow(ax, (place, value), edge, across, look["color"])


def _hollow(ax: Axes, place: float, end: float, across: bool, side: str, **look: Any) -> None:
    length = end * (ARROW - 1 if side == "lo" else 1 - 1 / ARROW)
    arrow = {f"{'x' if across else ''}{side}lims": True}
    _bars(ax, place, end, length, across, mfc="w", **arrow, **look)


def _bars(ax: Axes, place: Any, value: Any, length: Any, across: bool, **look: Any) -> None:
    if across:
        ax.errorbar(value, place, xerr=length, **look)
    else:
        ax.errorbar(place, value, yerr=length, **look)


def _arrow(ax: Axes, start: tuple[float, float], edge: int, across: bool, colour: str) -> None:
    """Draw an arrow from a point to the edge of the panel, wherever that will be, but not near."""
    seen = start[0], start[1] * (ROOM if edge else 1 / ROOM)
    ax.update_datalim([seen[::-1] if across else seen])
    ax.autoscale_view()
    end: tuple[Any, Any] = (start[0], edge)
    units: tuple[Any, Any] = ("data", "axes fraction")
    if across:
        start, end, units = start[::-1], end[::-1], units[::-1]
    head = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, xycoords=units, textcoords="data", arrowprops=head, zorder=1.5)


@typed
def open_ends(*tables: Rows) -> str:
    """Return what an arrow at a full point means, to add to a caption, or "" if there is none.

    Parameters
    ----------
    *tables : sequences of mappings
        Rows that `plot_intervals` or `plot_thresholds` drew.

    Examples
    --------
    >>> open_ends([{"value": 20, "low": 15, "high": float("inf")}])
    '; arrow to the edge: the interval has no end, as over 2.5 % of resampled draws never get there'
    >>> open_ends([{"value": 20, "low": 15, "high": 30}])
    ''
    """
    for rows in tables:
        check_rows(rows, "value", "low", "high")
    known = [row for rows in tables for row in rows if 0 < row["value"] < math.inf]
    found = ["reaches 0"] if any(row["low"] <= 0 for row in known) else []
    if any(row["high"] == math.inf for row in known):
        found.append("has no end, as over 2.5 % of resampled draws never get there")
    return f"; arrow to the edge: the interval {' or '.join(found)}" if found else ""


def check_rows(rows: object, *columns: str) -> None:
    """Raise an error unless ``rows`` are mappings that have the columns."""
    instance("rows", rows, Sequence, "a sequence of mappings")
    for row in rows:  # type: ignore[attr-defined]
        instance("rows", row, Mapping, "a sequence of mappings")
        if missing := [name for name in columns if name not in row]:
            raise reject("rows", sorted(row), f"mappings with a column {missing[0]!r}")
