"""How the fields of samples respond to pulls, in whichever space is the smaller one.

Pulls α move the fields by Kα. With q active patterns K = A Aᵀ has rank q, so that with N > q all
is solved with matrices of size q, in time N q² instead of N³.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array, hstack, issparse

Array = NDArray[Any]

# A pivot nearer to 0 is moved away: Newton's method needs its slope no more exactly.
SMALLEST_PIVOT = 1e-6
# Share of entries that are not 0, below which sparse products are faster.
SPARSE = 0.1


@dataclass(frozen=True, eq=False)
class FewSamples:
    """K itself, shape (N, N)."""

    kernel: Array

    def own_effects(self, softness: Array) -> Array:
        """Return V, by how much a pull moves its own sample's field while the others respond.

        A push at sample i moves the fields by M = K(I + XK)⁻¹ if all respond, X = diag(χ); without
        i's own response it is M_ii/(1 − χ_i M_ii).
        """
        moved = np.linalg.solve(
            np.eye(len(self.kernel)) + self.kernel * softness, self.kernel
        ).diagonal()
        return without_own(moved, softness)

    def newton_step(self, softness: Array, own: Array, miss: Array) -> Array:
        """Return δ with (I + X(K − diag(V))) δ = ``miss``."""
        slope = np.eye(len(miss)) + softness[:, None] * (self.kernel - np.diag(own))
        step: Array = np.linalg.solve(slope, miss)
        return step


@dataclass(frozen=True, eq=False)
class FewPatterns:
    """A with K = A Aᵀ, shape (N, q), a sparse array where few of its entries are not 0."""

    factor: Any

    @classmethod
    def of(cls, signed: list[Any], active: Array) -> FewPatterns:
        """Return the K of the `faster` signed counts, one per expert, and of active units."""
        roots = [
            one[:, units > 0] * np.sqrt(units[units > 0])
            for one, units in zip(signed, active, strict=True)
        ]
        sparse = any(issparse(one) for one in signed)
        return cls(hstack(roots, format="csr") if sparse else np.concatenate(roots, axis=1))

    def own_effects(self, softness: Array) -> Array:
        """Return the same as `FewSamples.own_effects`, as M = A (I + AᵀXA)⁻¹ Aᵀ."""
        inverse = _inverse(self._inner(softness))
        moved: Array = (self.factor * (self.factor @ inverse)).sum(axis=1)
        return without_own(moved, softness)

    def newton_step(self, softness: Array, own: Array, miss: Array) -> Array:
        """Return the same as `FewSamples.newton_step`, by Woodbury's identity."""
        pivots = 1 - softness * own
        near = np.abs(pivots) < SMALLEST_PIVOT
        pivots = np.where(near, np.copysign(SMALLEST_PIVOT, pivots), pivots)
        first, weights = miss / pivots, softness / pivots
        within = np.linalg.solve(self._inner(weights), self.factor.T @ first)
        step: Array = first - weights * (self.factor @ within)
        return step

    def _inner(self, weights: Array) -> Array:
        """Return I + Aᵀ diag(weights) A."""
        product = self.factor.T @ (self.factor * weights[:, None])
        inner: Array = product.toarray() if issparse(product) else product
        inner[np.diag_indices_from(inner)] += 1.0
        return inner


def faster(array: Array) -> Any:
    """Return a sparse array where few entries are not 0."""
    return csr_array(array) if np.count_nonzero(array) < SPARSE * array.size else array


def _inverse(symmetric: Array) -> Array:
    """Return the inverse, by Cholesky's decomposition where there is one."""
    root, failed = lapack.dpotrf(symmetric, lower=1)
    if failed:
        return np.linalg.inv(symmetric)
    lower, _ = lapack.dpotri(root, lower=1)
    inverse: Array = lower + lower.T
    inverse[np.diag_indices_from(inverse)] /= 2
    return inverse


def without_own(moved: Array, softness: Array) -> Array:
    """Return M_ii/(1 − χ_i M_ii), kept finite.

    Examples
    --------
    >>> without_own(np.array([2.0, 2.0]), np.array([0.25, 0.5]))
    array([   4., 2000.])
    """
    own: Array = moved / np.maximum(1 - softness * moved, 1e-3)
    return own
