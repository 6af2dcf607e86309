"""What noise on scores does: chances of experts, and how many of them see a pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import choice, integer, read_only, real, reject
from moe_theory.predictions.token_choice.checks import expert_array

Array = NDArray[np.float64]
# Nodes of a quadrature over Gaussian noise, and how many standard deviations it covers.
NODES, FARTHEST = 400, 9.0
# In units of the noise; of scores further apart rounding takes more than the noise.
FARTHEST_APART = 1e12


@typed
@single_blas_thread()
def choice_chances(
    scores: ArrayLike,
    noise: Literal["gaussian", "uniform"],
    noise_scale: float,
    n_chosen: int = 1,
) -> Array:
    """Return the probability that a visit of a pattern chooses each expert, under noise.

    Parameters
    ----------
    scores : array, shape (k,)
        Scores h of the pattern, without noise.
    noise : {"gaussian", "uniform"}
        The noise on every score is N(0, 1) or uniform on (0, 1), times ``noise_scale``.
    noise_scale : float
        Positive, and at least 10⁻¹² of the largest difference of two scores.
    n_chosen : int
        c, in [1, k].

    Returns
    -------
    array, shape (k,)
        They sum to c. Exact up to rounding for uniform noise, by quadrature for Gaussian.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    For c = 1 and uniform noise it is `routing_probabilities` of the scores over the scale.

    Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> choice_chances([0.5, 0.0, 0.0], "gaussian", noise_scale=0.5).round(3)
    array([0.634, 0.183, 0.183])
    >>> choice_chances([0.5, 0.0], "uniform", noise_scale=1.0)
    array([0.875, 0.125])
    """
    score = expert_array("scores", scores)
    kind = choice("noise", noise, ("gaussian", "uniform"))
    scale = real("noise_scale", noise_scale, 0.0, open_low=True)
    n_experts = len(score)
    n_chosen = integer("n_chosen", n_chosen, 1, n_experts)
    if float(score.max() - score.min()) > FARTHEST_APART * scale:
        least = f"at least {float(score.max() - score.min()) / FARTHEST_APART:.2g}"
        raise reject("noise_scale", scale, f"{least}, beside scores so far apart")
    behind = (score - score.max()) / scale
    nodes = _gaussian_nodes if kind == "gaussian" else _uniform_nodes
    chances = np.zeros(n_experts)
    for s, own in enumerate(behind):
        noisy, weights = nodes(own, behind)
        below = noisy[:, None] - np.delete(behind, s)
        below = special.ndtr(below) if kind == "gaussian" else np.clip(below, 0.0, 1.0)
        chances[s] = weights @ _fewer_above(1 - below, n_chosen)
    return np.asarray(chances * (n_chosen / chances.sum()))


@typed
def experts_visited(chances: ArrayLike, n_visits: int) -> float:
    """Return how many experts have been chosen in the mean after some visits of a pattern.

    Parameters
    ----------
    chances : array, shape (k,)
        Probability that a visit chooses each expert, see `choice_chances`.
    n_visits : int
        T, visits with independent noise and the same scores.

    Returns
    -------
    float
        Σ_s 1 − (1 − P_s)^T.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> [experts_visited([0.5, 0.5, 0.0], n_visits) for n_visits in (1, 2, 3)]
    [1.0, 1.5, 1.75]
    """
    chance = expert_array("chances", chances)
    for value in (chance.min(), chance.max()):
        real("chances", float(value), 0.0, 1.0)
    visits = integer("n_visits", n_visits, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = np.where(chance < 1, np.exp(visits * np.log1p(-chance)), float(visits == 0))
    return float((1 - missed).sum())


def _fewer_above(above: Array, n_chosen: int) -> Array:
    """Return the chance that fewer than c of the others are above, each with its own chance."""
    counts = np.zeros((n_chosen, len(above)))
    counts[0] = 1.0
    for chance in above.T:
        counts[1:] = counts[1:] * (1 - chance) + counts[:-1] * chance
        counts[0] = counts[0] * (1 - chance)
    fewer: Array = counts.sum(axis=0)
    return fewer


@lru_cache(maxsize=8)
def normal_nodes(n_nodes: int, farthest: float) -> tuple[Array, Array]:
    """Return places within ±``farthest``, and the weights of a mean over a standard normal there.

    They are kept, as they take longer than what they serve.

    Examples
    --------
    >>> places, weights = normal_nodes(60, 8.5)
    >>> round(float(weights @ places**4), 9)
    3.0
    """
    places, weights = np.polynomial.legendre.leggauss(n_nodes)
    places = farthest * places
    weights = farthest * weights * np.exp(-(places**2) / 2) / np.sqrt(2 * np.pi)
    return read_only(places), read_only(weights)


def _gaussian_nodes(own: float, _: Array) -> tuple[Array, Array]:
    """Return noisy scores of an expert and their weights."""
    places, weights = normal_nodes(NODES, FARTHEST)
    return own + places, weights


def _uniform_nodes(own: float, behind: Array) -> tuple[Array, Array]:
    """Return the same, exact for the polynomials between places where another one begins or ends.

    With k experts they are of degree k − 1 at most.
    """
    edges = np.unique(np.clip(np.r_[behind, behind + 1, own, own + 1], own, own + 1))
    places, weights = np.polynomial.legendre.leggauss(len(behind) // 2 + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * places).ravel(), np.outer(half, weights).ravel()
