"""Gram matrices of dictionaries, and which dictionaries are worth training in pattern space."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from moe_theory._arithmetic import norms, products
from moe_theory.data.patch_data import PatchData

Array = NDArray[Any]

# Pattern space pays where few patterns overlap: one step touches m·(entries of K) numbers.
MAX_ENTRIES_PER_PATTERN = 4


@dataclass(frozen=True, eq=False)
class GramMatrix:
    """K = D Dᵀ in compressed rows; ``start`` is empty where K is the identity."""

    start: Array
    column: Array
    value: Array
    n_entries: int

    @property
    def orthonormal(self) -> bool:
        """Whether K is the identity up to rounding."""
        return len(self.start) == 0


# Where an array lies in memory, and how.
Place = tuple[int, tuple[int, ...], tuple[int, ...], str]
_known: dict[Place, tuple[Any, GramMatrix]] = {}
_lock = threading.Lock()


def gram(dictionary: Array) -> GramMatrix:
    """Return the GramMatrix matrix of the rows of ``dictionary``, remembered while the array lives.

    Entries within rounding of 0, relative to the lengths of the two patterns, and of 1 are set to
    these.
    """
    root: Any = dictionary
    while isinstance(root.base, np.ndarray):
        root = root.base
    address = dictionary.__array_interface__["data"][0]
    key = (address, dictionary.shape, dictionary.strides, str(dictionary.dtype))
    with _lock:
        found = _known.get(key)
    if found is not None and found[0]() is root:
        return found[1]
    # Threads that ask for the same at once each compute it, rather than all wait for any.
    made = _compute(dictionary)
    with _lock:
        for old in [old for old, (alive, _) in _known.items() if alive() is None]:
            del _known[old]
        _known[key] = (weakref.ref(root), made)
    return made


def _compute(dictionary: Array) -> GramMatrix:
    patterns = dictionary.astype(np.float64)
    full, lengths = products(patterns, patterns), norms(patterns)
    rounding = 64 * float(np.finfo(dictionary.dtype).eps)
    full[np.abs(full) < rounding * lengths[:, None] * lengths] = 0.0
    full[np.abs(full - 1.0) < rounding] = 1.0
    sparse = csr_array(full)
    if np.array_equal(full, np.eye(len(full))):
        nothing = np.empty(0, np.int64)
        return GramMatrix(nothing, nothing, np.empty(0), sparse.nnz)
    start, column = sparse.indptr.astype(np.int64), sparse.indices.astype(np.int64)
    return GramMatrix(start, column, sparse.data, sparse.nnz)


def suits_pattern_space(data: PatchData) -> bool:
    """Return whether pattern space is the faster place to train on ``data``.

    Patterns must repeat, and overlap little; more than d of them cannot be orthogonal.
    """
    n_patterns = data.n_patterns
    if n_patterns >= data.indices.size or n_patterns > 2 * data.patch_dim:
        return False
    return gram(data.dictionary).n_entries <= MAX_ENTRIES_PER_PATTERN * n_patterns
