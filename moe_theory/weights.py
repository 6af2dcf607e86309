"""The parameters of a network and how their initial values are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed, normals, stream
from moe_theory._validation import integer, read_only


@dataclass(frozen=True, eq=False)
class Weights:
    """The parameters of one network.

    Attributes
    ----------
    experts : array, shape (m, d)
        Hidden weights w_r; the units of expert s are rows s·m/k to (s+1)·m/k.
    output : array, shape (m,)
        Output weights a_r, fixed in training.
    routers : array, shape (k, d), or None
        Routing weights w_s; None for a dense network.
    """

    experts: NDArray[np.floating[Any]]
    output: NDArray[np.floating[Any]]
    routers: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("experts", "output", "routers"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))


def alternating(size: int) -> NDArray[np.float64]:
    """Return +1, −1, +1, … in turn.

    Examples
    --------
    >>> alternating(3)
    array([ 1., -1.,  1.])
    """
    return np.where(np.arange(size) % 2 == 0, 1.0, -1.0)


def draw_output(kind: str, n_hidden: int, seed: Seed) -> NDArray[np.float64]:
    """Return m output weights, ±1 in turn or, of the kind "gaussian", from N(0, 1)."""
    if kind == "gaussian":
        return normals(stream(seed, "output"), n_hidden)
    return alternating(n_hidden)


def draw_gaussian(
    std: float, shape: tuple[int, int], seed: Seed, stream_name: str
) -> NDArray[np.float64]:
    """Return independent draws from N(0, std²)."""
    integer("patch_dim", shape[1], 1)
    return std * normals(stream(seed, stream_name), shape)
