"""`one_step_error`: the dense network after one full-batch step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import choice, integer, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN
from moe_theory.predictions.assumptions import (
    MOST_SAMPLES,
    NoiseLaw,
    check_orthogonal,
    check_plain,
    check_signs,
    check_small_start,
    positive_counts,
)
from moe_theory.predictions.fixed_totals import Real
from moe_theory.predictions.one_step.irrelevant_sum import IrrelevantSum
from moe_theory.predictions.one_step.tied_outputs import tie_errors
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.training.sgd import SGD

Errors = Callable[[IrrelevantSum, Real], tuple[Real, Real]]

FEWEST_PATTERNS = 4


@dataclass(frozen=True)
class OneStepError(PredictedError):
    """The error after one step.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`.
    tie : float
        Chance that f is 0 to leading order in the initial weights, which then decide; ``error``
        holds the share of it that they decide wrongly.

    Examples
    --------
    >>> OneStepError(error=0.05, positive=0.04, negative=0.06, tie=0.001).tie
    0.001
    """

    tie: float


@typed
def one_step_error(
    patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int, *, method: NoiseLaw = "exact"
) -> OneStepError:
    """Return the expected test error after one full-batch step from small initial weights.

    The expectation is over training samples, initial weights and the fresh input. It is exact in
    the limit of small initial weights, but for ties, with a numerical error of about 1e-6: neither
    n nor p, N or m need be large.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0; p >= 4 unless n = 1.
    model : DenseCNN
        With ``output_weights="signs"``, m >= 2.
    sgd : SGD
        One step, B >= N; either loss.
    n_train : int
        N.
    method : {"exact", "gaussian"}
        "gaussian" puts a Gaussian in the place of the noise of the irrelevant patches.

    Returns
    -------
    OneStepError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    Where f is 0 to leading order, the initial weights decide, and the share of errors is taken
    from a Gaussian law, see `tie_errors`. That is the only approximation; ``tie`` says how much
    it can matter: 2 % of ε at m = 40 and N = 20, 10 % at m = 4.

    It takes about 20 ms for each possible N₊, and some times that for p < 16.

    With Gaussian noise, ε = E Q((N₊κ + (n − 1)Āκ̄)/s) over N₊ and the number κ of units that carry
    o₁, with s² = κ̄²(n − 1)(v(1 + ρ(1 + (n − 2)/p)) + Ā²ρ(1 + (n − 2)/p)), where
    Ā = (n − 1)(N₊ − N₋)/p, v = (n − 1)(N/p)(1 − 1/p), κ̄ = m/4 and ρ = 2/m. Mean and variance of the
    noise are exact for even m. What is neglected is the shape of its law, whose tails are heavier
    where patterns are few or rare.

    Source: derived in docs/theory/one-step.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> model, sgd = DenseCNN(40, init_std=1e-5), SGD(64.0, batch_size=60, n_steps=1)
    >>> round(one_step_error(patterns, model, sgd, n_train=60).error, 4)
    0.1743
    >>> round(one_step_error(patterns, model, sgd, n_train=60, method="gaussian").error, 4)
    0.1749
    """
    choice("method", method, ("exact", "gaussian"))
    errors = IrrelevantSum.errors if method == "exact" else IrrelevantSum.gaussian_errors
    with single_blas_thread():
        return _over_classes(patterns, model, sgd, n_train, errors)


def _over_classes(
    patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int, errors: Errors
) -> OneStepError:
    n_train = integer("n_train", n_train, 1, MOST_SAMPLES)
    _check(patterns, model, sgd, n_train)
    units = (model.n_hidden + 1) // 2, model.n_hidden // 2
    counts, chances = positive_counts(patterns, n_train, negligible=1e-8)
    error_of = _error_of_class(patterns, errors)
    positive, negative = np.zeros(2), np.zeros(2)
    for count, chance in zip(counts.tolist(), chances / chances.sum(), strict=True):
        samples = count, n_train - count
        positive += chance * error_of(samples, units)
        negative += chance * error_of(samples[::-1], units[::-1])
    fraction = patterns.positive_fraction
    error, tie = (fraction * positive + (1 - fraction) * negative).tolist()
    return OneStepError(error, float(positive[0]), float(negative[0]), tie)


def _error_of_class(
    patterns: PatchPatterns, errors: Errors
) -> Callable[[tuple[int, int], tuple[int, int]], Real]:
    """Return (error, tie) as a function of (own, other) samples and of (own, other) units."""

    @cache
    def error(samples: tuple[int, int], units: tuple[int, int]) -> Real:
        carriers = np.arange(units[0] + 1)
        chances = stats.binom.pmf(carriers, units[0], 0.5)
        if patterns.n_patches == 1:
            # f is exactly 0 where no unit carries o₁, and undecided where no sample shows it.
            return np.array([chances[0], chances[0]] if samples[0] else [0.5, 1.0])
        noise = IrrelevantSum(patterns.n_patches, patterns.n_irrelevant, samples, units)
        wrong, ties = errors(noise, samples[0] * carriers.astype(np.float64))
        wrong = wrong + ties * tie_errors(noise, carriers.astype(np.float64))
        return np.array([chances @ wrong, chances @ ties])

    return error


def _check(patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int) -> None:
    integer("n_train", n_train, 1)
    check_orthogonal(patterns)
    if patterns.delta_d != 0:
        raise reject("delta_d", patterns.delta_d, "0: the statement is for orthogonal o₁ and o₂")
    if patterns.n_patches > 1 and patterns.n_irrelevant < FEWEST_PATTERNS:
        allowed = f">= {FEWEST_PATTERNS}: fewer give a law too far from smooth for the inversion"
        raise reject("n_irrelevant", patterns.n_irrelevant, allowed)
    check_plain(model, sgd)
    check_signs(model)
    if sgd.batch_size < n_train:
        raise reject("batch_size", sgd.batch_size, f">= n_train = {n_train}: a full batch")
    if sgd.steps(n_train) != 1:
        raise reject("the number of steps", sgd.steps(n_train), "1: the statement is for one step")
    check_small_start(patterns, model, sgd, n_train)
