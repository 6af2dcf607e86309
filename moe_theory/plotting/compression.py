"""Curves of accuracy against how far a network was compressed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from moe_theory._typed import typed
from moe_theory._validation import choice, real, real_array, reject
from moe_theory.experiments import student_interval

# One look per score in every figure.
SCORE_LOOKS = {
    "router_norm_change": ("router-norm change $\\Delta_s$", "C3", "o", "-"),
    "smallest_change": ("smallest $\\Delta_s$ first", "C3", "o", "-"),
    "released_lift": ("smallest $\\Delta_s$ first, with P26's lift", "C0", "D", "-"),
    "largest_change": ("largest $\\Delta_s$ first", "C6", "h", "-"),
    "rounding_noise": ("predicted rounding noise", "C9", ">", "-"),
    "gate_mass": ("gate mass", "C0", "s", "-"),
    "activation_frequency": ("activation frequency", "C1", "^", "-"),
    "weight_magnitude": ("weight magnitude", "C2", "v", "-"),
    "curvature": ("curvature", "C4", "P", "-"),
    "random": ("random", "C7", "X", "-"),
    "uniform": ("uniform", "k", "*", ":"),
}


@typed
def plot_compression(
    ax: Axes, levels: ArrayLike, accuracy: ArrayLike, score: str, *, shade: float = 0.13
) -> Axes:
    """Draw the mean accuracy over draws, with its 95 % interval, against the level.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    levels : array, shape (L,)
        ρ, bits or the like.
    accuracy : array, shape (draws, L)
        At least two draws.
    score : str
        Gives the curve its look and its name in the legend.
    shade : float
        Opacity of the band.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot_compression(Figure().subplots(), [0, 0.5], [[1, 0.9], [1, 0.8]], "random")
    >>> ax.lines[0].get_label()
    'random'
    """
    shade = real("shade", shade, 0, 1)
    choice("score", score, tuple(SCORE_LOOKS))
    points, values = real_array("levels", levels, "(L,)"), _draws("accuracy", accuracy)
    if values.shape[1:] != points.shape:
        raise reject("accuracy.shape", values.shape, f"(draws, {len(points)})")
    label, colour, marker, style = SCORE_LOOKS[score]
    ax.plot(points, values.mean(axis=0), style, marker=marker, color=colour, label=label, ms=5)
    low, high = mean_interval(values)
    ax.fill_between(points, low, high, color=colour, alpha=shade, linewidth=0)
    ax.grid(alpha=0.3)
    return ax


@typed
def mean_interval(
    values: ArrayLike, confidence: float = 0.95, *, limits: tuple[float, float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Student's interval of the mean over the first axis, as `student_interval` does.

    Examples
    --------
    >>> low, high = mean_interval([[1.0, 0.0], [1.0, 0.5], [1.0, 1.0]], limits=(0, 1))
    >>> float(low[0]), bool(low[1] < 0.5 < high[1])
    (1.0, True)
    """
    draws = _draws("values", values)
    error = draws.std(axis=0, ddof=1) / len(draws) ** 0.5
    return student_interval(draws.mean(axis=0), error, len(draws), confidence, limits=limits)


def _draws(argument: str, given: ArrayLike) -> NDArray[np.float64]:
    values = real_array(argument, given, "(draws,)", "(draws, L)").astype(np.float64)
    if len(values) < 2:
        raise reject(f"{argument}.shape", values.shape, "that of at least two draws")
    return values
