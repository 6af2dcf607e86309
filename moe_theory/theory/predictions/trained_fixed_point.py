"""The state in which patterns and samples of a population agree at the loss of the stop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.theory.predictions.trained_kernels import cavity_fields, outputs, sweep_samples
from moe_theory.theory.predictions.trained_population import FRESH, Population

Array = NDArray[Any]

N_PARTS = 24
MAX_SWEEPS, PATIENCE = 120, 30
# Relative deviation of the loss at which sweeps end.
LOSS_TOLERANCE = 0.01


class FixedPoint:
    """Sweeps over a population until fields, pulls and loss agree.

    Parameters
    ----------
    population : Population

    Attributes
    ----------
    values : array, shape (experts, M)
        What a patch of each pattern adds to f/scale of a fresh input.
    signals : array, shape (2, experts)
        What o₁ and o₂ add.
    shift : float
        Standard deviation, over trainings, of the mean of ``values`` times the patches received.
    loss : float
        The mean training loss reached.
    failures : int
        How often `solve` ended without convergence.

    Notes
    -----
    Source: dossier §5.3 [D]; derivation in docs/theory/trained.md.
    """

    def __init__(self, population: Population) -> None:
        self.population = population
        s = population.setting
        pull = 3 / s.scale / (s.carriers * (s.n_train / 2 + s.n_experts * s.n_routed))
        self._pulls = np.full(len(population.classes), pull)
        self._cavity_pulls = self._pulls.copy()
        self._softness = self._pulls * s.scale
        self._margins = np.zeros(len(population.classes))
        self._inverse_slopes = np.full(N_PARTS, 6.0)
        self._mean_pull = pull
        self._common = np.zeros(s.n_experts)
        self.values = np.zeros(population.ups.shape[1:])
        self.signals = np.zeros((2, s.n_experts))
        self.shift = self.loss = np.nan
        self.failures = 0

    @property
    def n_steps(self) -> float:
        """The steps of SGD that the path to this state takes: ᾱN/rate · ⟨1/E σ(−m)⟩."""
        s = self.population.setting
        return float(self._mean_pull * s.n_train / s.rate * self._inverse_slopes.mean())

    def solve(self, carriers: Array) -> None:
        """Sweep until convergence with κ₁ and κ₂ units carrying o₁ and o₂.

        ``carriers`` (2, experts) is κ of each discriminative pattern in each expert.
        """
        for sweep in range(MAX_SWEEPS):
            before = self.values.std()
            self._sweep(carriers, 0.7 if sweep < PATIENCE else 0.3)
            off = np.log(self.loss / self.population.setting.target)
            moved = abs(self.values.std() / max(before, 1e-300) - 1)
            if sweep >= 5 and abs(off) < LOSS_TOLERANCE and moved < LOSS_TOLERANCE / 2:
                return
        self.failures += 1

    def fresh_outputs(self) -> tuple[Array, Array]:
        """Return f/scale and the class of the fresh inputs of the population."""
        of = self.population
        signal = (self.signals[of.fresh_classes] * of.fresh_kept).sum(axis=1)
        out = np.empty(len(signal))
        outputs(of.fresh_links, self.values, signal, out)
        return out, of.fresh_classes

    def _sweep(self, carriers: Array, damping: float) -> None:
        of, s = self.population, self.population.setting
        sizes = np.array(s.class_sizes, float)
        fields, reactions = self._fields()
        by_class = [of.classes == side for side in (0, 1)]
        for side, sign in enumerate((1.0, -1.0)):
            pulls = (self._pulls[by_class[side], None] * of.kept[by_class[side]]).mean(axis=0)
            self.signals[side] = sign * sizes[side] * pulls * carriers[side]
        signal = np.abs(self.signals[of.classes] * of.kept).sum(axis=1)
        slopes = np.zeros(N_PARTS)
        sweep_samples(
            of.links, of.classes, fields[1:], reactions[1:], of.ups[1:], of.downs[1:], signal,
            s.scale, self._mean_pull, self._inverse_slopes, damping, self._pulls,
            self._softness, self._cavity_pulls, self._margins, slopes,
        )  # fmt: skip
        self._inverse_slopes = len(of.classes) / np.maximum(slopes, 1e-12)
        self.loss = float(np.logaddexp(0, -self._margins).mean())
        self._mean_pull *= (self.loss / s.target) ** (0.3 * damping)
        self.values = _granted(of.ups[FRESH], of.downs[FRESH], fields[FRESH], reactions[FRESH])

    def _fields(self) -> tuple[Array, Array]:
        of, s = self.population, self.population.setting
        sizes = np.array(s.class_sizes, float)
        fields, reactions = np.zeros((2, *of.ups.shape))
        entry_classes = of.classes[of.mapped]
        owner = np.repeat(np.arange(of.ups.shape[2]), np.diff(of.start))
        mean_pulls = np.array([self._pulls[of.classes == side].mean() for side in (0, 1)])
        gains, spreads = np.zeros((2, s.n_experts))
        for e in range(s.n_experts):
            kept = np.array([of.kept[of.classes == side, e].mean() for side in (0, 1)])
            received = s.n_routed - kept
            seen = of.passes[FRESH, e]
            found = np.bincount(entry_classes[seen], minlength=2) / of.ups.shape[2]
            weights = sizes * received / s.p / np.maximum(found, 1e-12)
            for met in range(3):
                cavity_fields(
                    of.start, of.mapped, of.passes[met, e], of.classes, weights,
                    self._cavity_pulls, self._softness, fields[met, e], reactions[met, e],
                )  # fmt: skip
            reactions[:, e] *= 1 - 1 / s.p
            per_pattern = np.bincount(owner[seen], minlength=of.ups.shape[2])
            share = per_pattern / max(per_pattern.mean(), 1e-12)
            if s.n_routed == s.n:
                share = np.ones_like(share)
            active = np.where(fields[FRESH, e] > 0, of.ups[FRESH, e], of.downs[FRESH, e])
            soft = active / (1 + active * reactions[FRESH, e])
            density = sizes @ received / s.p
            gains[e] = (soft * share**2).mean() * s.n_routed * density * self._softness.mean()
            goal = float((sizes * received / s.p * mean_pulls) @ [1.0, -1.0])
            self._common[e] += (goal - self._common[e]) / (1 + gains[: e + 1].sum())
            correction = self._common[e] - fields[FRESH, e].mean()
            fields[:, e] += correction * share
            mean = np.average(self.values[e], weights=share)
            variance = np.average((self.values[e] - mean) ** 2, weights=share)
            spreads[e] = s.n_routed**2 * variance * (share**2).mean() / s.p
        self.shift = float(np.sqrt(spreads.sum()) / (1 + gains.sum()))
        return fields, reactions


def _granted(ups: Array, downs: Array, field: Array, reaction: Array) -> Array:
    units = np.where(field > 0, ups, downs)
    granted: Array = units * field / (1 + units * reaction)
    return granted
