"""How many of the irrelevant patches of one input are ahead, where patterns repeat.

The numbers in which an input holds the p patterns are multinomial. Where the rest is independent
over patterns, the chance of an event is a coefficient of the p-th power of what one pattern
contributes, which `PatchCounts` takes; where the router has seen the patterns in fixed totals,
`GivenTotals` sums over the angles that fix these, as `fixed_totals` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from moe_theory.predictions.fixed_totals import Complex, Real, difference_table, total_frequencies

# Chances beyond 6.5 standard deviations are about 1e-10.
DEVIATIONS = 6.5
# With fewer patterns the transform has no Gaussian decay in the difference of its angles.
FEW_PATTERNS = 8
STRETCH = 1.2
NEGLIGIBLE = 1e-10
# Complex numbers that fit into the cache of a core.
CACHED = 1 << 14


@dataclass(frozen=True)
class PatchCounts:
    """The n − 1 irrelevant patches of an input, each of one of p patterns.

    Attributes
    ----------
    n, p : int
        Numbers of patches and of irrelevant patterns; n >= 2.
    """

    n: int
    p: int

    @cached_property
    def most(self) -> int:
        """C, the number of patches of one pattern beyond which a chance is negligible."""
        counts = np.arange(self.n)
        rarer = self.p * stats.binom.sf(counts, self.n - 1, 1 / self.p) <= 1e-14
        return int(np.argmax(rarer))

    @cached_property
    def _waves(self) -> tuple[Complex, Complex]:
        """Poisson chances of c = 0 … C times e^{iφc}, shape (C + 1, F), and weights of the φ."""
        angles, weights = total_frequencies(self.n - 1, 8, math.inf)
        counts = np.arange(self.most + 1)
        chances = stats.poisson.pmf(counts, (self.n - 1) / self.p)
        return chances[:, None] * np.exp(1j * counts[:, None] * angles), weights

    def mean(self, cells: Complex) -> Complex:
        """Return the mean of a product over the patterns of ``cells[..., c]``, shape (...).

        Parameters
        ----------
        cells : array, shape (..., C + 1)
            The factor of a pattern that stands c times in the input.
        """
        waves, weights = self._waves
        flat = cells.reshape(-1, cells.shape[-1])
        means = np.empty(len(flat), np.complex128)
        step = max(1, CACHED // len(weights))
        for i in range(0, len(flat), step):
            means[i : i + step] = _power(flat[i : i + step] @ waves, self.p) @ weights
        return np.asarray(means.reshape(cells.shape[:-1]))

    def circle(self, size: int) -> Complex:
        """Return s^k for the ``size`` roots of unity s, shape (C + 1, size)."""
        roots = np.outer(np.arange(self.most + 1), np.arange(size))
        return np.asarray(np.exp(2j * math.pi * roots / size))

    def law(self, chances: Real) -> Real:
        """Return the chances that b = 0 … n − 1 patches are ahead; patterns are independent.

        Parameters
        ----------
        chances : array, shape (C + 1, C + 1)
            At (c, k), the chance that of c patches of a pattern k are ahead.
        """
        transform = self.mean((chances @ self.circle(self.n)).T)
        return np.asarray(np.fft.fft(transform).real / self.n)


@dataclass(frozen=True)
class GivenTotals:
    """Patterns of which the router has seen differences A_a with fixed totals of both classes.

    Attributes
    ----------
    counts : PatchCounts
        The input that is routed.
    samples : (int, int)
        The numbers of other inputs of its own and of the other class that trained the router.
    """

    counts: PatchCounts
    samples: tuple[int, int]

    @cached_property
    def _totals(self) -> tuple[int, int]:
        first, second = (count * (self.counts.n - 1) for count in self.samples)
        return first, second

    @cached_property
    def _means(self) -> tuple[float, float]:
        return self._totals[0] / self.counts.p, self._totals[1] / self.counts.p

    @cached_property
    def _alone(self) -> tuple[Real, Real]:
        """The a that have a chance, in order, and these chances, both of shape (V,)."""
        values, table = difference_table(self._means, (np.zeros(1), np.zeros(1)), DEVIATIONS)
        order = np.argsort(values)
        return values[order].astype(np.float64), table[0, 0, order].real

    @property
    def values(self) -> Real:
        """The differences a that have a chance: consecutive integers, shape (V,)."""
        return self._alone[0]

    def law(self, chances: Real) -> Real:
        """Return the chances that b = 0 … patches are ahead, as far as these matter.

        Parameters
        ----------
        chances : array, shape (C + 1, C + 1, V)
            At (c, k, v), the chance that of c patches of a pattern k are ahead, if A = a_v.
        """
        # Without the condition on the totals, a chance is at least its value times theirs.
        unconditional = self.counts.law(chances @ self._alone[1])
        likely = np.prod([stats.poisson.pmf(total, total) for total in self._totals])
        tail = np.cumsum(unconditional[::-1])[::-1]
        size = max(1, int((tail > NEGLIGIBLE * likely).sum()))
        by_value = np.einsum("ckv,ks->vsc", chances, self.counts.circle(size), optimize=True)
        shape, transform = by_value.shape[1:], np.zeros(size, np.complex128)
        by_value = by_value.reshape(len(by_value), -1)
        for weights, table in self._tables:
            means = self.counts.mean((table @ by_value).reshape(-1, *shape))
            transform += weights @ means
        # Opposite angles of a real law add complex conjugates.
        law = np.maximum(np.fft.fft(transform).real / size, 0)
        return np.asarray(law / law.sum())

    @cached_property
    def _tables(self) -> list[tuple[Complex, Complex]]:
        """Weights and E[1{A = a} e^{i(θ₊X₊ + θ₋X₋)}] by θ₊: shapes (F₋,) and (F₋, V)."""
        stretch = math.inf if self.counts.p < FEW_PATTERNS else STRETCH
        rows, row_weights = total_frequencies(self._totals[0], DEVIATIONS, stretch)
        columns, weights = total_frequencies(self._totals[1], DEVIATIONS, stretch)
        # Given A, the sum X₊ + X₋ is wide: only angles that nearly cancel matter.
        reach = math.inf
        if min(self._totals) > 0:
            reach = STRETCH * DEVIATIONS * math.sqrt(sum(1 / total for total in self._totals))
        order = np.argsort(difference_table(self._means, (rows[:1], rows[:1]), DEVIATIONS)[0])
        tables = []
        for row, weight in zip(rows, row_weights, strict=True):
            near = np.abs(np.remainder(row + columns + math.pi, 2 * math.pi) - math.pi) <= reach
            if row < 0 or not near.any():
                continue
            angles = (np.array([row]), columns[near])
            table = difference_table(self._means, angles, DEVIATIONS)[1][0]
            tables.append(((2 if row > 0 else 1) * weight * weights[near], table[:, order]))
        return tables


def _power(base: Complex, exponent: int) -> Complex:
    """Return ``base`` to an integer power >= 1 by repeated squaring, far faster than ``**``."""
    result = base if exponent & 1 else np.ones_like(base)
    while exponent := exponent >> 1:
        base = base * base
        if exponent & 1:
            result = result * base
    return result
