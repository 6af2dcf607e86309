"""Curves of measurements over the number of training samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from moe_theory._typed import typed
from moe_theory._validation import choice, instance, pair, real_array
from moe_theory.experiments import Results
from moe_theory.plotting.compression import mean_interval

# One look per architecture in every figure; other arms take what is left, in order.
LOOKS = {"dense": ("C0", "o"), "separate": ("C1", "s"), "joint": ("C2", "^")}
OTHERS = (("C3", "D"), ("C4", "v"), ("C5", "P"), ("C6", "X"), ("C7", "*"), ("C8", "<"), ("C9", ">"))


@typed
def plot_curves(
    results: Results,
    column: str,
    ax: Axes,
    *,
    arms: dict[str, str],
    x: str = "n_train",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw the mean of ``column`` and its 95 % interval against ``x``, one curve per arm.

    Parameters
    ----------
    results : Results
        Rows with columns ``arm``, ``draw``, ``x`` and ``column``.
    column : str
        What is measured.
    ax : Axes
        Where to draw.
    arms : dict of str to str
        Arms to draw, in order, with their names in the legend.
    x : str
        The column of the horizontal axis.
    limits : tuple of float, optional
        Where intervals end at the latest, such as (0, 1) for an accuracy.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If ``column`` is not in the results.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"arm": "dense", "n_train": n, "draw": i, "e": 1 / n + i / 100}
    ...         for n in (10, 20) for i in (0, 1)]
    >>> ax = plot_curves(Results({}, rows), "e", Figure().subplots(), arms={"dense": "dense"})
    >>> len(ax.lines)
    1
    """
    instance("arms", arms, dict, "a dict of arms and their names in the legend")
    limits = None if limits is None else pair("limits", limits)
    for arm, label in arms.items():
        colour, marker = look(arm, list(arms))
        plot_curve(
            results.select(arm=arm), column, ax, x=x, label=label, colour=colour, marker=marker,
            limits=limits,
        )  # fmt: skip
    return ax


@typed
def plot_curve(
    results: Results,
    column: str,
    ax: Axes,
    *,
    x: str,
    label: str,
    colour: str,
    marker: str = "o",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw the mean of ``column`` over draws against ``x``, in a band of 95 %.

    The interval is Student's. Where only one draw is known, or one is missing, there is no band.

    Parameters
    ----------
    results : Results
        Rows of one arm, with columns ``x`` and ``column``.
    column : str
        What is measured.
    ax : Axes
        Where to draw.
    x : str
        The column of the horizontal axis.
    label, colour, marker : str
        Legend and look.
    limits : tuple of float, optional
        Where the interval ends at the latest, such as (0, 1) for a share.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"N": n, "e": 1 / n + i / 100} for n in (10, 20) for i in (0, 1)]
    >>> ax = plot_curve(
    ...     Results({}, rows), "e", Figure().subplots(), x="N", label="dense", colour="C0"
    ... )
    >>> ax.lines[0].get_xdata().tolist()
    [10, 20]
    """
    limits = None if limits is None else pair("limits", limits)
    places = sorted(results.unique(x))
    cells = [results.select(**{x: place}).column(column) for place in places]
    ends = [
        mean_interval(cell, limits=limits) if _several(cell) else (np.nan, np.nan) for cell in cells
    ]
    low, high = np.array(ends, float).reshape(-1, 2).T
    ax.plot(places, [cell.mean() for cell in cells], marker=marker, color=colour, label=label, ms=5)
    ax.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.grid(alpha=0.3)
    return ax


def _several(values: NDArray[Any]) -> bool:
    return len(values) > 1 and bool(np.isfinite(values).all())


@typed
def number_ticks(ax: Axes, values: Sequence[float], axis: str = "x") -> None:
    """Make an axis logarithmic with ticks at ``values``, written as plain numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> number_ticks(ax, [1, 2, 4])
    >>> [tick.get_text() for tick in ax.get_xticklabels()]
    ['1', '2', '4']
    """
    choice("axis", axis, ("x", "y"))
    empty = isinstance(values, list | tuple) and not values
    ticks = [] if empty else sorted(set(real_array("values", values, "(M,)").tolist()))
    ax.set(**{f"{axis}scale": "log"})
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    which.set_ticks([], minor=True)


@typed
def look(arm: str, arms: list[str]) -> tuple[str, str]:
    """Return colour and marker of ``arm`` among the ``arms`` of a figure.

    Examples
    --------
    >>> look("joint", ["dense", "joint"])
    ('C2', '^')
    """
    instance("arms", arms, (list, tuple), "a list of names")
    for name in arms:
        instance("arms", name, str, "a list of names")
    if arm in LOOKS:
        return LOOKS[arm]
    choice("arm", arm, arms)
    rest = [name for name in arms if name not in LOOKS]
    return OTHERS[rest.index(arm) % len(OTHERS)]


@typed
def n_draws(results: Results) -> int:
    """Return the number of independent draws behind each point.

    Examples
    --------
    >>> n_draws(Results({}, [{"draw": 0}, {"draw": 1}, {"draw": 0}]))
    2
    """
    return len(results.unique("draw"))


@typed
def summary_rows(
    results: Results, columns: list[str], *, x: str = "n_train"
) -> list[dict[str, Any]]:
    """Return mean, standard deviation and count of ``columns`` per arm and ``x``.

    Columns with a missing value at some place are left empty there. Where trainings diverged, a
    column ``n_diverged`` says how many.

    Examples
    --------
    >>> rows = [{"arm": "dense", "n_train": 9, "draw": i, "e": i / 2} for i in (0, 1)]
    >>> summary_rows(Results({}, rows), ["e"])
    [{'arm': 'dense', 'n_train': 9, 'n_draws': 2, 'e_mean': 0.25, 'e_std': 0.3535533905932738}]
    """
    instance("columns", columns, (list, tuple), "a list of names")
    for column in columns:
        instance("columns", column, str, "a list of names")
    table = []
    for arm in results.unique("arm"):
        for place in results.select(arm=arm).unique(x):
            here = results.select(arm=arm, **{x: place})
            row: dict[str, Any] = {"arm": arm, x: place, "n_draws": len(here.rows)}
            if results.n_diverged:
                row["n_diverged"] = here.n_diverged
            for column in columns:
                mean, std, _ = here.mean_std(column)
                row[f"{column}_mean"] = None if np.isnan(mean) else mean
                row[f"{column}_std"] = None if np.isnan(std) else std
            table.append(row)
    return table
