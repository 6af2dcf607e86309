"""Whether two patterns, or two visits of one pattern, choose the same experts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.predictions.token_choice.noisy_choice import normal_nodes

Array = NDArray[np.float64]
# Nodes of a quadrature over normal variables, and how many standard deviations it covers.
NODES, FARTHEST = 96, 8.5


@typed
def meeting_chance(n_experts: int, n_chosen: int = 1) -> float:
    """Return the chance that o₁ and o₂ have an expert in common before training.

    Parameters
    ----------
    n_experts, n_chosen : int
        k; c, in [1, k].

    Returns
    -------
    float
        1 − C(k − c, c)/C(k, c), which is 1/k for c = 1. Exact for orthogonal patterns and Gaussian
        routers.

    Raises
    ------
    ValueError
        If a number is impossible.

    Notes
    -----
    Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> meeting_chance(n_experts=8), round(meeting_chance(n_experts=8, n_chosen=2), 4)
    (0.125, 0.4643)
    """
    n_experts = integer("n_experts", n_experts, 1)
    n_chosen = integer("n_chosen", n_chosen, 1, n_experts)
    apart = 1.0
    for taken in range(min(n_chosen, n_experts - n_chosen + 1)):
        apart *= (n_experts - n_chosen - taken) / (n_experts - taken)
    return 1.0 - apart


@typed
@single_blas_thread()
def shared_experts(n_experts: int, n_chosen: int = 1, correlation: float = 0.0) -> float:
    """Return how many experts are chosen in the mean by both of two patterns or visits.

    Parameters
    ----------
    n_experts, n_chosen : int
        k; c, in [1, k].
    correlation : float
        ρ, in [−1, 1], between their scores at an expert; experts are independent. δ_d for o₁ and
        o₂ and Gaussian routers of standard deviation s; s²/(s² + τ²) for two visits of one pattern
        under Gaussian noise of standard deviation τ; the product of both for visits of o₁ and o₂.

    Returns
    -------
    float
        In [0, c]; for c = 1 the probability of the same choice. At ρ = 0 it is c²/k. By quadrature.

    Raises
    ------
    ValueError
        If a number is impossible.

    Notes
    -----
    For k = 2 it is 1/2 + arcsin(ρ)/π. Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> [round(shared_experts(8, correlation=rho), 4) for rho in (-0.5, 0.0, 0.5, 1.0)]
    [0.0235, 0.125, 0.3265, 1.0]
    """
    n_experts = integer("n_experts", n_experts, 1)
    n_chosen = integer("n_chosen", n_chosen, 1, n_experts)
    rho = real("correlation", correlation, -1.0, 1.0)
    if rho == 0.0 or n_chosen == n_experts:
        return n_chosen**2 / n_experts
    if rho == 1.0:
        return float(n_chosen)
    if rho == -1.0:
        return float(max(0, 2 * n_chosen - n_experts))
    places, weights = normal_nodes(NODES, FARTHEST)
    first = places[:, None]
    second = rho * first + math.sqrt((1 - rho) * (1 + rho)) * places
    chance = _both_among_best(first, second, rho, n_experts - 1, n_chosen)
    return float(n_experts * (weights @ chance @ weights))


def _both_among_best(x: Array, y: Array, rho: float, others: int, n_chosen: int) -> Array:
    """Return the chance that fewer than c others are above x, and fewer than c above y.

    Another is above both, above x only, above y only or above none, independently. A table with
    the number above x and that above y, cut at c, is carried from one to the next.
    """
    neither = _below_both(x, y, rho)
    low_x, low_y = special.ndtr(x), special.ndtr(y)
    both = np.maximum(1 - low_x - low_y + neither, 0.0)
    x_only, y_only = np.maximum(low_y - neither, 0.0), np.maximum(low_x - neither, 0.0)
    table = np.zeros((n_chosen, n_chosen, *neither.shape))
    table[0, 0] = 1.0
    for _ in range(others):
        grown = table * neither
        grown[1:] += table[:-1] * x_only
        grown[:, 1:] += table[:, :-1] * y_only
        grown[1:, 1:] += table[:-1, :-1] * both
        table = grown
    chance: Array = table.sum(axis=(0, 1))
    return chance


def _below_both(x: Array, y: Array, rho: float) -> Array:
    """Return the bivariate normal distribution function, by Owen's T; x and y are not 0."""
    x, y = np.broadcast_arrays(x, y)
    root = math.sqrt((1 - rho) * (1 + rho))
    half = (special.ndtr(x) + special.ndtr(y)) / 2
    half -= special.owens_t(x, (y - rho * x) / (x * root))
    half -= special.owens_t(y, (x - rho * y) / (y * root))
    below: Array = np.clip(half - np.where(x * y < 0, 0.5, 0.0), 0.0, 1.0)
    return below
