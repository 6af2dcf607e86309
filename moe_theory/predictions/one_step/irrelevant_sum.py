"""What irrelevant patches add to the output of the dense network after one step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from moe_theory.predictions.fixed_totals import Complex, Real, difference_table, total_frequencies

# Chances beyond 5.5 standard deviations are about 1e-7.
DEVIATIONS = 5.5
TOLERANCE = 5e-7


@dataclass(frozen=True)
class IrrelevantSum:
    """The law of Y = Σ_a c_a A_a κ_a, an input of n − 1 irrelevant patches.

    Parameters
    ----------
    n, p : int
        Patches of an input, n >= 2, and irrelevant patterns.
    samples : (int, int)
        Training samples of the class at hand and of the other one.
    units : (int, int)
        Hidden units whose output weight has the sign of the class at hand, and the others.

    Notes
    -----
    The counts c of the fresh input are multinomial, n − 1 over p cells. A_a is the number of
    patches of pattern a in the samples of the class less that in the other, and κ_a the number of
    units of the sign of A_a that were active on a: Binomial(units, ½).

    Source: derived in docs/theory/one-step.md.

    Examples
    --------
    >>> noise = IrrelevantSum(16, 64, samples=(10, 10), units=(20, 20))
    >>> noise.mean, round(noise.deviation, 1)
    (0.0, 85.7)
    >>> errors, ties = noise.errors(np.array([0.0, 100.0]))
    >>> errors.round(3), ties.round(3)
    (array([0.498, 0.118]), array([0.005, 0.002]))
    """

    n: int
    p: int
    samples: tuple[int, int]
    units: tuple[int, int]

    @property
    def drift(self) -> float:
        """Ā, the mean of A."""
        return (self.n - 1) * (self.samples[0] - self.samples[1]) / self.p

    @property
    def carriers(self) -> float:
        """κ̄, the mean of κ over both signs."""
        return sum(self.units) / 4

    @property
    def mean(self) -> float:
        """E Y, for equally many units of both signs."""
        return (self.n - 1) * self.drift * self.carriers

    @property
    def deviation(self) -> float:
        """The standard deviation of Y, for equally many units of both signs."""
        v = (self.n - 1) * sum(self.samples) / self.p * (1 - 1 / self.p)
        shared = 2 / sum(self.units) * (1 + (self.n - 2) / self.p)
        return self.carriers * math.sqrt((self.n - 1) * (v * (1 + shared) + self.drift**2 * shared))

    def gaussian_errors(self, signals: Real) -> tuple[Real, Real]:
        """Return Q((signal + mean)/deviation), and zeros: a continuous law has no ties."""
        tail: Real = stats.norm.sf((signals + self.mean) / self.deviation)
        return tail, np.zeros_like(tail)

    def errors(self, signals: Real) -> tuple[Real, Real]:
        """Return P(Y < −signal) and P(Y = −signal), each in the shape of ``signals``.

        Y is an integer. With χ(ω) = E e^{iωY} and the ω = (2j + 1)π/R in (0, π),

            P(Y < −s) + ½P(Y = −s) = ½ − (1/R) Σ Im(χ(ω)e^{iωs}) cot(ω/2),
            P(Y = −s) = (2/R) Σ Re(χ(ω)e^{iωs}),

        but for the chance that Y lies R/2 or more from −s.
        """
        width = float(np.abs(signals + self.mean).max()) + (DEVIATIONS + 2) * self.deviation
        half = math.ceil(width + 1)
        transform = _Transform(self)
        below, ties = np.full(len(signals), 0.5), np.zeros(len(signals))
        small = 0
        for j in range(half):
            omega = (2 * j + 1) * math.pi / (2 * half)
            value = transform(omega)
            wave = value * np.exp(1j * omega * signals)
            below -= wave.imag / math.tan(omega / 2) / (2 * half)
            ties += wave.real / half
            small = small + 1 if abs(value) < TOLERANCE * (2 * j + 1) else 0
            if small == 3:
                break
        ties = np.clip(ties, 0.0, 1.0)
        return np.clip(below - ties / 2, 0.0, 1.0), ties


class _Transform:
    """χ(ω) = E e^{iωY} by `fixed_totals`: cells are independent, given three totals.

    The totals are the patches of each class and the patches n − 1 of the fresh input. As they are
    fixed, multiples of them may be taken from Y; what is left hardly depends on the totals, so
    that few angles matter whatever ω is.
    """

    def __init__(self, law: IrrelevantSum) -> None:
        self.law = law
        n, p = law.n, law.p
        stretch = 1.2 if p >= 16 else 2.0
        patches = [(n - 1) * count for count in law.samples]
        pairs = [total_frequencies(total, DEVIATIONS, stretch) for total in patches]
        self.weights = (pairs[0][1][:, None] * pairs[1][1]).ravel()
        angles, self.input_weights = total_frequencies(n - 1, DEVIATIONS, stretch)
        means = (patches[0] / p, patches[1] / p)
        values, table = difference_table(means, (pairs[0][0], pairs[1][0]), DEVIATIONS)
        middle = np.abs(table[len(pairs[0][0]) // 2, len(pairs[1][0]) // 2])
        kept = middle > 1e-12
        self.values = values[kept]
        self.table: Complex = table[..., kept].reshape(-1, int(kept.sum()))
        counts = np.arange(n)
        occurs = stats.poisson.pmf(counts, (n - 1) / p)
        self.counts = counts[occurs > 1e-14]
        self.occurs = occurs[occurs > 1e-14, None] * np.exp(1j * self.counts[:, None] * angles)

    def __call__(self, omega: float) -> complex:
        law, values = self.law, self.values
        slopes = law.carriers * (law.n - 1) / law.p, law.carriers * law.drift
        units = np.where(values > 0, *law.units)[:, None]
        phase = omega * values[:, None] * self.counts
        # The transform of Binomial(units, ½); 1 where A = 0.
        carried = ((1 + np.exp(1j * phase)) / 2) ** units
        carried *= np.exp(-1j * omega * (slopes[0] * values[:, None] + slopes[1] * self.counts))
        cells = self.table @ (carried @ self.occurs)
        taken = slopes[0] * (law.n - 1) * (law.samples[0] - law.samples[1])
        taken += slopes[1] * (law.n - 1)
        value = self.weights @ cells**law.p @ self.input_weights
        return complex(value * np.exp(1j * omega * taken))
