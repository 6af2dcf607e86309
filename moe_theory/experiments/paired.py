"""`paired_ratio`: how many times more one network takes than another on the same draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arithmetic import exp, log
from moe_theory._memory import MOST_RESAMPLES
from moe_theory._random import Seed, stream
from moe_theory._validation import integer, real, real_array, reject, wrong_object
from moe_theory.experiments.crossing import cross, expanded_interval, resampled_means
from moe_theory.experiments.ratios import Ratio


def paired_ratio(
    more: Mapping[str, ArrayLike],
    less: Mapping[str, ArrayLike],
    level: float,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> Ratio:
    """Compare what two networks take until their mean error over draws is at most a level.

    Of operations, with the dense network as ``more``, this is the *efficiency leverage*.

    Parameters
    ----------
    more, less : mapping
        What each has ``spent``, shape (R,), rising and above 0, and its ``errors`` there in every
        draw, in [0, 1], shape (D, R), of the same D ≥ 2 draws in the same order. R may differ.
    level : float
        ε, in (0, 1).
    confidence : float
        Of the interval.
    n_resamples : int
        Resamples of the draws, which are the same for both networks.
    seed : int or SeedSequence
        Of the resamples.

    Returns
    -------
    Ratio
        Of what ``more`` takes over what ``less`` takes, interpolated in the logarithm: infinite or
        0 where one never comes to the level, NaN where neither does. What begins at or below the
        level counts from its first place, so that the ratio is a bound then.

    Raises
    ------
    TypeError
        If one is no mapping with these keys, or they are no arrays of numbers.
    ValueError
        If shapes disagree or a value is impossible.

    Examples
    --------
    >>> errors = np.array([[0.5, 0.3, 0.0], [0.5, 0.2, 0.1]])
    >>> dense = {"spent": [2.0, 8.0, 32.0], "errors": errors}
    >>> print(paired_ratio(dense, {"spent": [1.0, 4.0, 16.0], "errors": errors}, 0.25))
    2 [2, 2]
    """
    level = real("level", level, 0, 1, open_low=True, open_high=True)
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    n_resamples = integer("n_resamples", n_resamples, 1, MOST_RESAMPLES)
    (x, upper), (y, lower) = _checked("more", more), _checked("less", less)
    n_draws = len(upper)
    if n_draws < 2:
        raise reject("len(more errors)", n_draws, "at least 2 draws")
    if len(lower) != n_draws:
        raise reject("len(less errors)", len(lower), f"{n_draws}, as many draws as the other has")
    both = np.concatenate([upper, lower], axis=1)
    resampled = resampled_means(both, n_resamples, stream(seed, "resamples"))
    means = np.concatenate([both.mean(axis=0)[None], resampled])
    first = cross(log(x), means[:, : len(x)], level)
    second = cross(log(y), means[:, len(x) :], level)
    if np.isinf(first[0]) and np.isinf(second[0]):
        return Ratio(float("nan"), 0.0, float("inf"))
    with np.errstate(invalid="ignore"):
        gaps = first - second
    # Where neither comes there, nothing is known, so that both ends are possible.
    low, _ = expanded_interval(np.where(np.isnan(gaps), -np.inf, gaps)[1:], n_draws, confidence)
    _, high = expanded_interval(np.where(np.isnan(gaps), np.inf, gaps)[1:], n_draws, confidence)
    return Ratio(*(_exp(gap) for gap in (gaps[0], low, high)))


def _exp(gap: float) -> float:
    return float(exp(gap)) if np.isfinite(gap) else (float("inf") if gap > 0 else 0.0)


def _checked(name: str, curves: Mapping[str, ArrayLike]) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(curves, Mapping) or not {"spent", "errors"} <= curves.keys():
        raise wrong_object(name, curves, "a mapping with spent and errors")
    places = real_array(f"{name} spent", curves["spent"], "(R,)")
    errors = real_array(f"{name} errors", curves["errors"], "(D, R)")
    if errors.shape[1] != len(places):
        raise reject(f"{name} errors.shape", errors.shape, f"(D, {len(places)})")
    if errors.min() < 0 or errors.max() > 1:
        wrong = float(errors[(errors < 0) | (errors > 1)][0])
        raise reject(f"{name} errors", wrong, "fractions, in [0, 1]")
    if not (places > 0).all() or not (np.diff(places) > 0).all():
        raise reject(f"{name} spent", places, "above 0 and rising")
    return places.astype(np.float64), errors.astype(np.float64)
