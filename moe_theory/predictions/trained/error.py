"""`trained_error`, `trained_samples_to`: dense and separate networks at the end of training."""

from __future__ import annotations

import math
import threading
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import integer, real, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.predictions.sample_search import bracket
from moe_theory.predictions.trained.final_state import final_state
from moe_theory.predictions.trained.setting import TrainedSetting, fewest_samples, trained_setting
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

# Draws of one group share the range of both numbers of carriers evenly.
GROUP_SIZE, FEWEST_DRAWS, MOST_DRAWS = 16, 32, 1_000_000
N_FRESH = 500
# What predictions of ε are off by, beyond noise, relative to ε: the upper end of the spread that is
# measured in figures/full/prediction_bias.csv, with the bias.
SYSTEMATIC = 0.04
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
        That of ``error`` from the training sets drawn alone, of averaging. What all of them have
        in common, the theory's own error, is `SYSTEMATIC`.
    n_steps : float
        Mean number of steps of SGD until the loss is reached.
    deciding_steps : int
        Mean number of them that are followed one by one, while signs of units are decided.
    failures : float
        Share of the trainings that never reach the loss.

    Examples
    --------
    >>> found = TrainedError(0.05, 0.04, 0.06, 0.002, n_steps=900.0, deciding_steps=40)
    >>> found.failures, round(found.uncertainty, 4)
    (0.0, 0.0028)
    """

    standard_error: float
    n_steps: float
    deciding_steps: int
    failures: float = 0.0

    @property
    def uncertainty(self) -> float:
        """One standard deviation of ``error``, of averaging and of the theory (`SYSTEMATIC`)."""
        return math.hypot(self.standard_error, SYSTEMATIC * self.error)


@typed
def trained_error(
    patterns: PatchPatterns,
    model: DenseCNN | SeparateMoE,
    sgd: SGD,
    n_train: int,
    n_draws: int = 128,
) -> TrainedError:
    """Return the expected test error of a network trained until its loss is ``stop_loss``.

    The expectation is over training samples, initial weights, batches, routers and the fresh
    input. No parameter is fitted. Random trainings are followed on patterns: step by step until
    the signs of units are decided, then by gradient flow. Averaging over 128 of them leaves the
    noise that ``standard_error`` states, some 5 % of ε.

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
    n_draws : int
        Number of trainings, from 32 to a million, made up to a multiple of 16;
        ``standard_error`` falls with its root.

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
        If ``n_steps`` is too small to reach ``stop_loss``, or more than a tenth of the trainings
        never reach it.

    Notes
    -----
    Takes a second at N = 100, and a few at N = 1000; beyond, time grows with N, and N that do not
    fit into memory are refused. Equal arguments give equal results.

    Source: derived in docs/theory/trained.md and gram.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(0.2 * 64, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> trained = trained_error(patterns, DenseCNN(40, init_std=0.01), sgd, n_train=100)
    >>> 0.035 < trained.error < 0.055
    True
    """
    n_draws = integer("n_draws", n_draws, FEWEST_DRAWS, MOST_DRAWS)
    setting = trained_setting(patterns, model, sgd, n_train)
    # Threads that ask for the same wait for the first, rather than solve it too.
    with _LOCK, single_blas_thread():
        trained = _solve(setting, math.ceil(n_draws / GROUP_SIZE))
    if trained.failures > FEW_FAILURES:
        _warn(f"{trained.failures:.0%} of the trainings never reach stop_loss {sgd.stop_loss}")
    if trained.n_steps > sgd.steps(n_train):
        _warn(
            f"about {trained.n_steps:.0f} steps are needed to reach stop_loss {sgd.stop_loss}, "
            f"and {sgd.steps(n_train)} are given"
        )
    return trained


@typed
def trained_samples_to(
    patterns: PatchPatterns,
    model: DenseCNN | SeparateMoE,
    sgd: SGD,
    epsilon: float,
    n_draws: int = 128,
    *,
    balanced: bool = False,
) -> float:
    """Return N*(ε), the number of samples at which `trained_error` falls to ε.

    Parameters
    ----------
    patterns, model, sgd, n_draws
        As for `trained_error`.
    epsilon : float
        ε, in [0.002, 0.4].
    balanced : bool
        Whether ε is the balanced error, the mean over both classes whatever their fractions.

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

    def predict(n_train: int) -> TrainedError:
        found = trained_error(patterns, model, sgd, n_train, n_draws)
        return replace(found, error=found.balanced) if balanced else found

    few, many, found = bracket(
        predict, epsilon, fewest_samples(patterns), LARGEST_N, resolution=0.1,
    )  # fmt: skip
    if few == many:
        return float(few)
    above, below = (math.log(max(found[n].error, 1e-9) / epsilon) for n in (few, many))
    return float(few * (many / few) ** (above / (above - below)))


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


@lru_cache(maxsize=1024)
def _solve(setting: TrainedSetting, n_groups: int) -> TrainedError:
    """Average over trainings, with the numbers of carriers spread evenly in each group."""
    errors = np.empty((n_groups, GROUP_SIZE, 2))
    states = []
    for group in range(n_groups):
        for place, (first, second) in enumerate(spread_carriers(setting.units, group).tolist()):
            rng = stream(group * GROUP_SIZE + place, "trained theory")
            state = final_state(setting, rng, (first, second))
            margins = state.fresh_margins(rng, N_FRESH)
            errors[group, place] = ((margins < 0) + (margins == 0) / 2).mean(axis=1)
            states.append((state.deciding_steps, state.n_steps, state.reached))
    deciding, steps, reached = np.array(states).T
    if not reached.any():
        raise reject("setting", setting, "one in which trainings reach the loss")
    positive, negative = errors.mean(axis=(0, 1)).tolist()
    fraction = setting.patterns.positive_fraction
    groups = (errors * [2 * fraction, 2 - 2 * fraction]).mean(axis=(1, 2))
    return TrainedError(
        error=fraction * positive + (1 - fraction) * negative,
        positive=positive,
        negative=negative,
        standard_error=float(groups.std(ddof=1) / math.sqrt(n_groups)),
        n_steps=float(steps[reached > 0].mean()),
        deciding_steps=round(float(deciding.mean())),
        failures=float(1 - reached.mean()),
    )


def spread_carriers(units: tuple[int, int], group: int) -> Array:
    """Return pairs of numbers of carriers, each Binomial(units, ½), spread evenly, (draws, 2)."""
    places = stats.qmc.Sobol(2, seed=stream(group, "carriers")).random(GROUP_SIZE)
    carriers: Array = stats.binom.ppf(places, np.array(units), 0.5)
    return carriers
