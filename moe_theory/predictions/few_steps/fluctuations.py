"""Fluctuations of means over patterns and samples, as Gaussian processes in the steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# A vector that leaves a span by less than this, relative to its length, adds rounding alone.
COLLINEAR = 1e-10


class Span:
    """The span of vectors that come one by one.

    Examples
    --------
    >>> span = Span()
    >>> _ = span.add(np.array([2.0, 0.0]))
    >>> span.split(np.array([3.0, 4.0]))
    (array([3.]), array([0., 4.]))
    """

    def __init__(self) -> None:
        self._directions: list[Array] = []

    def split(self, vector: Array) -> tuple[Array, Array]:
        """Return the components (t,) along the directions so far, and what is left (M,)."""
        components, rest = np.zeros(len(self._directions)), vector
        for place, direction in enumerate(self._directions):
            components[place] = direction @ rest
            rest = rest - components[place] * direction
        return components, rest

    def add(self, vector: Array) -> tuple[Array, float]:
        """Take ``vector`` in; return its components along the earlier ones, and the new one."""
        components, rest = self.split(vector)
        size = math.sqrt(rest @ rest)
        if size <= COLLINEAR * math.sqrt(vector @ vector):
            size, rest = 0.0, np.zeros(len(vector))
        self._directions.append(rest / size if size > 0 else rest)
        return components, size


class GaussianSum:
    """Σ_p g_p v_p(t) for independent standard Gaussian g_p and vectors v(1), v(2), … given in turn.

    Its covariance over the steps is v(t)·v(t′). Each step has a normal of its own, and adds it in
    the direction in which its vector leaves the span of those before.

    Parameters
    ----------
    normals : array, shape (T,)
        The standard normals of the steps.

    Notes
    -----
    Source: derived in docs/theory/few-steps.md.

    Examples
    --------
    >>> total = GaussianSum(np.array([1.0, -1.0]))
    >>> total.add(np.array([2.0, 0.0]))
    (0.0, 2.0)
    >>> total.add(np.array([3.0, 4.0]))
    (3.0, 4.0)
    """

    def __init__(self, normals: Array) -> None:
        self._normals = normals
        self._span = Span()

    def add(self, vector: Array) -> tuple[float, float]:
        """Return mean and standard deviation of the next value, given the normals before it."""
        components, size = self._span.add(vector)
        return float(components @ self._normals[: len(components)]), size
