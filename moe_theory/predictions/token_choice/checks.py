"""Checks of what patterns, their shares and their gates may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import real_array, reject

Array = NDArray[np.float64]


def affinity_array(affinities: ArrayLike) -> Array:
    """Return ``affinities`` (P, k) as numbers in [0, 1]."""
    matrix = real_array("affinities", affinities, "(P, k)").astype(np.float64)
    if matrix.min() < 0 or matrix.max() > 1:
        wrong = float(matrix[(matrix < 0) | (matrix > 1)][0])
        raise reject("affinities", wrong, "numbers in [0, 1]")
    return matrix


def share_array(
    shares: ArrayLike, size: int, name: str = "shares", *, scaled: bool = True
) -> Array:
    """Return so many ``shares``, of which none is negative and not all are 0, with the sum 1."""
    share = real_array(name, shares, "(P,)").astype(np.float64)
    if len(share) != size:
        raise reject(f"{name}.shape", share.shape, f"({size},)")
    total = float(share.sum())
    if share.min() < 0 or not 0 < total < np.inf:
        raise reject(name, float(share.min()), "numbers >= 0 with a finite positive sum")
    return share / total if scaled else share


def expert_array(name: str, numbers: ArrayLike, n_experts: int | None = None) -> Array:
    """Return one number per expert, (k,)."""
    array = real_array(name, numbers, "(k,)").astype(np.float64)
    if n_experts is not None and len(array) != n_experts:
        raise reject(f"{name}.shape", array.shape, f"({n_experts},), one per expert")
    return array
