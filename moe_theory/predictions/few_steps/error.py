"""`few_steps_error`: the dense network after a few full-batch steps of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import integer, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN
from moe_theory.predictions.assumptions import (
    check_neutral_patterns,
    check_numbers_fit,
    check_plain,
    check_signs,
    check_small_start,
    positive_counts,
)
from moe_theory.predictions.few_steps.fresh_input import FreshLaw
from moe_theory.predictions.few_steps.linked_copies import (
    FEWEST_COPIES,
    FewStepsSetting,
    LinkedCopies,
)
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

MOST_STEPS = 20
# Independent estimates, populations in each, and numbers of carriers of o₁ (o₂).
N_GROUPS, N_POPULATIONS, N_NODES = 8, 8, 4
# So many times populations are drawn, until the relative standard error is as small.
MOST_ROUNDS, PRECISION = 4, 0.01


@dataclass(frozen=True)
class FewStepsError(PredictedError):
    """The error after a few steps.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`.
    standard_error : float
        Of ``error``, from the populations drawn; itself known within a quarter.

    Examples
    --------
    >>> FewStepsError(0.05, 0.04, 0.06, standard_error=0.001).standard_error
    0.001
    """

    standard_error: float


@typed
def few_steps_error(
    patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int
) -> FewStepsError:
    """Return the expected test error after a few full-batch steps from small initial weights.

    The expectation is over training samples, initial weights and the fresh input. No parameter is
    fitted. Patterns and samples learn as on a tree, with the fluctuation of their means from
    training to training added; the learning rate may be of any size.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0, balanced classes, p >= 16, n >= 2.
    model : DenseCNN
        With ``output_weights="signs"``, m >= 2.
    sgd : SGD
        At most 20 steps, B >= N, no criterion to stop; either loss.
    n_train : int
        N >= 2.

    Returns
    -------
    FewStepsError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    Takes about a second, longer for many steps or thousands of patterns, and up to four times that
    where the common mode is unstable, beyond a rate of about 32 p/m. Equal arguments give equal
    results. Deviations from the simulator are about 1 %, and more for ε < 0.001.

    Source: derived in docs/theory/few-steps.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
    >>> model, sgd = DenseCNN(40, init_std=1e-5), SGD(64.0, batch_size=20, n_steps=2)
    >>> found = few_steps_error(patterns, model, sgd, n_train=20)
    >>> 0.114 < found.error < 0.119, found.standard_error < 0.001
    (True, True)
    """
    n_train = integer("n_train", n_train, 2)
    settings = few_steps_settings(patterns, model, sgd, n_train)
    with single_blas_thread():
        return _solve(settings)


def few_steps_settings(
    patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int
) -> tuple[FewStepsSetting, ...]:
    """Return what decides the outcome, for the class sizes that are possible and equally likely.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    """
    check_neutral_patterns(patterns)
    check_plain(model, sgd)
    check_signs(model)
    _check_training(sgd, n_train)
    check_small_start(patterns, model, sgd, n_train)
    check_numbers_fit("n_train", n_train, FEWEST_COPIES * n_train * patterns.n_patches)
    counts, _ = positive_counts(patterns, n_train)
    n = patterns.n_patches
    return tuple(
        FewStepsSetting(
            n=n,
            p=patterns.n_irrelevant,
            class_sizes=(count, n_train - count),
            units=((model.n_hidden + 1) // 2, model.n_hidden // 2),
            gain=sgd.learning_rate / (n * n * n_train),
            n_steps=sgd.steps(n_train),
            hinge=sgd.loss == "hinge",
        )
        for count in counts.tolist()
    )


@lru_cache(maxsize=256)
def _solve(settings: tuple[FewStepsSetting, ...]) -> FewStepsError:
    """Average over populations, in rounds; class sizes that are equally likely take turns."""
    found = np.zeros((N_GROUPS, 0, 2))
    for turn in range(MOST_ROUNDS):
        more = np.zeros((N_GROUPS, N_POPULATIONS, 2))
        for group in range(N_GROUPS):
            seed = turn * N_GROUPS + group
            for k in range(N_POPULATIONS):
                copies = LinkedCopies(settings[k % len(settings)], seed * N_POPULATIONS + k)
                more[group, k] = _class_errors(copies, seed, k)
        found = np.concatenate([found, more], axis=1)
        means = found.mean(axis=(1, 2))
        spread = float(means.std(ddof=1)) / math.sqrt(N_GROUPS)
        if spread < PRECISION * means.mean():
            break
    positive, negative = found.mean(axis=(0, 1)).tolist()
    return FewStepsError(float(means.mean()), positive, negative, spread)


def _class_errors(copies: LinkedCopies, seed: int, k: int) -> Array:
    """Average over the numbers of units that carry o₁ and o₂; each pair has its own noise."""
    s = copies.setting
    (first, chances), (second, others) = (_binomial_nodes(units) for units in s.units)
    symmetric = s.units[0] == s.units[1] and s.class_sizes[0] == s.class_sizes[1]
    total = np.zeros(2)
    for i, one in enumerate(first):
        for j, two in enumerate(second):
            if symmetric and j < i:
                continue
            normals = _normals(s.n_steps, seed, i * len(second) + j)[k]
            learned = copies.learn(np.array([one, two]), normals)
            below = FreshLaw(learned.values, s.n, s.p).below(-learned.means, learned.variances)
            errors = np.array([below[0], 1 - below[1]])
            if symmetric:
                # The pair (two, one) is the same with the classes exchanged.
                errors = np.full(2, errors.mean() * (1 if i == j else 2))
            total += chances[i] * others[j] * errors
    return total


def _binomial_nodes(units: int) -> tuple[Array, Array]:
    """Return nodes and weights of the Gaussian quadrature of Binomial(units, ½)."""
    size = min(N_NODES, units + 1)
    k = np.arange(1, size)
    beside = np.sqrt(k * (units - k + 1)) / 2
    jacobi = np.diag(np.full(size, units / 2)) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return np.maximum(nodes, 0.0), vectors[0] ** 2


@lru_cache(maxsize=1024)
def _normals(n_steps: int, seed: int, pair: int) -> Array:
    """Return stratified standard normals for `LinkedCopies.learn`, shape (populations, 3, T).

    The sums over the samples of the two classes matter by their difference first.
    """
    normals = np.zeros((N_POPULATIONS, 3, n_steps))
    if n_steps == 1:
        return normals
    rng = stream(seed, f"few steps, carriers {pair}")
    shape = N_POPULATIONS, 3 * n_steps - 5
    strata = rng.permuted(np.tile(np.arange(N_POPULATIONS)[:, None], shape[1]), axis=0)
    drawn = special.ndtri((strata + rng.uniform(1e-9, 1 - 1e-9, shape)) / N_POPULATIONS)
    # In the first step all slopes are equal, and only the mean of h fluctuates.
    normals[:, 0, 0] = drawn[:, -1]
    for step in range(1, n_steps - 1):
        difference, mean, rest = drawn[:, 3 * step - 3 : 3 * step].T
        normals[:, 0, step] = mean
        normals[:, 1, step] = (rest + difference) / math.sqrt(2)
        normals[:, 2, step] = (rest - difference) / math.sqrt(2)
    return normals


def _check_training(sgd: SGD, n_train: int) -> None:
    if sgd.batch_size < n_train:
        raise reject("batch_size", sgd.batch_size, f">= n_train = {n_train}: a full batch")
    if sgd.stop_loss is not None or sgd.stop_at_zero_error:
        given = (sgd.stop_loss, sgd.stop_at_zero_error)
        raise reject("(stop_loss, stop_at_zero_error)", given, "(None, False): all steps are taken")
    if sgd.steps(n_train) > MOST_STEPS:
        allowed = f"<= {MOST_STEPS}: the theory was not tested beyond, and each step costs time"
        raise reject("the number of steps", sgd.steps(n_train), allowed)
