"""The dense network on the population, exactly, by the law of one sum of independent patches."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.flow.loss_averages import Slopes, Spread
from moe_theory.flow.weighted_inputs import check_finite_law

Array = NDArray[np.float64]

# Beyond this the kernel 1/sinh(πt) is below 1e-13.
LARGEST_FREQUENCY = 10.0
MOST_NODES = 4096


class LawAverage:
    """Mean logistic loss of a dense network over all inputs, by Fourier quadrature.

    With o the discriminative pattern, f = (h_o + Σ_j h_{q_j})/n is h_o plus n − 1 independent
    draws from {h_a}, so that its characteristic function is a power, and

    E σ(−X) = ½ − ∫₀^∞ Im φ_X(t)/sinh(πt) dt.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and without ``max_closer``; δ_d and closer patterns may be any.
    loss : {"logistic"}

    Raises
    ------
    ValueError
        If an assumption fails.

    Notes
    -----
    No expansion is made: neither n nor p need be large; the numerical error is about 1e-14
    in the slopes for outputs f of order 1, and below 1e-11 (loss: 1e-9) for outputs up to 100.

    Source: derived in docs/theory/dynamics.md.

    Examples
    --------
    >>> average = LawAverage(PatchPatterns(n_patches=3, n_irrelevant=2, patch_dim=4), "logistic")
    >>> loss, _ = average.losses(np.array([[0.0, 0.0, 1.5, -1.5]]), None)
    >>> exact = np.logaddexp(0, [1.0, 0.0, 0.0, -1.0]).mean()
    >>> bool(abs(loss - exact) < 1e-12)
    True
    """

    def __init__(self, patterns: PatchPatterns, loss: str) -> None:
        check_finite_law(patterns)
        if loss != "logistic":
            raise reject("loss", loss, '"logistic": the quadrature is of its slope')
        self.n, self.p = patterns.n_patches, patterns.n_irrelevant
        self.fractions = (patterns.positive_fraction, 1.0 - patterns.positive_fraction)

    def slopes(self, values: Array, scores: Array | None, spread: Spread | None) -> Slopes:
        """Return the derivatives of the mean loss."""
        h, n = values[0], self.n
        nodes, kernel, waves = self._waves(h)
        out = np.zeros_like(values)
        one, fewer = self._powers(waves)
        for label, fraction, own in zip((1, -1), self.fractions, h[:2], strict=True):
            shift = np.exp(1j * nodes * own / n)
            wrong = 0.5 - label * kernel @ (shift * one).imag
            out[0, 0 if label == 1 else 1] = -label * fraction * wrong / n
            if n > 1:
                wrong_with = 0.5 - label * ((kernel * shift * fewer) @ waves).imag
                out[0, 2:] -= label * fraction * (n - 1) / (self.p * n) * wrong_with
        return Slopes(out, None)

    def losses(self, values: Array, scores: Array | None) -> tuple[float, float]:
        """Return the mean loss, and NaN as its spread, which is not computed."""
        h, n = values[0], self.n
        nodes, kernel, waves = self._waves(h)
        one, _ = self._powers(waves)
        mean_other = (n - 1) * float(h[2:].mean()) if n > 1 else 0.0
        total = math.log(2)
        for label, fraction, own in zip((1, -1), self.fractions, h[:2], strict=True):
            law = np.exp(1j * nodes * own / n) * one
            even = float((kernel / nodes) @ (1.0 - law.real))
            total += fraction * (even - label * (own + mean_other) / (2 * n))
        return float(total), math.nan

    def _waves(self, h: Array) -> tuple[Array, Array, NDArray[np.complex128]]:
        """Return nodes, weights over sinh, and e^{itha/n} of all irrelevant patterns."""
        others = float(np.abs(h[2:]).max()) if self.n > 1 else 0.0
        largest = (float(np.abs(h[:2]).max()) + (self.n - 1) * others) / self.n
        nodes, kernel = _quadrature(32 * math.ceil((LARGEST_FREQUENCY * largest / 2 + 40) / 32))
        return nodes, kernel, np.exp(1j / self.n * np.multiply.outer(nodes, h[2:]))

    def _powers(
        self, waves: NDArray[np.complex128]
    ) -> tuple[NDArray[np.complex128] | float, NDArray[np.complex128] | float]:
        """Return the characteristic functions of n − 1 and of n − 2 irrelevant patches."""
        if self.n == 1:
            return 1.0, 1.0
        mean = waves.mean(axis=1)
        fewer = mean ** (self.n - 2)
        return mean * fewer, fewer


@lru_cache(maxsize=64)
def _quadrature(n_nodes: int) -> tuple[Array, Array]:
    """Return Gauss–Legendre nodes and weights over sinh(πt)."""
    if n_nodes > MOST_NODES:
        allowed = f"at most {MOST_NODES}: outputs f are too large for the quadrature"
        raise reject("the number of frequencies", n_nodes, allowed)
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    nodes = (nodes + 1.0) * LARGEST_FREQUENCY / 2.0
    return nodes, weights * LARGEST_FREQUENCY / 2.0 / np.sinh(np.pi * nodes)
