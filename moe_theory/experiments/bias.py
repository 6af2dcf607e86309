"""`bias_and_spread`: how far predictions are off on average, and how much that varies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from moe_theory._arithmetic import exp, log
from moe_theory._typed import typed
from moe_theory._validation import real, real_array, reject
from moe_theory.experiments.mean_std import student_interval

Array = NDArray[np.float64]

# No spread is found more finely, relative to the smallest noise.
RESOLUTION = 1e-6


@dataclass(frozen=True)
class BiasAndSpread:
    """The bias of predictions, and their spread around it beyond noise.

    Attributes
    ----------
    bias, bias_low, bias_high : float
        Mean of predicted over simulated, and its interval; 1 if there is no bias.
    spread, spread_low, spread_high : float
        Standard deviation of its logarithm over settings without the noise of both, and its
        interval.

    Examples
    --------
    >>> found = bias_and_spread([1.1, 1.0, 0.9], [0.01, 0.01, 0.01])
    >>> round(found.bias, 3), round(found.spread, 2)
    (0.997, 0.1)
    """

    bias: float
    bias_low: float
    bias_high: float
    spread: float
    spread_low: float
    spread_high: float


@typed
def bias_and_spread(
    ratios: ArrayLike, standard_errors: ArrayLike, confidence: float = 0.95
) -> BiasAndSpread:
    """Tell apart what ratios have in common and by how much they differ beyond their noise.

    Parameters
    ----------
    ratios : array, shape (M,)
        Predicted over simulated in M >= 2 settings, positive.
    standard_errors : array, shape (M,)
        Of the logarithms of the ratios, positive.
    confidence : float
        Of both intervals, in (0, 1).

    Raises
    ------
    ValueError
        If shapes disagree or a value is impossible.

    Notes
    -----
    log ratio = bias + deviation + noise, with deviations of variance τ² and noise of known ones.
    Source: τ² is that of Paule and Mandel (1982), Consensus values and weighting factors, and its
    interval the Q-profile of Viechtbauer (2007), Confidence intervals for the amount of
    heterogeneity in meta-analysis: the values for which the weighted sum of squares lies between
    the quantiles of χ² with M − 1 degrees of freedom.

    Examples
    --------
    >>> found = bias_and_spread([1.02, 0.99, 1.01, 0.98], [0.02, 0.02, 0.02, 0.02])
    >>> found.spread, found.spread_low, round(found.bias, 2), found.bias_low < 1 < found.bias_high
    (0.0, 0.0, 1.0, True)
    """
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    values = real_array("ratios", ratios, "(M,)").astype(np.float64)
    noise = real_array("standard_errors", standard_errors, "(M,)").astype(np.float64)
    for name, array in (("ratios", values), ("standard_errors", noise)):
        if len(array) < 2:
            raise reject(f"len({name})", len(array), "at least 2")
        if array.min() <= 0:
            raise reject(name, float(array.min()), "positive")
    if len(values) != len(noise):
        raise reject("len(standard_errors)", len(noise), f"{len(values)}, one for each ratio")
    logs, free = log(values), len(values) - 1
    spread = _spread(logs, noise, free)
    tails = (1 + confidence) / 2, (1 - confidence) / 2
    low, high = (_spread(logs, noise, float(stats.chi2.ppf(tail, free))) for tail in tails)
    weights, mean = _weighted(logs, noise, spread)
    error = 1 / math.sqrt(weights.sum())
    ends = student_interval(mean, error, len(logs), confidence)
    bias, bias_low, bias_high = (float(exp(x)) for x in (mean, *ends))
    return BiasAndSpread(bias, bias_low, bias_high, spread, low, high)


def _weighted(logs: Array, noise: Array, spread: float) -> tuple[Array, float]:
    """Return the weights of the ratios where their spread is known, and their mean."""
    weights = 1 / (noise**2 + spread**2)
    return weights, float((weights * logs).sum() / weights.sum())


def _spread(logs: Array, noise: Array, squares: float) -> float:
    """Return the τ at which the weighted sum of squares is ``squares``, or 0 if it never is."""

    def excess(spread: float) -> float:
        weights, mean = _weighted(logs, noise, spread)
        return float((weights * (logs - mean) ** 2).sum()) - squares

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(noise.max())
    while excess(high) > 0:
        low, high = high, 2 * high
    while high - low > RESOLUTION * noise.min():
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2
