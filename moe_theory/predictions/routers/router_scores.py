"""Scores of a trained router on one input, and the law of how many patches they put ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy import special

from moe_theory.predictions.fixed_totals import Real
from moe_theory.predictions.routers.patches_ahead import GivenTotals, PatchCounts
from moe_theory.predictions.routers.patterns_ahead import normal_mean

# Of trapezoidal rules over Gaussian densities, which leave errors near rounding.
NODES = np.linspace(-8, 8, 65)


@dataclass(frozen=True)
class RouterScores:
    """A trained router and one input of its own class, with scores in units of η_r T_r/N.

    The derivation and its symbols are in docs/theory/routers.md.

    Attributes
    ----------
    n, p, dim : int
        Patches, irrelevant patterns and dimension d.
    delta_d, spread, noise : float
        δ_d, σ, and ν, the standard deviation of an initial score.
    training, gaussian : bool
        Whether the input is one of those that trained the router, and whether the scores of the
        centres are taken as independent and Gaussian.
    own, other : int
        Samples of the input's class, with itself if it is one of them, and of the other class.
    """

    n: int
    p: int
    dim: int
    delta_d: float
    spread: float
    noise: float
    training: bool
    gaussian: bool
    own: int
    other: int

    def success(self) -> Real:
        """Return the chance that the discriminative patch is kept, for l = 1 … n."""
        if self.n == 1:
            return np.ones(1)

        def given_starts(starts: Real) -> Real:
            return np.stack([self._given_start(start) for start in starts], axis=1)

        success = np.minimum(normal_mean(given_starts, reach=6.0), 1.0)
        success[-1] = 1.0
        return np.asarray(success)

    @property
    def scale_deviation(self) -> float:
        """κ, the relative standard deviation of the variance of a score."""
        return self._scale_deviation(0.0)

    def _given_start(self, start: float) -> Real:
        """Return the success for l = 1 … n, given that o₁ has the noise τ·``start``."""
        nodes, weights = hermegauss(3) if self.spread > 0 else (np.zeros(1), np.ones(1))
        kept = np.ones((len(nodes), self.n))
        for i, node in enumerate(nodes.tolist()):
            law = self._law(*self._threshold_and_width(start, node))
            kept[i, : len(law)] = np.cumsum(law)
        return np.asarray(weights @ kept / weights.sum())

    def _law(self, threshold: float, width: float) -> Real:
        if self.gaussian:
            centre = np.array([self._drift(self._others)])
            variance = self._variance(self._others) + self._centre_variance
            return self._counts.law(self._chances(centre, variance, threshold, width)[:, :, 0])
        variance = self._centre_variance
        return self._totals.law(self._chances(self._totals.values, variance, threshold, width))

    @cached_property
    def _counts(self) -> PatchCounts:
        return PatchCounts(self.n, self.p)

    @cached_property
    def _totals(self) -> GivenTotals:
        return GivenTotals(self._counts, (self._others, self.other))

    @property
    def _others(self) -> int:
        return self.own - self.training

    def _drift(self, own: int) -> float:
        """Return the mean of A_a for that many samples of the own class."""
        return (self.n - 1) * (own - self.other) / self.p

    def _variance(self, own: int) -> float:
        """Return the variance of A_a for that many samples of the own class."""
        return (self.n - 1) * (own + self.other) / self.p * (1 - 1 / self.p)

    @property
    def _centre_variance(self) -> float:
        """τ², the variance of ⟨R, q⟩: the noise of all training patches and the initial router."""
        patches = (self.n - 1) * (self.own + self.other)
        return self.spread**2 * patches + self.noise**2

    @property
    def _rest(self) -> float:
        """β² = N₋²(1 − δ_d²) + E Σ_a A_a², the squared signal across o₁."""
        across = self.other**2 * (1 - self.delta_d**2)
        return across + self.p * (self._variance(self.own) + self._drift(self.own) ** 2)

    @property
    def _square_variance(self) -> float:
        """The variance of (A_a + ⟨R, q_a⟩)², where A_a has the fourth cumulant of a Poisson one."""
        counts = self._variance(self.own)
        variance = counts + self._centre_variance
        return 2 * variance**2 + 4 * self._drift(self.own) ** 2 * variance + counts

    @property
    def _norm_variance(self) -> float:
        """The variance of S = ‖w‖², given the score of o₁."""
        across = self.other**2 * (1 - self.delta_d**2)
        free = 2 + 2 * (self.dim - 2 - self.p)
        of_signal = 4 * across * self._centre_variance + self.p * self._square_variance
        return of_signal + free * self._centre_variance**2

    @property
    def _common(self) -> float:
        """K, the standard deviation of a score's variance that all patterns share."""
        square = self.spread**2
        return math.sqrt(square**2 * self._norm_variance + 2 * square * self._square_variance)

    def _norm(self, start: float) -> float:
        """Return E‖w‖², given the noise of o₁."""
        score = self._signal + math.sqrt(self._centre_variance) * start
        return score**2 + self._rest + (self.dim - 1) * self._centre_variance

    @property
    def _signal(self) -> float:
        return self.own - self.delta_d * self.other

    def _scale_deviation(self, start: float) -> float:
        total = self._variance(self.own) + self._centre_variance
        return self._common / (total + self.spread**2 * self._norm(start))

    def _threshold_and_width(self, start: float, node: float) -> tuple[float, float]:
        """Return what a patch's score must exceed, and the deviation σ‖w‖ of its own noise.

        Scores are scaled about their drift by √G, which is the same as a threshold nearer by it.
        """
        threshold = self._signal + math.sqrt(self._centre_variance) * start
        if self.spread == 0:
            return threshold, 0.0
        if self.training:
            threshold = self._overlapping(start, node)
        log_variance = math.log1p(self._scale_deviation(start) ** 2)
        scale = math.exp((math.sqrt(log_variance) * node - log_variance / 2) / 2)
        drift = self._drift(self.own)
        return drift + (threshold - drift) / scale, self.spread * math.sqrt(self._norm(start))

    def _overlapping(self, start: float, node: float) -> float:
        """Return the threshold less the overlap Δ of a training patch with its own noise."""
        square, centre = self.spread**2, self._centre_variance
        share, deviation = square / centre, math.sqrt(centre)
        free = (self.dim - 1) * centre
        covariance = share * (2 * centre * self._rest + 2 * free * centre)
        along = 2 * share * (self._variance(self.own) + centre) * centre + square * covariance
        along /= self._common
        left = share**2 * centre * (self._rest + 2 * free) - square * share * self._norm(start)
        left -= along**2
        slope = deviation - share * self._signal
        shrink = math.sqrt(max(1 + left / slope**2, 0.0)) if slope else 1.0
        noise = deviation * start * shrink
        score = self._signal + deviation * start
        overlap = square * (self.dim - 1) + share * score * noise
        return self._signal + noise - overlap - along * node

    def _chances(self, values: Real, variance: float, threshold: float, width: float) -> Real:
        """Return the chance that of c patches of a pattern k are ahead, at (c, k, v).

        The pattern has the score ``values[v]`` from other inputs, and Gaussian noise of the given
        ``variance``; ``values`` are consecutive.
        """
        most, size = self._counts.most, len(values)
        grid = values[0] + np.arange(size + (most if self.training else 0))
        moments = _moments(grid - threshold, math.sqrt(variance), width, most)
        chances = np.zeros((most + 1, most + 1, size))
        for c in range(most + 1):
            shifted = slice(c, c + size) if self.training else slice(size)
            for k in range(c + 1):
                chances[c, k] = math.comb(c, k) * moments[shifted, k, c - k]
        return chances


def _moments(leads: Real, deviation: float, width: float, most: int) -> Real:
    """Return E[Z^k (1 − Z)^j] for k, j = 0 … C, shape (V, C + 1, C + 1).

    Z = Φ((lead + deviation·r)/width), r Gaussian: the chance that a patch is ahead, given the
    score of its centre.
    """
    if width == 0:
        ahead = special.ndtr(leads / deviation)[:, None]
        moments = np.zeros((len(leads), most + 1, most + 1))
        moments[:, 0, :], moments[:, :, 0] = 1 - ahead, ahead
        moments[:, 0, 0] = 1
        return moments
    if width < deviation:
        return _narrow_moments(leads / deviation, width / deviation, most)
    nodes, weights = NODES, np.exp(-(NODES**2) / 2)
    ahead, behind = _powers((leads[:, None] + deviation * nodes) / width, most)
    weighted = ahead * (weights / weights.sum())[:, None]
    return np.asarray(weighted.transpose(0, 2, 1) @ behind)


def _narrow_moments(leads: Real, width: float, most: int) -> Real:
    """Return `_moments` in units of the deviation, integrated by parts over the score z of Φ.

    E h(Z) = h(0) + ∫ h′(Φ(z)) φ(z) P(r > width·z − lead) dz stays smooth as the width vanishes.
    """
    density = np.exp(-(NODES**2) / 2) / math.sqrt(2 * math.pi) * (NODES[1] - NODES[0])
    ahead, behind = _powers(NODES, most)
    slopes = np.zeros((len(NODES), most + 1, most + 1))
    orders = np.arange(1, most + 1)
    slopes[:, 1:, :] += orders[:, None] * ahead[:, :-1, None] * behind[:, None, :]
    slopes[:, :, 1:] -= orders * ahead[:, :, None] * behind[:, None, :-1]
    slopes *= density[:, None, None]
    above = special.ndtr(leads[:, None] - width * NODES)
    moments = np.tensordot(above, slopes, axes=1)
    moments[:, 0, :] += 1
    return np.asarray(moments)


def _powers(scores: Real, most: int) -> tuple[Real, Real]:
    """Return Φ(z)^k and (1 − Φ(z))^k for k = 0 … C, which is the last axis."""
    powers = np.ones((2, *scores.shape, most + 1))
    bases = np.stack([special.ndtr(scores), special.ndtr(-scores)])
    for k in range(most):
        powers[..., k + 1] = powers[..., k] * bases
    return powers[0], powers[1]
