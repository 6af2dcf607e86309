"""Many copies of patterns and samples, linked at random, that learn together for a few steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from moe_theory._random import stream
from moe_theory.predictions.few_steps.fluctuations import GaussianSum, Span

Array = NDArray[Any]

# K is at least the first; it gives about as many patterns, or if they have many links, links.
FEWEST_COPIES, N_PATTERNS, N_LINKS = 2, 4096, 1 << 16


@dataclass(frozen=True)
class FewStepsSetting:
    """The numbers of one training that matter to its outcome.

    Attributes
    ----------
    n, p : int
        Patches of an input and irrelevant patterns.
    class_sizes : (int, int)
        N₊ and N₋.
    units : (int, int)
        Hidden units with positive and with negative output weight.
    gain : float
        η/(n²N), what one unit adds to f when it is moved by one patch at slope 1.
    n_steps : int
        T.
    hinge : bool
        Whether the loss is the hinge or the logistic one.
    """

    n: int
    p: int
    class_sizes: tuple[int, int]
    units: tuple[int, int]
    gain: float
    n_steps: int
    hinge: bool = False


@dataclass(frozen=True, eq=False)
class Learned:
    """What a network has learnt; outputs are in units of η/(n²N), as of one unit and one patch.

    Attributes
    ----------
    values : array, shape (Kp,)
        h, what a patch of each pattern adds to the output.
    means : array, shape (2,)
        What o₁ (o₂) and the mean of h of n − 1 patches add.
    variances : array, shape (2,)
        Variance of ``means`` from training to training that the last step causes.
    """

    values: Array
    means: Array
    variances: Array


class LinkedCopies:
    """The K-fold lift of the random graph of patterns and samples.

    It has Kp patterns, and KN samples that hold n − 1 random patterns each. For K → ∞ what
    surrounds a pattern is a tree, and it learns as the root of the cavity equations does. What
    goes to 0 with 1/K, the fluctuation from training to training of means over all patterns or
    samples, is added as Gaussian processes.

    Parameters
    ----------
    setting : FewStepsSetting
    seed : int
        Equal seeds give equal copies.

    Notes
    -----
    Source: derived in docs/theory/few-steps.md.

    Examples
    --------
    >>> setting = FewStepsSetting(16, 64, (10, 10), (20, 20), 0.003, n_steps=2)
    >>> learned = LinkedCopies(setting, seed=0).learn(np.array([10.0, 10.0]), np.zeros((3, 2)))
    >>> learned.values.shape, bool(80 < learned.means[0] < 100)
    ((4096,), True)
    """

    def __init__(self, setting: FewStepsSetting, seed: int = 0) -> None:
        self.setting = s = setting
        rng = stream(seed, "few steps")
        n_links = (s.n - 1) * sum(s.class_sizes)
        copies = max(FEWEST_COPIES, math.ceil(min(N_PATTERNS / s.p, N_LINKS / n_links)))
        self.n_patterns = copies * s.p
        many = copies * s.class_sizes[0]
        self._signs = np.ones(copies * sum(s.class_sizes))
        self._signs[many:] = -1
        self._classes = slice(0, many), slice(many, None)
        held = rng.integers(0, self.n_patterns, len(self._signs) * (s.n - 1))
        starts = np.arange(len(self._signs) + 1) * (s.n - 1)
        shape = len(self._signs), self.n_patterns
        self._links = sparse.csr_array((np.ones(len(held)), held, starts), shape)
        self._up, self._down = (rng.binomial(m, 0.5, self.n_patterns) for m in s.units)
        # The lift fluctuates by itself with 1/K of the variance, and the rest is added.
        missing = math.sqrt(1 - 1 / copies)
        self._pattern_factor = missing * (s.n - 1) / math.sqrt(s.p * self.n_patterns)
        self._sample_factor = missing / math.sqrt(copies)
        self._copies = copies

    def learn(self, carriers: Array, normals: Array) -> Learned:
        """Train with κ₁ and κ₂ units that carry o₁ and o₂.

        Parameters
        ----------
        carriers : array, shape (2,)
            κ₁ and κ₂.
        normals : array, shape (3, T)
            Standard normals of the fluctuations in each step: of the mean of h, and of the sums
            over the samples of each class. Those of the last step are not used.
        """
        s = self.setting
        of_patterns, *of_classes = (GaussianSum(row) for row in normals)
        pulls = Span()
        pull, values = np.zeros((2, self.n_patterns))
        chosen, alive = np.zeros(self.n_patterns), np.ones(self.n_patterns, bool)
        signal_pulls, noise = np.zeros(2), 0.0
        choices = self._down, (self._up + self._down) / 2, self._up
        # Hinge pulls are integers, but for the fluctuations, which must not decide if they are 0.
        blur = 0.5 if s.hinge else 0.0
        for step in range(s.n_steps):
            last = step == s.n_steps - 1
            slopes = self._slopes(values, carriers * signal_pulls, noise)
            sums, spreads = self._class_sums(slopes, of_classes)
            if not last:
                sums[:, 1] += spreads * normals[1:, step]
            signal_pulls += [sums[0].sum(), -sums[1].sum()]
            common = (s.n - 1) / s.p * (sums[0, 1] - sums[1, 1])
            pull = pull + self._links.T @ (self._signs * slopes) + common
            chosen = np.where((chosen == 0) & (np.abs(pull) > blur), np.sign(pull), chosen)
            alive &= chosen * pull >= -blur
            units = np.choose((chosen + 1).astype(int), choices) * alive
            values = units * pull
            pulls.add(pull - pull.mean())
            _, rest = pulls.split(values - values.mean())
            noise, spread = of_patterns.add(self._pattern_factor * rest)
            if not last:
                noise += spread * normals[0, step]
        means = carriers * signal_pulls + (s.n - 1) * values.mean() + noise
        # One more unit of slope in the own (other) class, by the signal and the common mode.
        other = (s.n - 1) ** 2 / s.p * units.mean()
        variances = (carriers + other) ** 2 * spreads**2 + other**2 * spreads[::-1] ** 2
        return Learned(values, means, variances + spread**2)

    def _slopes(self, values: Array, signals: Array, noise: float) -> Array:
        outputs = self._links @ values + noise
        for side, signal in zip(self._classes, signals, strict=True):
            outputs[side] += signal
        margins = self.setting.gain * self._signs * outputs
        slopes: Array = (margins < 1) * 1.0 if self.setting.hinge else special.expit(-margins)
        return slopes

    def _class_sums(self, slopes: Array, noises: list[GaussianSum]) -> tuple[Array, Array]:
        """Return sums over N± samples with their fluctuations, (2, 2), and new spreads, (2,)."""
        sums, spreads = np.zeros((2, 2)), np.zeros(2)
        for side, (members, noise) in enumerate(zip(self._classes, noises, strict=True)):
            own = slopes[members]
            if len(own) == 0:
                continue
            total = own.sum() / self._copies
            fluctuation, spreads[side] = noise.add(self._sample_factor * (own - own.mean()))
            sums[side] = total, fluctuation
        return sums, spreads
