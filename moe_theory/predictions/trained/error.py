"""`trained_error`, `trained_samples_to`: dense and separate networks at the end of training."""

from __future__ import annotations

import math
import threading
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import real, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.predictions.sample_search import bracket
from moe_theory.predictions.trained.final_state import FinalState, final_state
from moe_theory.predictions.trained.gram_flow import gram_state
from moe_theory.predictions.trained.setting import TrainedSetting, fewest_samples, trained_setting
from moe_theory.predictions.trained.training_set import draw_training_set
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

# Training sets drawn: groups of draws that share the range of both numbers of carriers evenly.
N_GROUPS, GROUP_SIZE = 8, 16
N_FRESH = 500
FEW_FAILURES = 0.1
LARGEST_N = 1 << 14
_LOCK = threading.Lock()


@dataclass(frozen=True)
class TrainedError(PredictedError):
    """The error at the end of training.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`.
    standard_error : float
        That of ``error``, from the training sets drawn.
    n_steps : float
        Mean number of steps of SGD until the loss is reached.
    deciding_steps : int
        Steps in which units die while all samples still weigh the same.
    failures : float
        Share of the training sets whose equations were not solved; they are left out.

    Examples
    --------
    >>> TrainedError(0.05, 0.04, 0.06, 0.002, n_steps=900.0, deciding_steps=40).failures
    0.0
    """

    standard_error: float
    n_steps: float
    deciding_steps: int
    failures: float = 0.0


@typed
def trained_error(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, n_train: int
) -> TrainedError:
    """Return the expected test error of a network trained until its loss is ``stop_loss``.

    The expectation is over training samples, initial weights, batches, routers and the fresh
    input. No parameter is fitted. For 128 random training sets, the equations of the final state
    are solved if patterns are orthonormal and classes balanced, and else the flow of gradients
    is followed. That leaves the noise that ``standard_error`` states, some 5 % of ε.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread, p >= 16.
    model : DenseCNN or SeparateMoE
        With ``output_weights="signs"`` and at least 4 units per expert or, for k > 2, per pair.
    sgd : SGD
        Logistic loss and a ``stop_loss``; routers of ``"train"`` or ``"held_out"`` samples (N of
        them).
    n_train : int
        N >= 4, and so large that both classes have samples.

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
        If ``n_steps`` is too small to reach ``stop_loss``, or equations were not solved. With
        orthonormal patterns and balanced classes, also if p < n, where the error is overestimated,
        or if the signs of the units are decided in less than one epoch, so that the rate is too
        large for the theory.

    Notes
    -----
    Takes a second at N = 100, and up to ten at N = 1000; beyond, time grows with N, and N that do
    not fit into memory are refused. Equal arguments give equal results.

    Source: derived in docs/theory/trained.md and gram.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(0.2 * 64, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> trained = trained_error(patterns, DenseCNN(40, init_std=0.01), sgd, n_train=100)
    >>> 0.035 < trained.error < 0.055
    True
    """
    setting = trained_setting(patterns, model, sgd, n_train)
    # Threads that ask for the same wait for the first, rather than solve it too.
    with _LOCK, single_blas_thread():
        trained = _solve(setting)
    if setting.patterns is None and setting.p < setting.n:
        _warn(
            f"n_irrelevant = {setting.p} is below n_patches = {setting.n}: units die and revive "
            "while inputs share most patterns, and the error is overestimated"
        )
    if trained.failures > FEW_FAILURES:
        _warn(f"{trained.failures:.0%} of the equations were not solved: the error is unsure")
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


@typed
def trained_samples_to(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, epsilon: float
) -> float:
    """Return N*(ε), the number of samples at which `trained_error` falls to ε.

    Parameters
    ----------
    patterns, model, sgd
        As for `trained_error`.
    epsilon : float
        ε, in [0.002, 0.4].

    Returns
    -------
    float
        Between two even numbers of samples, by interpolation of log ε in log N; the fewest that
        `trained_error` allows if they are enough, 4 of balanced classes.

    Raises
    ------
    ValueError
        As `trained_error` does, or if 16384 samples are not enough.

    Warns
    -----
    UserWarning
        As `trained_error` does, at any number of samples on the way.

    Notes
    -----
    Takes some seconds. Source: derived in docs/theory/trained.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(0.2 * 16, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> 9 < trained_samples_to(patterns, DenseCNN(40, init_std=0.01), sgd, epsilon=0.05) < 13
    True
    """
    epsilon = real("epsilon", epsilon, 0.002, 0.4)
    few, many, found = bracket(
        lambda n_train: trained_error(patterns, model, sgd, n_train),
        epsilon, fewest_samples(patterns), LARGEST_N, resolution=0.1,
    )  # fmt: skip
    if few == many:
        return float(few)
    above, below = (math.log(max(found[n].error, 1e-9) / epsilon) for n in (few, many))
    return float(few * (many / few) ** (above / (above - below)))


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


@lru_cache(maxsize=1024)
def _solve(setting: TrainedSetting) -> TrainedError:
    """Average over training sets, with κ₁ and κ₂ spread evenly over their laws in each group."""
    errors = np.full((N_GROUPS, GROUP_SIZE, 2), np.nan)
    steps, deciding = [], []
    solve = _balanced_state if setting.patterns is None else gram_state
    for group in range(N_GROUPS):
        carriers = spread_carriers(setting.units, group)
        for place, known in enumerate(carriers.tolist()):
            rng = stream(group * GROUP_SIZE + place, "trained theory")
            state = solve(setting, rng, (known[0], known[1]))
            deciding.append(state.data.deciding_steps)
            if state.converged:
                margins = state.fresh_margins(rng, N_FRESH)
                # Where an input sends only what was never seen, initial weights decide.
                errors[group, place] = ((margins < 0) + (margins == 0) / 2).mean(axis=1)
                steps.append(state.n_steps)
    failures = float(np.isnan(errors[..., 0]).mean())
    if failures == 1:
        raise reject("setting", setting, "one whose equations can be solved")
    positive, negative = np.nanmean(errors, axis=(0, 1)).tolist()
    fraction = 0.5 if setting.patterns is None else setting.patterns.positive_fraction
    groups = np.nanmean(errors * [2 * fraction, 2 - 2 * fraction], axis=(1, 2))
    return TrainedError(
        error=fraction * positive + (1 - fraction) * negative,
        positive=positive,
        negative=negative,
        standard_error=float(np.nanstd(groups, ddof=1) / math.sqrt(N_GROUPS)),
        n_steps=float(np.mean(steps)),
        deciding_steps=round(float(np.mean(deciding))),
        failures=failures,
    )


def _balanced_state(
    setting: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> FinalState:
    return final_state(draw_training_set(setting, rng, carriers))


def spread_carriers(units: tuple[int, int], group: int) -> Array:
    """Return pairs of numbers of carriers, each Binomial(units, ½), spread evenly, (draws, 2)."""
    places = stats.qmc.Sobol(2, seed=stream(group, "carriers")).random(GROUP_SIZE)
    carriers: Array = stats.binom.ppf(places, np.array(units), 0.5)
    return carriers
