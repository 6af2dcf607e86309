"""Grids to which a group of weights is rounded: where they begin, and how far points lie apart."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import exp, log

Array = NDArray[Any]

SCALES = ("range", "least_squares", "half_quadratic")
# With more bits than these, to cut off weights saves nothing.
FINEST = 8
# Of the local search for grids of two numbers.
MOST_ENDS, N_ROUNDS = 8, 12
# HQQ's power of the errors, and its weight of the split with its growth.
POWER, FIRST_BETA, GROWTH, MOST_ROUNDS = 0.7, 10.0, 1.01, 20


def grid(weights: Array, bits: int, symmetric: bool, scale: str) -> tuple[Array, Array]:
    """Return the lowest point and the spacing of the grid of every row, shape (u, 1).

    Examples
    --------
    >>> grid(np.array([[-1.0, 0.2, 0.6]]), 1, True, "least_squares")
    (array([[-0.6]]), array([[1.2]]))
    """
    low, step = _range(weights, bits, symmetric)
    if scale == "range" or bits > FINEST:
        return low, step
    if symmetric:
        spacing = _best_step if scale == "least_squares" else _half_quadratic_step
        step = spacing(weights, bits, step)
        return -step * (2**bits - 1) / 2, step
    if scale == "least_squares":
        return _best_grid(weights, bits, low, step)
    return _half_quadratic_low(weights, bits, low, step), step


def levels(weights: Array, bits: int, low: Array, step: Array) -> Array:
    """Return the number of the nearest point of the grid, 0 to 2ᵇ − 1, as float."""
    places = np.divide(weights - low, step, out=np.zeros_like(weights), where=step > 0)
    nearest: Array = np.clip(np.rint(places), 0, 2**bits - 1)
    return nearest


def _range(weights: Array, bits: int, symmetric: bool) -> tuple[Array, Array]:
    low, high = weights.min(axis=1, keepdims=True), weights.max(axis=1, keepdims=True)
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    return low, (high - low) / (2**bits - 1)


def _best_step(weights: Array, bits: int, step: Array) -> Array:
    """Return the step of the symmetric grid whose squared error is least, exactly.

    As the step falls, one weight after the other moves up from the point (j − ½)·step to the next,
    where the step is |w|/j. Between two moves the best step is A/D, and the error Σw² − A²/D, with
    A = Σ|w|c and D = Σc² over the points c·step.
    """
    sizes = np.abs(weights)
    n_rows, dim = sizes.shape
    count = np.arange(1, 2 ** (bits - 1))
    moves = (sizes[:, :, None] / count).reshape(n_rows, -1)
    order = np.argsort(-moves, axis=1, kind="stable")
    gains = np.take_along_axis(np.repeat(sizes, len(count), axis=1), order, axis=1)
    costs = np.take_along_axis(np.broadcast_to(np.tile(2.0 * count, dim), moves.shape), order, 1)
    start = sizes.sum(axis=1, keepdims=True) / 2
    above = np.cumsum(np.concatenate([start, gains], axis=1), axis=1)
    below = np.cumsum(np.concatenate([np.full((n_rows, 1), dim / 4), costs], axis=1), axis=1)
    best = np.argmax(above * above / below, axis=1)[:, None]
    found: Array = np.take_along_axis(above, best, 1) / np.take_along_axis(below, best, 1)
    return found


def _best_grid(weights: Array, bits: int, low: Array, step: Array) -> tuple[Array, Array]:
    """Return the best grid that is found from many pairs of weights as points of the first one.

    The smaller is the lowest point, or the larger the highest, and between them lie all points, all
    but one, or half of them.
    """
    ordered = np.sort(weights, axis=1)
    places = np.unique(np.linspace(0, weights.shape[1] - 1, MOST_ENDS).round().astype(int))
    top = 2**bits - 1
    best = _squared_error(weights, bits, low, step)
    for i, j in combinations(places, 2):
        first, last = ordered[:, i : i + 1], ordered[:, j : j + 1]
        for between in {top, max(1, top - 1), max(1, top // 2)}:
            width = (last - first) / between
            for start in (first, last - top * width):
                here = _regressed(weights, bits, start, width)
                error = _squared_error(weights, bits, *here)
                better = error < best
                low, step = np.where(better, here[0], low), np.where(better, here[1], step)
                best = np.where(better, error, best)
    return low, step


def _regressed(weights: Array, bits: int, low: Array, step: Array) -> tuple[Array, Array]:
    """Round, fit the line of weights against levels, and so on."""
    mean = weights.mean(axis=1, keepdims=True)
    for _ in range(N_ROUNDS):
        level = levels(weights, bits, low, step)
        centred = level - level.mean(axis=1, keepdims=True)
        spread = (centred * centred).sum(axis=1, keepdims=True)
        slope = (centred * weights).sum(axis=1, keepdims=True)
        step = np.divide(slope, spread, out=step.copy(), where=spread > 0)
        low = mean - step * level.mean(axis=1, keepdims=True)
    return low, step


def _squared_error(weights: Array, bits: int, low: Array, step: Array) -> Array:
    gaps = weights - (low + levels(weights, bits, low, step) * step)
    total: Array = (gaps * gaps).sum(axis=1, keepdims=True)
    return total


def _half_quadratic_low(weights: Array, bits: int, low: Array, step: Array) -> Array:
    """Return the lowest point that HQQ finds; it leaves the step as it is."""

    def moved(point: Array, outliers: Array, low: Array, step: Array) -> tuple[Array, Array]:
        return (weights - outliers - point * step).mean(axis=1, keepdims=True), step

    return _half_quadratic(weights, bits, low, step, moved)[0]


def _half_quadratic_step(weights: Array, bits: int, step: Array) -> Array:
    """Return the step of a symmetric grid by HQQ's way."""
    middle = (2**bits - 1) / 2

    def moved(point: Array, outliers: Array, low: Array, step: Array) -> tuple[Array, Array]:
        centred = point - middle
        step = (centred * (weights - outliers)).sum(axis=1, keepdims=True) / (
            centred * centred
        ).sum(axis=1, keepdims=True)
        return -middle * step, step

    return _half_quadratic(weights, bits, -middle * step, step, moved)[1]


def _half_quadratic(
    weights: Array, bits: int, low: Array, step: Array, moved: Any
) -> tuple[Array, Array]:
    """Split errors into outliers and a rest, move the grid to fit the rest, and so on.

    The grid of the least mean absolute error is kept; a row is done when it no longer falls.
    """
    beta, best = FIRST_BETA, np.full(step.shape, np.inf)
    kept, going = (low, step), np.ones(step.shape, bool)
    for _ in range(MOST_ROUNDS):
        level = levels(weights, bits, low, step)
        gaps = weights - (low + level * step)
        error = np.abs(gaps).mean(axis=1, keepdims=True)
        going &= error < best
        if not going.any():
            break
        best = np.where(going, error, best)
        kept = np.where(going, low, kept[0]), np.where(going, step, kept[1])
        low, step = moved(level, _outliers(gaps, beta), low, step)
        beta *= GROWTH
    return kept


def _outliers(gaps: Array, beta: float) -> Array:
    """Return sign(x)·max(|x| − |x|^(p−1)/β, 0), the proximal step of the power p."""
    sizes = np.abs(gaps)
    raised = exp((POWER - 1) * log(np.maximum(sizes, 1e-300)))
    shrunk: Array = np.sign(gaps) * np.maximum(sizes - raised / beta, 0)
    return shrunk
