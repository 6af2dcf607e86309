"""The patterns that are not orthogonal to all others: closer ones, o₁ and o₂."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.dictionary import pattern_dictionary
from moe_theory.data.patterns import PatchPatterns

Array = NDArray[Any]


@lru_cache(maxsize=16)
def coupled_dictionary(patterns: PatchPatterns) -> Array:
    """Return the closer patterns, o₁ and o₂ in as many dimensions, shape (C, C).

    Examples
    --------
    >>> coupled_dictionary(PatchPatterns(4, 8, 10, n_closer=(2, 1))).shape
    (5, 5)
    """
    count = sum(patterns.n_closer)
    rows = pattern_dictionary(
        (count, count + 2, 0), patterns.delta_d, patterns.n_closer, patterns.closeness
    )
    return np.concatenate([rows[2:], rows[:2]])


@lru_cache(maxsize=16)
def coupled_gram(patterns: PatchPatterns) -> Array:
    """Return ⟨pattern, pattern⟩ of the closer patterns, o₁ and o₂, shape (C, C).

    Examples
    --------
    >>> coupled_gram(PatchPatterns(4, 8, 10, delta_d=0.5)).round(3).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    rows = coupled_dictionary(patterns)
    gram: Array = (rows[:, None] * rows).sum(axis=2)
    return gram


def coupled_columns(patterns: PatchPatterns) -> Array:
    """Return the numbers of the coupled patterns among the p irrelevant ones, o₁ and o₂.

    Examples
    --------
    >>> coupled_columns(PatchPatterns(4, 8, 10, n_closer=(1, 1)))
    array([0, 1, 8, 9])
    """
    p = patterns.n_irrelevant
    return np.append(np.arange(sum(patterns.n_closer)), [p, p + 1])


def coupled_sums(patterns: PatchPatterns, amounts: Array) -> Array:
    """Return the inner products with all patterns of Σ amount·pattern, shape (..., p + 2)."""
    columns, found = coupled_columns(patterns), amounts.astype(float)
    found[..., columns] = amounts[..., columns] @ coupled_gram(patterns)
    return found


def coupled_normals(patterns: PatchPatterns, normals: Array) -> Array:
    """Return the inner products of normal random vectors with all patterns, shape (..., p + 2).

    ``normals`` of this shape are independent.
    """
    columns, found = coupled_columns(patterns), normals.copy()
    found[..., columns] = normals[..., columns] @ coupled_dictionary(patterns).T
    return found
