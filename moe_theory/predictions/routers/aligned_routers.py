"""How often routers along ±(o₁ − o₂) keep the discriminative patch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.data.patterns import PatchPatterns
from moe_theory.predictions.routers.success import RouterSuccess

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-20


@dataclass(frozen=True)
class AlignedSuccess:
    """Success of the routers w₁ = o₁ − o₂ and w₂ = −w₁.

    Attributes
    ----------
    worst, best : RouterSuccess
        If the discriminative patch loses, and if it wins, every tie. They differ only where
        irrelevant centres tie with it: spread 0 and closeness 1.
    """

    worst: RouterSuccess
    best: RouterSuccess


@typed
@single_blas_thread()
def aligned_success(patterns: PatchPatterns, n_routed: int) -> AlignedSuccess:
    """Return how often a router along o₁ − o₂ (o₂ − o₁) has o₁ (o₂) among its top l.

    Parameters
    ----------
    patterns : PatchPatterns
        Any: with spread, closer patterns and a limit on them.
    n_routed : int
        l, in [1, n].

    Returns
    -------
    AlignedSuccess

    Raises
    ------
    ValueError
        If l is not in [1, n].

    Notes
    -----
    Source: derived in docs/theory/routers.md: P23's router lemma in the limit of an exact router.

    Examples
    --------
    >>> patterns = PatchPatterns(16, 8, 10, n_closer=(2, 0), closeness=1.2)
    >>> success = aligned_success(patterns, n_routed=4).worst
    >>> round(success.positive, 4), success.negative
    (0.4613, 1.0)
    """
    n_routed = integer("n_routed", n_routed, 1, patterns.n_patches)
    worst, best = (
        RouterSuccess.of_classes(
            patterns,
            *(1 - float(_failures(patterns, side, ties_lose)[n_routed]) for side in (1, -1)),
        )
        for ties_lose in (True, False)
    )
    return AlignedSuccess(worst, best)


@typed
@single_blas_thread()
def certain_n_routed(patterns: PatchPatterns, certainty: float) -> int:
    """Return the least l at which the worst success of both classes is at least ``certainty``.

    Parameters
    ----------
    patterns : PatchPatterns
        Any.
    certainty : float
        In (0, 1]. At 1 the answer speaks of every input that can occur, however rare: without
        spread it is ``patterns.l_star``, with spread n.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``certainty`` is out of range.

    Notes
    -----
    Source: derived in docs/theory/routers.md, with l* after P23.

    Examples
    --------
    >>> patterns = PatchPatterns(16, 8, 10, n_closer=(2, 0))
    >>> certain_n_routed(patterns, 0.99), certain_n_routed(patterns, 1)
    (9, 16)
    """
    certainty = real("certainty", certainty, 0, 1, open_low=True)
    if certainty == 1:
        # A chance may be too small for a float and still not be 0.
        return patterns.l_star if patterns.is_finite else patterns.n_patches
    failures = np.maximum(*(_failures(patterns, side, ties_lose=True) for side in (1, -1)))
    return 1 + int(np.argmax(1 - failures[1:] >= certainty))


def _failures(patterns: PatchPatterns, side: int, ties_lose: bool) -> Array:
    """Return the chance that at least l irrelevant patches go ahead, for l = 0 … n.

    ``side`` is the class, +1 or −1. Of chances only sums are taken, so that small ones keep their
    digits and impossible ones stay 0.
    """
    n = patterns.n_patches
    ours, theirs, neutral = (
        stats.binom.pmf(np.arange(n), np.arange(n)[:, None], _overtakes(patterns, near, ties_lose))
        for near in (1, -1, 0)
    )
    law = _closer_law(patterns) if side > 0 else _closer_law(patterns).T
    ahead = np.zeros(n)
    for i, j in np.argwhere(law > NEGLIGIBLE):
        closer = np.convolve(ours[i], theirs[j])
        ahead += law[i, j] * np.convolve(closer, neutral[n - 1 - i - j])[:n]
    return np.append(np.cumsum(ahead[::-1])[::-1], 0.0)


def _overtakes(patterns: PatchPatterns, near: int, ties_lose: bool) -> float:
    """Return the chance that one patch goes ahead, by how its centre lies: near (1), far, neutral.

    The router's score of the discriminative patch is 1 − δ_d, of a centre near · closeness times
    that, and of the noise N(0, 2σ²(1 − δ_d)); the discriminative patch has no noise.
    """
    lead = near * patterns.closeness - 1
    if patterns.spread > 0:
        scale = math.sqrt((1 - patterns.delta_d) / 2) / patterns.spread
        return float(stats.norm.cdf(lead * scale))
    return float(lead > 0 or (lead == 0 and ties_lose))


def _closer_law(patterns: PatchPatterns) -> Array:
    """Return the law of the numbers of o₁-closer and o₂-closer patches in one input."""
    n, p = patterns.n_patches, patterns.n_irrelevant
    (first, second), counts = patterns.n_closer, np.arange(n)
    left = max(p - first, 1)
    of_first = stats.binom.pmf(counts, n - 1, first / max(p, 1))
    of_second = stats.binom.pmf(counts, (n - 1 - counts)[:, None], second / left)
    limit = n - 1 if patterns.max_closer is None else patterns.max_closer
    fold = np.eye(limit + 1)[np.minimum(counts, limit)]
    law: Array = fold.T @ (of_first[:, None] * of_second) @ fold
    return law
