"""How many irrelevant patterns a trained router scores above the discriminative one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special, stats

from moe_theory.predictions.fixed_totals import Complex, Real, difference_table, total_frequencies

# Chances beyond 7.5 standard deviations are about 1e-12.
DEVIATIONS = 7.5
# With fewer patterns the transform has no Gaussian decay, and the whole period is summed.
FEW_PATTERNS = 8
TABLE_ENTRIES = 1 << 21


@dataclass(frozen=True)
class Overtaking:
    """The setting, with scores in units of η_r T_r/N: one sample of a pattern counts 1."""

    n: int
    p: int
    n_routed: int
    delta_d: float
    noise: float

    def success(self, own: int, other: int) -> float:
        """Return the success in a class of which the router saw ``own`` samples."""
        if self.n_routed == self.n:
            return 1.0
        if self.p == 1:
            return self._of_one_pattern(own, other)
        given = float(normal_mean(lambda start: self._given_start(own, other, start)))
        return min(max(given, 0.0), 1.0)

    def _of_one_pattern(self, own: int, other: int) -> float:
        """Return the success if p = 1, where the labels alone decide, but for the start."""
        lead = (self.n - 1) * (own - other) - (own - self.delta_d * other)
        ahead, behind = special.ndtr(np.array([lead, -lead]) / (math.sqrt(2) * self.noise))
        return float(behind * self._kept[0] + ahead * self._kept[1])

    @cached_property
    def _kept(self) -> Real:
        """The success if b = 0 … p patterns are ahead, shape (p + 1,)."""
        shares = np.arange(self.p + 1) / self.p
        kept: Real = stats.binom.cdf(self.n_routed - 1, self.n - 1, shares)
        return kept

    @cached_property
    def _log_ways(self) -> Real:
        """The logarithm of C(p, b), shape (p + 1,)."""
        b = np.arange(self.p + 1)
        ways: Real = special.gammaln(b + 1) + special.gammaln(self.p - b + 1)
        return np.asarray(special.gammaln(self.p + 1) - ways)

    def _given_start(self, own: int, other: int, start: Real) -> Real:
        """Return the success given the initial score of o₁, ``start`` in units of σ₀.

        Of the table of `difference_table`, summed over the a at which a pattern goes ahead or
        stays behind, the success is the polynomial Σ_b kept(b)·C(p, b) u^b v^(p−b).
        """
        means = ((self.n - 1) * own / self.p, (self.n - 1) * other / self.p)
        threshold = own - self.delta_d * other

        def split(rows: Real, columns: Real) -> tuple[Complex, Complex]:
            values, table = difference_table(means, (rows, columns), DEVIATIONS)
            lead = (values[:, None] - threshold) / self.noise - start
            return table @ special.ndtr(lead), table @ special.ndtr(-lead)

        bounds = [np.maximum(part[0, 0].real, 1e-15) for part in split(np.zeros(1), np.zeros(1))]
        stretch = math.inf if self.p < FEW_PATTERNS else 1.2
        rows, row_weights = total_frequencies((self.n - 1) * own, DEVIATIONS, stretch)
        columns, weights = total_frequencies((self.n - 1) * other, DEVIATIONS, stretch)
        # Opposite angles add complex conjugates.
        rows, row_weights = rows[rows >= 0], row_weights[rows >= 0]
        row_weights = np.where(rows > 0, 2, 1) * row_weights
        success = np.zeros(len(start))
        for part in _parts(len(rows), means, len(columns)):
            values = self._polynomial(split(rows[part], columns), (bounds[0], bounds[1]))
            success += np.einsum("i,j,ijk->k", row_weights[part], weights, values).real
        return success

    def _polynomial(self, pair: tuple[Complex, Complex], bounds: tuple[Real, Real]) -> Complex:
        """Return Σ_b kept(b)·C(p, b) u^b v^(p−b) at ``pair`` = (u, v), in the shape of u.

        ``bounds`` are those of |u| and |v|; terms that they make negligible are left out.
        """
        b = np.arange(self.p + 1)[:, None]
        log_terms = b * np.log(bounds[0]) + (self.p - b) * np.log(bounds[1])
        terms = np.exp(log_terms + self._log_ways[:, None]) * self._kept[:, None]
        needed = np.flatnonzero((terms > 1e-18).any(axis=1))
        u, v = pair[0] / bounds[0], pair[1] / bounds[1]
        value, power = np.zeros_like(u), np.ones_like(v)
        if len(needed) == 0:
            return value
        first, last = int(needed[0]), int(needed[-1])
        for i in range(last, first - 1, -1):
            value *= u
            value += terms[i] * power
            power *= v
        result: Complex = value * u**first * v ** (self.p - last)
        return result


@dataclass(frozen=True)
class NoneAhead(Overtaking):
    """The same, where only b = 0 is a success: for l < n no input that can occur then fails."""

    @cached_property
    def _kept(self) -> Real:
        kept: Real = np.eye(1, self.p + 1)[0]
        return kept


def _parts(n_rows: int, means: tuple[float, float], n_columns: int) -> Iterator[slice]:
    """Yield parts of the rows that keep the tables small in memory."""
    size = 2 * DEVIATIONS * (math.sqrt(sum(means)) + 2) * n_columns
    step = max(1, int(TABLE_ENTRIES / size))
    for first in range(0, n_rows, step):
        yield slice(first, first + step)


def normal_mean(function: Callable[[Real], Real], reach: float = 7.0) -> Real:
    """Return the mean of ``function`` over a standard normal variable, in its last axis.

    The trapezoidal rule errs less than exponentially in 1/step, so that the change by halving
    the step, once it is small, is far above the error that is left.
    """
    step, nodes = 1.0, np.arange(-reach, reach + 1)
    weight, weighted, mean = 0.0, np.zeros(()), np.array(math.inf)
    while True:
        density = np.exp(-(nodes**2) / 2)
        weighted = weighted + function(nodes) @ density
        weight += float(density.sum())
        previous, mean = mean, weighted / weight
        if np.max(np.abs(mean - previous)) < 1e-7 or step < 1 / 32:
            return mean
        nodes = np.arange(-reach + step / 2, reach, step)
        step /= 2
