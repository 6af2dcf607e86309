"""The chance to be served in a queue with room for C of n patches, of which the others are random.

The number of patches that come first is binomial, or a sum of two binomials where ties go by place.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.predictions.assumptions import check_numbers_fit


@typed
def place_success(n_patches: int, capacity: int, q: float) -> float:
    """Return the chance to be among the first C of those patches of an input that choose an expert.

    Parameters
    ----------
    n_patches : int
        n; the patch lies at a uniformly random place among them and has chosen the expert.
    capacity : int
        C.
    q : float
        Chance that one of the other n − 1 patches chooses the expert, independently.

    Returns
    -------
    float
        (1/n) Σ_j BinomCDF(C − 1; j, q) over the j = 0 … n − 1 patches at lower places.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    The same number is E min(C, Bin(n, q)) / (n q), near min(1, C/(n q)) if n is large.

    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> round(place_success(n_patches=32, capacity=4, q=0.25), 4)
    0.4959
    """
    n, capacity, q = _checked(n_patches, capacity, q)
    if capacity >= n:
        return 1.0
    check_numbers_fit("n_patches", n, n)
    return float(stats.binom.cdf(capacity - 1, np.arange(n), q).mean())


@typed
def ranked_success(n_patches: int, capacity: int, ahead: float, tied: float = 0.0) -> float:
    """Return the chance that fewer than C of the other n − 1 patches of an input come first.

    Parameters
    ----------
    n_patches : int
        n; the patch lies at a uniformly random place among them.
    capacity : int
        C, or l where experts choose.
    ahead : float
        Chance that one of the other patches has a higher score, independently.
    tied : float
        Chance that it has the same score, so that the one at the lower place comes first.

    Returns
    -------
    float
        BinomCDF(C − 1; n − 1, ahead) without ties. With them, the mean over the number j of
        patches at lower places of P(Bin(j, ahead + tied) + Bin(n − 1 − j, ahead) < C).

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> round(ranked_success(n_patches=32, capacity=4, ahead=0.0625), 4)
    0.8744
    >>> ranked_success(n_patches=32, capacity=4, ahead=0.0, tied=1.0)
    0.125
    """
    n, capacity, ahead = _checked(n_patches, capacity, ahead)
    tied = real("tied", tied, 0, 1 - ahead)
    if capacity >= n:
        return 1.0
    if tied == 0:
        return float(stats.binom.cdf(capacity - 1, n - 1, ahead))
    check_numbers_fit("n_patches", n, n * capacity)
    below, rivals = np.arange(n)[:, None], np.arange(capacity)
    before = np.exp(stats.binom.logpmf(rivals, below, ahead + tied))
    after = stats.binom.cdf(capacity - 1 - rivals, n - 1 - below, ahead)
    return float((before * after).sum() / n)


def _checked(n_patches: object, capacity: object, chance: object) -> tuple[int, int, float]:
    n = integer("n_patches", n_patches, 1)
    return n, integer("capacity", capacity, 1), real("the chance of a rival", chance, 0, 1)
