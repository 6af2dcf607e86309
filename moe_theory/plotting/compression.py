"""Curves of accuracy against how far a network was compressed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.stats import bootstrap

# One look per score in every figure.
SCORE_LOOKS = {
    "router_norm_change": ("router-norm change $\\Delta_s$", "C3", "o", "-"),
    "smallest_change": ("smallest $\\Delta_s$ first", "C3", "o", "-"),
    "smallest_change_lift": ("smallest $\\Delta_s$ first, large variance before", "C3", "D", "--"),
    "smallest_change_idle_last": ("smallest $\\Delta_s$ first, idle last", "C5", "d", "-."),
    "largest_change": ("largest $\\Delta_s$ first", "C6", "h", "-"),
    "rounding_noise": ("predicted rounding noise", "C9", ">", "-"),
    "gate_mass": ("gate mass", "C0", "s", "-"),
    "activation_frequency": ("activation frequency", "C1", "^", "-"),
    "weight_magnitude": ("weight magnitude", "C2", "v", "-"),
    "curvature": ("curvature", "C4", "P", "-"),
    "random": ("random", "C7", "X", "-"),
    "uniform": ("uniform", "k", "*", ":"),
}


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
    values = np.asarray(accuracy, np.float64)
    label, colour, marker, style = SCORE_LOOKS[score]
    ax.plot(levels, values.mean(axis=0), style, marker=marker, color=colour, label=label, ms=5)
    low, high = mean_interval(values)
    ax.fill_between(levels, low, high, color=colour, alpha=shade, linewidth=0)
    ax.grid(alpha=0.3)
    return ax


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[ArrayLike, ArrayLike]:
    """Return the percentile-bootstrap interval of the mean over the first axis.

    Examples
    --------
    >>> low, high = mean_interval([[1.0, 0.0], [1.0, 0.5], [1.0, 1.0]])
    >>> float(low[0]), bool(low[1] < 0.5 < high[1])
    (1.0, True)
    """
    found = bootstrap(
        (np.asarray(values, np.float64),),
        np.mean,
        axis=0,
        method="percentile",
        n_resamples=2000,
        confidence_level=confidence,
        rng=np.random.default_rng(0),
    )
    return found.confidence_interval.low, found.confidence_interval.high
