"""The chance that a fresh input errs, from the law of what a pattern adds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from moe_theory.predictions.fixed_totals import total_frequencies

Array = NDArray[Any]

GRID = 256
# Angles reach to REACH standard deviations of the noise, or farther where its law has atoms.
REACH, FAR_REACH, TOLERANCE = 6.0, 20.0, 2e-3
DEVIATIONS = 7.0


class FreshLaw:
    """The law of Σ_a (c_a − c̄) h_a with independent h_a, for c multinomial: n − 1 over p cells.

    c̄ is (n − 1)/p, so that adding a constant to all h_a, as a common mode does, changes nothing.

    Parameters
    ----------
    values : array, shape (M,)
        Draws of h_a.
    n, p : int
        Patches of an input, n >= 2, and irrelevant patterns.

    Notes
    -----
    Source: derived in docs/theory/few-steps.md.

    Examples
    --------
    >>> law = FreshLaw(np.array([-1.0, 1.0]), n=33, p=1024)
    >>> round(law.deviation, 2)
    5.65
    >>> law.below(np.array([0.0, -law.deviation]), np.zeros(2)).round(2)
    array([0.5 , 0.16])
    """

    def __init__(self, values: Array, n: int, p: int) -> None:
        self.n, self.p = n, p
        self._places, self._chances = _histogram(values - values.mean())
        variance = float(self._chances @ self._places**2)
        self.deviation = math.sqrt((n - 1) * (1 - 1 / p) * variance)
        mean = (n - 1) / p
        counts = np.arange(n)
        occurs = stats.poisson.pmf(counts, mean)
        self._counts, self._occurs = counts[occurs > 1e-12], occurs[occurs > 1e-12]
        self._angles, self._weights = total_frequencies(n - 1, 5.5, 1.2)

    def below(self, bounds: Array, variances: Array) -> Array:
        """Return P(Σ + g < bound) + ½P(Σ + g = bound) for Gaussian g.

        ``bounds`` and ``variances``, those of g, are of shape (K,), and so is the result.
        """
        if self.deviation == 0:
            tail: Array = special.ndtr(bounds / np.sqrt(np.maximum(variances, 1e-300)))
            return tail
        spread = math.hypot(self.deviation, math.sqrt(variances.max()))
        half = float(np.abs(bounds).max()) + DEVIATIONS * spread
        omegas = self._omegas(half, REACH)
        wave = self._transform(omegas)
        if np.abs(wave[-3:]).max() > TOLERANCE:
            omegas = self._omegas(half, FAR_REACH)
            wave = self._transform(omegas)
        damped = wave * np.exp(-0.5 * np.multiply.outer(variances, omegas**2))
        turned = damped * np.exp(-1j * np.multiply.outer(bounds, omegas))
        chance = 0.5 - (turned.imag / omegas).sum(axis=-1) / half
        clipped: Array = np.clip(chance, 0.0, 1.0)
        return clipped

    def _omegas(self, half: float, reach: float) -> Array:
        size = math.ceil(reach / self.deviation * half / math.pi)
        angles: Array = (np.arange(size) + 0.5) * math.pi / half
        return angles

    def _transform(self, omegas: Array) -> Array:
        """E e^{iωΣ}: cells are independent Poisson counts, given their total n − 1."""
        turns = np.multiply.outer(omegas, self._places)
        step = np.exp(1j * turns)
        wave = np.exp(1j * turns * (self._counts[0] - (self.n - 1) / self.p)) * self._chances
        cell = np.zeros((len(omegas), len(self._angles)), np.complex128)
        for count, chance in zip(self._counts, self._occurs, strict=True):
            cell += chance * np.multiply.outer(wave.sum(axis=1), np.exp(1j * self._angles * count))
            wave *= step
        total: Array = cell**self.p @ self._weights
        return total


def _histogram(values: Array) -> tuple[Array, Array]:
    """Return places on a grid and their shares; each value is shared by its two neighbours."""
    low, high = float(values.min()), float(values.max())
    if high - low == 0:
        return np.zeros(1), np.ones(1)
    at = (values - low) / (high - low) * (GRID - 1)
    left = np.minimum(at.astype(np.int64), GRID - 2)
    share = at - left
    weights = np.bincount(left, 1 - share, GRID) + np.bincount(left + 1, share, GRID)
    return np.linspace(low, high, GRID), weights / len(values)
