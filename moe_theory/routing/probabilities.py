"""How probable it is that a router with noise sends an input to each expert."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import real_array

Array = NDArray[np.float64]


def routing_probabilities(scores: ArrayLike) -> Array:
    """Return the probability that each expert has the highest score plus noise uniform in (0, 1).

    The noise is independent for every expert. Exact up to rounding: between points where an
    expert drops out the probability is the integral of a polynomial.

    Parameters
    ----------
    scores : array, shape (N, k) or (k,)
        Scores h of k experts, for N inputs or for one.

    Returns
    -------
    array, of the shape of ``scores``
        Each row sums to 1. An expert whose score is lower by 1 or more than the highest has
        probability 0.

    Raises
    ------
    ValueError
        If scores are not finite, or there are none.
    TypeError
        If ``scores`` is no array of real numbers.

    Notes
    -----
    Two vectors of scores that differ by at most Δ have probabilities that differ by at most 2Δ
    (docs/theory/clusters.md); Lemma 5.1 of C22 has k²Δ.

    Source: derived in docs/theory/clusters.md.

    Examples
    --------
    >>> routing_probabilities([0.0, 0.0, -2.0]).tolist()
    [0.5, 0.5, 0.0]
    >>> routing_probabilities([0.5, 0.0])
    array([0.875, 0.125])
    """
    given = real_array("scores", scores, "(N, k)", "(k,)").astype(np.float64)
    rows = np.atleast_2d(given)
    behind = np.minimum(rows.max(axis=1, keepdims=True) - rows, 1.0)
    # With t the highest noisy score, less the highest score, expert j stays below t with the
    # probability t + behind_j, cut at 1; from 1 − behind_j on it cannot be the highest.
    leaves = 1.0 - behind
    edges = np.sort(leaves, axis=1)
    probability = np.zeros_like(rows)
    start = np.zeros((len(rows), 1))
    for last in range(rows.shape[1]):
        end = edges[:, last : last + 1]
        probability += _piece(behind, leaves > start, start, end - start)
        start = end
    return probability.reshape(given.shape)


def _piece(behind: Array, present: NDArray[np.bool_], start: Array, width: Array) -> Array:
    """Return what each expert's probability gains over one interval of t, shape (N, k).

    Of an expert that is present it is the integral of the product of t + behind_j over the others
    that are. Coefficients in powers of t − start are all ≥ 0, so that nothing cancels.
    """
    n_experts = behind.shape[1]
    at_start = np.where(present, behind + start, 1.0)
    slope = present.astype(np.float64)
    powers = np.zeros((n_experts, *behind.shape))
    powers[0] = 1.0
    for other in range(n_experts):
        constant = np.repeat(at_start[:, other : other + 1], n_experts, axis=1)
        linear = np.repeat(slope[:, other : other + 1], n_experts, axis=1)
        constant[:, other], linear[:, other] = 1.0, 0.0
        for power in range(min(other + 1, n_experts - 1), 0, -1):
            powers[power] = constant * powers[power] + linear * powers[power - 1]
        powers[0] *= constant
    gain, length = np.zeros_like(behind), width.copy()
    for power in range(n_experts):
        gain += powers[power] * length / (power + 1)
        length = length * width
    return np.where(present, gain, 0.0)
