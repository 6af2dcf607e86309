"""Maps of a measurement over two parameters, one cell per setting."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from moe_theory._typed import typed
from moe_theory._validation import real_array, reject, wrong_object
from moe_theory.experiments import Results


@typed
def cell_means(
    results: Results, column: str, *, x: str, y: str
) -> tuple[list[Any], list[Any], NDArray[np.float64]]:
    """Return the values of ``x`` and ``y``, rising, and the means of ``column``, shape (Y, X).

    Cells without a row are NaN.

    Examples
    --------
    >>> rows = [{"l": 1, "N": 8, "ok": 1.0}, {"l": 1, "N": 8, "ok": 0.0}]
    >>> cell_means(Results({}, rows), "ok", x="N", y="l")
    ([8], [1], array([[0.5]]))
    """
    columns, rows = sorted(results.unique(x)), sorted(results.unique(y))
    means = np.full((len(rows), len(columns)), np.nan)
    for i, own_y in enumerate(rows):
        for j, own_x in enumerate(columns):
            here = [row for row in results if (row.get(x), row.get(y)) == (own_x, own_y)]
            if here:
                means[i, j] = Results({}, here).column(column).mean()
    return columns, rows, means


@typed
def plot_cells(
    results: Results,
    column: str,
    ax: Axes,
    *,
    x: str,
    y: str,
    cmap: str = "gray",
    limits: tuple[float, float] = (0.0, 1.0),
) -> AxesImage:
    """Draw the mean over draws of ``column``, one cell for each pair of ``x`` and ``y``.

    Parameters
    ----------
    results : Results
        Rows with columns ``x``, ``y`` and ``column``.
    column : str
        What is shown; white is the upper limit with the grey map.
    ax : Axes
        Where to draw; ticks carry the values, so that cells may be unevenly spaced.
    x, y : str
        Columns of the axes.
    cmap : str
        Colour map.
    limits : (float, float)
        Values at its ends.

    Returns
    -------
    AxesImage
        For a colour bar.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"l": l, "N": N, "ok": float(N > l)} for l in (1, 2) for N in (1, 2, 3)]
    >>> image = plot_cells(Results({}, rows), "ok", Figure().subplots(), x="N", y="l")
    >>> image.get_array().shape
    (2, 3)
    """
    ends = real_array("limits", limits, "(2,)")
    if len(ends) != 2:
        raise reject("limits", limits, "two numbers")
    columns, rows, means = cell_means(results, column, x=x, y=y)
    image = ax.imshow(means, origin="lower", aspect="auto", cmap=cmap, vmin=ends[0], vmax=ends[1])
    ax.set_facecolor("C0")
    ax.set_xticks(range(len(columns)), [str(value) for value in columns], rotation=60, fontsize=8)
    ax.set_yticks(range(len(rows)), [str(value) for value in rows], fontsize=8)
    return image


@typed
def cell_places(values: list[Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where ``at`` lies among cells of the given values, by interpolation in logarithms.

    Examples
    --------
    >>> cell_places([1, 2, 4], np.array([1.0, 4.0]))
    array([0., 2.])
    """
    known = real_array("values", values, "(M,)")
    if known.min() <= 0:
        raise reject("values", float(known.min()), "positive everywhere")
    if not isinstance(at, np.ndarray) or at.dtype.kind not in "iuf":
        raise wrong_object("at", at, "an array of numbers")
    if (wrong := at[at <= 0]).size:
        raise reject("at", float(wrong[0]), "positive, infinite or NaN everywhere")
    places: NDArray[np.float64] = np.interp(np.log(at), np.log(known), np.arange(len(known)))
    return places
