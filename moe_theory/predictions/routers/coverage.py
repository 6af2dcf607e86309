"""How experts that each learn one cluster share the clusters."""

from __future__ import annotations

import numpy as np

from moe_theory._typed import typed
from moe_theory._validation import integer

MOST_CLUSTERS, MOST_EXPERTS = 10**4, 10**5


@typed
def coverage_probability(n_clusters: int, n_experts: int) -> float:
    """Return how likely every cluster has an expert, if each expert takes one at random.

    That is the state after exploration, if experts specialise independently of each other and all
    clusters are alike.

    Parameters
    ----------
    n_clusters : int
        K in [1, 10⁴].
    n_experts : int
        k in [1, 10⁵].

    Returns
    -------
    float
        Σ_j (−1)^j (K choose j) (1 − j/K)^k, which is at least 1 − K·exp(−k/K).

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The coupon collector, computed by adding one expert after the other, as the sum cancels.
    K·log(K/δ) experts are enough for 1 − δ.

    Source: derived in docs/theory/clusters.md; Theorem 4.2 of C22 asks for K log K log log d.

    Examples
    --------
    >>> [round(coverage_probability(4, n_experts), 3) for n_experts in (4, 8, 16, 32)]
    [0.094, 0.623, 0.96, 1.0]
    """
    n_clusters = integer("n_clusters", n_clusters, 1, MOST_CLUSTERS)
    n_experts = integer("n_experts", n_experts, 1, MOST_EXPERTS)
    if n_experts < n_clusters:
        return 0.0
    taken = np.arange(n_clusters + 1) / n_clusters
    # law[j] is the probability that j clusters have an expert.
    law = np.zeros(n_clusters + 1)
    law[0] = 1
    for _ in range(n_experts):
        moved = law * (1 - taken)
        law = law * taken
        law[1:] += moved[:-1]
    return float(law[-1])
