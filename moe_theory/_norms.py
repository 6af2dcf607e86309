"""Norms of rows of any size that the type can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def row_norms(rows: Array) -> Array:
    """Return the ℓ₂ norm of each row, also where squares are beyond the type or below it.

    Examples
    --------
    >>> rows = np.array([[3e30, 4e30], [3e-30, 4e-30], [0, 0]], np.float32)
    >>> [f"{norm:.3g}" for norm in row_norms(rows)]
    ['5e+30', '5e-30', '0']
    """
    largest = np.abs(rows).max(axis=1, initial=0)
    limits = np.finfo(rows.dtype)
    safe = (largest > limits.tiny**0.25) & (largest < limits.max**0.25)
    if (safe | (largest == 0)).all():
        plain: Array = np.linalg.norm(rows, axis=1)
        return plain
    scale = np.where(largest == 0, 1.0, largest.astype(np.float64))
    return np.asarray(scale * np.linalg.norm(rows / scale[:, None], axis=1))
