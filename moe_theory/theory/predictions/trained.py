"""Test error of dense and separately trained networks at the end of their training."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import interp1d

from moe_theory._blas import single_blas_thread
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.theory.predictions.trained_domain import setting_of
from moe_theory.theory.predictions.trained_fixed_point import FixedPoint
from moe_theory.theory.predictions.trained_population import Setting, draw_population
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

N_POPULATIONS, N_KNOTS = 6, 3
LEAST_ERROR = 1e-5
FEW_FAILURES = 0.2
GRID, DEVIATIONS = 8192, 12


@dataclass(frozen=True)
class TrainedError:
    """Generalization error P(y f(x) ≤ 0) at the end of training.

    Attributes
    ----------
    error : float
        ε, the mean over the classes.
    positive, negative : float
        ε for inputs with y = +1 and y = −1.
    n_steps : float
        Steps of SGD until the loss is reached, for a typical network.
    deciding_steps : int
        Steps in which units die while all samples still weigh the same.
    failures : float
        Share of the fixed points that were not reached.

    Notes
    -----
    Source: dossier §5.3 [D].

    Examples
    --------
    >>> round(TrainedError(0.05, 0.04, 0.06, n_steps=900.0, deciding_steps=40).z, 3)
    1.645
    """

    error: float
    positive: float
    negative: float
    n_steps: float
    deciding_steps: int
    failures: float = 0.0

    @property
    def z(self) -> float:
        """z_ε, at which the Gaussian tail is ε."""
        return float(stats.norm.isf(self.error))


def trained_error(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, n_train: int
) -> TrainedError:
    """Return the expected test error of a network trained until its loss is ``stop_loss``.

    The expectation is over training samples, initial weights, batches, routers and the fresh
    input. No parameter is fitted. It solves the cavity equations of one pattern and one sample,
    by sweeps over populations of copies of each, whose finite size leaves a noise of some 5 % in
    ε, and 10 % where ε < 0.01.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0, balanced classes, p >= 16.
    model : DenseCNN or SeparateMoE
        With ``output_weights="signs"`` and at least 4 units per expert; k = 2 experts.
    sgd : SGD
        Logistic loss and a ``stop_loss``; routers of ``"train"`` or ``"held_out"`` samples (N of
        them).
    n_train : int
        N >= 4.

    Returns
    -------
    TrainedError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Warns
    -----
    UserWarning
        If p < n, where the error is overestimated; if the signs of the units are decided in less
        than one epoch, so that the rate is too large for the theory; or if ``n_steps`` is
        too small to reach ``stop_loss``.

    Notes
    -----
    Takes one or two seconds, more for thousands of patches. Equal arguments give equal results.

    Source: dossier §5.3 and §7 [D]; derivation in docs/theory/trained.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(0.2 * 64, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> trained = trained_error(patterns, DenseCNN(40, init_std=0.01), sgd, n_train=100)
    >>> 0.035 < trained.error < 0.055
    True
    """
    setting = setting_of(patterns, model, sgd, n_train)
    with single_blas_thread():
        trained = _solve(setting)
    if setting.p < setting.n:
        _warn(
            f"n_irrelevant = {setting.p} is below n_patches = {setting.n}: inputs share most of "
            "their patterns, the copies of the theory do not, and the error is overestimated"
        )
    if trained.failures > FEW_FAILURES:
        _warn(f"{trained.failures:.0%} of the fixed points were not reached: the error is unsure")
    if trained.deciding_steps < math.ceil(setting.n_train / setting.batch_size):
        _warn(
            f"learning_rate {sgd.learning_rate:g} fits the samples in {trained.deciding_steps} "
            "steps, less than an epoch: units die while slopes differ, which the theory neglects"
        )
    if trained.n_steps > sgd.steps(n_train):
        _warn(
            f"about {trained.n_steps:.0f} steps are needed to reach stop_loss {sgd.stop_loss}, "
            f"and {sgd.steps(n_train)} are given"
        )
    return trained


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


@lru_cache(maxsize=256)
def _solve(setting: Setting) -> TrainedError:
    """Average over populations, and over how many units carry o₁ and o₂."""
    knots = [_knots(units) for units in setting.units]
    symmetric = setting.units[0] == setting.units[1] and setting.n_train % 2 == 0
    errors = np.zeros((len(knots[0]), len(knots[1]), 2))
    n_steps = deciding = 0.0
    failures = solved = 0
    # Where all samples are one batch, no order of the samples has to be averaged over.
    n_populations = N_POPULATIONS if setting.batch_size < setting.n_train else N_POPULATIONS // 2
    for seed in range(n_populations):
        state = FixedPoint(draw_population(setting, seed))
        deciding += state.population.n_steps / n_populations
        for i, one in enumerate(knots[0]):
            # To and fro, so that each solution starts from a close one.
            for j in range(len(knots[1]))[:: 1 if i % 2 == 0 else -1]:
                if symmetric and j < i:
                    continue
                carriers = np.full((2, setting.n_experts), setting.carriers)
                carriers[0, 0], carriers[1, -1] = one, knots[1][j]
                state.solve(carriers)
                solved += 1
                errors[i, j] += _class_errors(state) / n_populations
                if i == j == len(knots[0]) // 2:
                    n_steps += state.n_steps / n_populations
        failures += state.failures
    if symmetric:
        lower = np.tril_indices(len(knots[0]), -1)
        errors[lower] = errors.swapaxes(0, 1)[lower][:, ::-1]
        errors = (errors + errors.swapaxes(0, 1)[:, :, ::-1]) / 2
    positive, negative = (
        _binomial_average(errors[:, :, side], knots, setting.units) for side in (0, 1)
    )
    return TrainedError(
        error=(positive + negative) / 2,
        positive=positive,
        negative=negative,
        n_steps=n_steps,
        deciding_steps=round(deciding),
        failures=failures / solved,
    )


def _knots(units: int) -> Array:
    """Return the numbers of carriers to solve for, over the bulk of Binomial(units, ½)."""
    deviation = math.sqrt(units) / 2
    return np.maximum(units / 2 + deviation * np.linspace(-2, 2, N_KNOTS), 0.5)


def _binomial_average(errors: Array, knots: list[Array], units: tuple[int, int]) -> float:
    """Return the mean of ``errors`` over both numbers of carriers.

    The Gaussian quantile of the error is close to linear in them, and is interpolated.
    """
    quantiles = stats.norm.isf(np.clip(errors, LEAST_ERROR, 1 - LEAST_ERROR))
    for axis, most in enumerate(units):
        quantiles = interp1d(
            knots[axis], quantiles, kind="quadratic", axis=axis, fill_value="extrapolate"
        )(np.arange(most + 1.0))
    first, second = (stats.binom.pmf(np.arange(m + 1), m, 0.5) for m in units)
    return float(first @ stats.norm.sf(quantiles) @ second)


def _class_errors(state: FixedPoint) -> Array:
    setting = state.population.setting
    if setting.n_experts > 1:
        out, classes = state.fresh_outputs()
        wrong = stats.norm.sf(np.where(classes == 0, out, -out) / max(state.shift, 1e-9))
        return np.array([wrong[classes == side].mean() for side in (0, 1)])
    values, sums = state.values[0], setting.n - 1
    sides = zip((1.0, -1.0), np.abs(state.signals[:, 0]), strict=True)
    return np.array([_tail(sign * values, sums, at, state.shift) for sign, at in sides])


def _tail(values: Array, n_sums: int, signal: float, shift: float) -> float:
    """Return P(signal + n_sums draws of ``values`` + N(0, shift²) <= 0), by Fourier transform."""
    mean, deviation = values.mean(), values.std()
    step = 2 * DEVIATIONS * max(deviation * math.sqrt(n_sums), 1e-12) / GRID
    places = (values - mean) / step
    cells = np.floor(places).astype(int)
    law = np.zeros(GRID)
    np.add.at(law, cells % GRID, 1 - places + cells)
    np.add.at(law, (cells + 1) % GRID, places - cells)
    angles = 2 * math.pi * np.fft.fftfreq(GRID)
    wave = np.fft.fft(law / len(values)) ** n_sums * np.exp(-((angles * shift / step) ** 2) / 2)
    chances = np.fft.ifft(wave).real
    where = np.fft.fftfreq(GRID, 1 / GRID) * step + mean * n_sums + signal
    return float(max(chances[where <= 0].sum(), 0.0))
