"""The bounds of C22: networks on clusters whose features are each other's noise."""

from __future__ import annotations

from typing import Any

import sympy as sp

from moe_theory.bounds.bound import Bound
from moe_theory.bounds.parameters import SYMBOL, Assumption

K, d, k, eta, sigma, change = (
    SYMBOL[name]
    for name in (
        "n_clusters", "patch_dim", "n_experts", "learning_rate", "init_std", "score_change",
    )
)  # fmt: skip

_SUMS = ("F(x) is a sum over patches, of any function f", "balanced labels")
_TRAINING = (
    "cubic experts with output weights +1, each with its gradient normalised",
    "one expert per input, the highest of the scores with uniform noise",
)
_SCORES = ("one expert per input, the highest of the scores with noise uniform in (0, 1)",)


def cluster_bounds() -> dict[str, Bound]:
    """Return what C22 proves of clusters and of routers with noise, and one bound derived here.

    The data are those of `moe_theory.data.ClusterSignal`.

    Returns
    -------
    dict
        ``dense_error``: test error of any sum over patches, such as a dense network of any width,
        where feature and feature noise have one law (Theorem 4.1). `patch_sum_floor` has it for
        two laws.
        ``n_experts``, ``n_train``, ``n_steps``: experts, samples and steps of exploration with
        which a mixture of whole inputs learns to an error of o(1) (Theorem 4.2).
        ``routing_change``: by how much the probability to be chosen changes at most, at any
        expert, where scores change by at most Δ_h (Lemma 5.1).
        ``routing_change_derived``: the same as derived here, for any number of experts.

    Notes
    -----
    Theorem 4.2 has ⌊√σ₀/η⌋ steps of exploration. The rates hide how far o(1) is from the error that
    is asked for.

    Source: C22; the last one is derived in docs/theory/clusters.md.

    Examples
    --------
    >>> for name, bound in cluster_bounds().items():
    ...     print(name, bound)
    dense_error ≥ 1/8
    n_experts Θ(K log(K) log(log(d)))
    n_train Ω(d)
    n_steps Θ(√σ₀/η)
    routing_change ≤ k² Δ_h
    routing_change_derived ≤ 2 Δ_h
    >>> cluster_bounds()["n_experts"].evaluate(n_clusters=4, patch_dim=50)
    7.5639...
    """
    learned: dict[str, Any] = {
        "kind": "sufficient",
        "architecture": "sample",
        "requires": (Assumption(sp.Ge(d, 3), "d >= 3"),),
        "assumes": _TRAINING,
        "source": "Theorem 4.2 of C22",
    }
    routed: dict[str, Any] = {
        "quantity": "change of routing probabilities",
        "kind": "upper",
        "order": "≤",
        "architecture": "sample",
        "assumes": _SCORES,
    }
    return {
        "dense_error": Bound(
            sp.Rational(1, 8), "test error of a sum over patches", "lower", "≥", "dense",
            assumes=("α and γ have the same law", *_SUMS), source="Theorem 4.1 of C22",
        ),
        "n_experts": Bound(
            K * sp.log(K) * sp.log(sp.log(d)), "number of experts", order="Θ", **learned
        ),
        "n_train": Bound(d, "sample complexity", order="Ω", **learned),
        "n_steps": Bound(sp.sqrt(sigma) / eta, "steps of exploration", order="Θ", **learned),
        "routing_change": Bound(k**2 * change, source="Lemma 5.1 of C22", **routed),
        "routing_change_derived": Bound(
            2 * change, source="derived in docs/theory/clusters.md", **routed
        ),
    }  # fmt: skip
