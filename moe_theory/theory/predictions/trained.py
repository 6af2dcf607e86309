"""Test error of dense and separately trained networks at the end of their training."""

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
from moe_theory._validation import reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.theory.predictions.trained_data import draw_training_set
from moe_theory.theory.predictions.trained_domain import Setting, setting_of
from moe_theory.theory.predictions.trained_state import trained_state
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

# Training sets drawn: groups of draws that share the range of both numbers of carriers evenly.
N_GROUPS, GROUP_SIZE = 8, 16
N_FRESH = 500
FEW_FAILURES = 0.1
_LOCK = threading.Lock()


@dataclass(frozen=True)
class TrainedError:
    """Generalization error P(y f(x) ≤ 0) at the end of training.

    Attributes
    ----------
    error : float
        ε, the mean over the classes.
    positive, negative : float
        ε for inputs with y = +1 and y = −1.
    standard_error : float
        That of ``error``, from the training sets drawn.
    n_steps : float
        Mean number of steps of SGD until the loss is reached.
    deciding_steps : int
        Steps in which units die while all samples still weigh the same.
    failures : float
        Share of the training sets whose equations were not solved; they are left out.

    Notes
    -----
    Source: dossier §5.3 [D].

    Examples
    --------
    >>> round(TrainedError(0.05, 0.04, 0.06, 0.002, n_steps=900.0, deciding_steps=40).z, 3)
    1.645
    """

    error: float
    positive: float
    negative: float
    standard_error: float
    n_steps: float
    deciding_steps: int
    failures: float = 0.0

    @property
    def z(self) -> float:
        """z_ε, at which the Gaussian tail is ε."""
        return float(stats.norm.isf(self.error))


@typed
def trained_error(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, n_train: int
) -> TrainedError:
    """Return the expected test error of a network trained until its loss is ``stop_loss``.

    The expectation is over training samples, initial weights, batches, routers and the fresh
    input. No parameter is fitted. The equations of the final state are solved for 128 random
    training sets, which leaves the noise that ``standard_error`` states, some 5 % of ε.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0, balanced classes, p >= 16.
    model : DenseCNN or SeparateMoE
        With ``output_weights="signs"`` and at least 4 units per expert or, for k > 2, per pair.
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
        If p < n, where the error is overestimated; if equations were not solved; if the signs of
        the units are decided in less than one epoch, so that the rate is too large for the
        theory; or if ``n_steps`` is too small to reach ``stop_loss``.

    Notes
    -----
    Takes a second at N = 100, and up to ten at N = 1000; beyond, time grows with N, and N that do
    not fit into memory are refused. Equal arguments give equal results.

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
    # Threads that ask for the same wait for the first, rather than solve it too.
    with _LOCK, single_blas_thread():
        trained = _solve(setting)
    if setting.p < setting.n:
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


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


@lru_cache(maxsize=1024)
def _solve(setting: Setting) -> TrainedError:
    """Average over training sets, with κ₁ and κ₂ spread evenly over their laws in each group."""
    errors = np.full((N_GROUPS, GROUP_SIZE, 2), np.nan)
    steps, deciding = [], []
    for group in range(N_GROUPS):
        carriers = _spread_carriers(setting.units, group)
        for place, known in enumerate(carriers.tolist()):
            rng = stream(group * GROUP_SIZE + place, "trained theory")
            data = draw_training_set(setting, rng, (known[0], known[1]))
            state = trained_state(data)
            deciding.append(data.deciding_steps)
            if state.converged:
                margins = state.fresh_margins(rng, N_FRESH)
                # Where an input sends only what was never seen, initial weights decide.
                errors[group, place] = ((margins < 0) + (margins == 0) / 2).mean(axis=1)
                steps.append(state.n_steps)
    failures = float(np.isnan(errors[..., 0]).mean())
    if failures == 1:
        raise reject("setting", setting, "one whose equations can be solved")
    positive, negative = np.nanmean(errors, axis=(0, 1)).tolist()
    groups = np.nanmean(errors, axis=(1, 2))
    return TrainedError(
        error=(positive + negative) / 2,
        positive=positive,
        negative=negative,
        standard_error=float(np.nanstd(groups, ddof=1) / math.sqrt(N_GROUPS)),
        n_steps=float(np.mean(steps)),
        deciding_steps=round(float(np.mean(deciding))),
        failures=failures,
    )


def _spread_carriers(units: tuple[int, int], group: int) -> Array:
    """Return pairs of numbers of carriers, each Binomial(units, ½), spread evenly, (draws, 2)."""
    places = stats.qmc.Sobol(2, seed=stream(group, "carriers")).random(GROUP_SIZE)
    carriers: Array = stats.binom.ppf(places, np.array(units), 0.5)
    return carriers
