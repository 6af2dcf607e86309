"""The dictionaries of patterns that data models draw their patches from."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._memory import check_fits
from moe_theory._random import normals, stream
from moe_theory._validation import countable, read_only, reject


@lru_cache(maxsize=16)
def pattern_basis(n_irrelevant: int, dim: int, seed: int) -> NDArray[np.float64]:
    """Return p + 2 random orthonormal rows, and up to two to spare where d allows.

    Examples
    --------
    >>> pattern_basis(3, 6, seed=0).shape
    (6, 6)
    """
    from moe_theory._arithmetic import orthonormal  # noqa: PLC0415 (slow to import)

    count = min(n_irrelevant + 4, dim)
    check_fits("patch_dim", dim, 3 * 8 * count * dim, f"a basis of {count} patterns")
    return _locked(orthonormal(normals(stream(seed, "dictionary"), (count, dim))))


@lru_cache(maxsize=16)
def pattern_dictionary(
    basis_key: tuple[int, int, int], delta_d: float, n_closer: tuple[int, int], closeness: float
) -> NDArray[np.float64]:
    """Return the rows [o₁, o₂, q₁ … q_p] of `PatchPatterns`, built on a `pattern_basis`."""
    basis = pattern_basis(*basis_key)
    rows = basis[: basis_key[0] + 2].copy()
    half_sum, half_difference = math.sqrt((1 + delta_d) / 2), math.sqrt((1 - delta_d) / 2)
    rows[0] = half_sum * basis[0] + half_difference * basis[1]
    rows[1] = half_sum * basis[0] - half_difference * basis[1]
    along = min(1.0, closeness * half_difference)
    towards = np.repeat([along, -along], n_closer)[:, None]
    closer = slice(2, 2 + len(towards))
    if len(towards):
        rows[closer] = towards * basis[1] + math.sqrt(1 - along**2) * basis[closer]
    return _locked(rows)


def check_dimension(patch_dim: object, n_irrelevant: int, extra: int = 2) -> int:
    """Return ``patch_dim`` if p + ``extra`` orthonormal patterns fit into it."""
    dim = countable("patch_dim", patch_dim, 1)
    if dim < (needed := n_irrelevant + extra):
        reason = f"an orthonormal set of dimension {dim} cannot hold so many patterns"
        raise reject("patch_dim", dim, f">= n_irrelevant + {extra} = {needed}, as {reason}")
    return dim


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    """Lock the memory itself, as a cache shares it with every caller."""
    array.flags.writeable = False
    return read_only(array)
