"""What predictions take for granted, and the law of the class sizes."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._validation import integer, reject
from moe_theory.data.digits import DigitPatches
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, Model
from moe_theory.training.sgd import SGD, steps_per_epoch

# How the law of a sum over irrelevant patches is taken.
NoiseLaw = Literal["exact", "gaussian"]

FEWEST_PATTERNS, SMALL_START = 16, 0.01
# Numbers in the largest array of a prediction, a quarter of a gigabyte; some such live together.
MOST_NUMBERS = 1 << 25
# Samples of predictions whose time grows with their number, or its root.
MOST_SAMPLES = 10**7


def positive_counts(
    patterns: PatchPatterns | DigitPatches, n_train: int, negligible: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the possible numbers N₊ of positive labels and their probabilities.

    Parameters
    ----------
    patterns : PatchPatterns or DigitPatches
        Its ``balanced`` and ``positive_fraction`` set the law, see `draw_labels`.
    n_train : int
        N.
    negligible : float
        Numbers with a probability at most this are left out.

    Examples
    --------
    >>> counts, chances = positive_counts(PatchPatterns(4, 8, 10), n_train=7)
    >>> counts.tolist(), chances.tolist()
    ([3, 4], [0.5, 0.5])
    """
    n_train = integer("n_train", n_train, 1)
    if not patterns.balanced:
        check_numbers_fit("n_train", n_train, n_train)
    expected = n_train * patterns.positive_fraction
    if patterns.balanced:
        nearest = math.floor(expected + 0.5)
        if expected % 1 == 0.5:
            return np.array([nearest - 1, nearest]), np.array([0.5, 0.5])
        return np.array([nearest]), np.ones(1)
    counts = np.arange(n_train + 1)
    chances = stats.binom.pmf(counts, n_train, patterns.positive_fraction)
    kept = chances > negligible
    return counts[kept], chances[kept]


def check_numbers_fit(field: str, value: float, numbers: float, *, at_least: bool = False) -> None:
    """Raise ``ValueError`` if the ``numbers`` that a ``value`` asks for do not fit into memory.

    They are taken to be in proportion to the value, or to its inverse if it has to be ``at_least``
    as large as is allowed.

    Examples
    --------
    >>> check_numbers_fit("n_train", 1000, 258_000)
    >>> check_numbers_fit("n_train", 10**6, 258 * 10**6)
    Traceback (most recent call last):
    ValueError: n_train must be at most 130055, to fit into memory; got 1000000
    """
    share = MOST_NUMBERS / max(numbers, 1)
    if share < 1:
        limit = f"at least {value / share:.2g}" if at_least else f"at most {int(value * share)}"
        raise reject(field, value, f"{limit}, to fit into memory")


def check_orthogonal(patterns: PatchPatterns) -> None:
    """Raise ``ValueError`` unless irrelevant patches are p exact patterns orthogonal to o₁, o₂."""
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the statement is for a finite dictionary")
    check_neutral(patterns)


def check_neutral(patterns: PatchPatterns) -> None:
    """Raise ``ValueError`` unless the irrelevant centres are orthogonal to o₁ and o₂."""
    if any(patterns.n_closer):
        allowed = "(0, 0): the statement is for irrelevant patterns orthogonal to o₁ and o₂"
        raise reject("n_closer", patterns.n_closer, allowed)


def check_router_training(sgd: SGD, n_samples: int) -> None:
    """Raise ``ValueError`` unless every router sample weighs the same in the trained routers."""
    n_samples = integer("n_train", n_samples, 1)
    if sgd.router_samples == "split":
        allowed = '"train" or "held_out": a split draws the router samples inside `train`'
        raise reject("router_samples", sgd.router_samples, allowed)
    equal = "so that all samples weigh the same"
    batch = min(sgd.router_batch, n_samples)
    if n_samples % batch:
        allowed = f"a divisor of, or at least, the {n_samples} router samples, {equal}"
        raise reject("router batch size", sgd.router_batch, allowed)
    n_steps, per_epoch = sgd.router_steps(n_samples), steps_per_epoch(n_samples, batch)
    if n_steps % per_epoch:
        allowed = f"a whole number of epochs of {per_epoch} steps, {equal}"
        raise reject("router steps", n_steps, allowed)


def check_plain(model: Model, sgd: SGD) -> None:
    """Raise ``ValueError`` unless f is a mean of ReLUs that descends the plain gradient."""
    statement = "the statement is for means of ReLUs"
    if model.activation != "relu":
        raise reject("activation", model.activation, f'"relu": {statement}')
    if isinstance(model, DenseCNN) and model.pooling == "sum":
        raise reject("pooling", model.pooling, f'"mean": {statement}')
    if sgd.normalize_experts:
        raise reject("normalize_experts", True, "False: the statement is for the plain gradient")
    for name in ("balance_weight", "z_weight", "bias_rate"):
        if getattr(sgd, name) > 0:
            raise reject(name, getattr(sgd, name), "0: the statement is for the loss alone")
    if sgd.noise_steps is not None:
        raise reject("noise_steps", sgd.noise_steps, "None: the statement is without noise")


def check_signs(model: DenseCNN) -> None:
    """Raise ``ValueError`` unless output weights are ±1 in turn, and both occur."""
    if model.output_weights != "signs":
        allowed = '"signs": the statement is for a_r = ±1 in turn'
        raise reject("output_weights", model.output_weights, allowed)
    if model.n_hidden < 2:
        raise reject("n_hidden", model.n_hidden, ">= 2, so that both signs occur")


def check_small_start(patterns: PatchPatterns, model: DenseCNN, sgd: SGD, n_train: int) -> None:
    """Raise ``ValueError`` unless initial weights hardly matter beside the first full-batch step.

    They must be small against the change that one patch makes.
    """
    slope = 0.5 if sgd.loss == "logistic" else 1.0
    smallest = slope * sgd.learning_rate / (patterns.n_patches * n_train)
    if not 0 < model.init_std <= SMALL_START * smallest:
        allowed = f"positive and at most {SMALL_START * smallest:.2g}, {SMALL_START:g} times"
        raise reject("init_std", model.init_std, f"{allowed} the smallest change of a step")


def check_not_few(patterns: PatchPatterns) -> None:
    """Raise ValueError unless there are many irrelevant patterns, and one in each input."""
    if patterns.n_irrelevant < FEWEST_PATTERNS:
        raise reject("n_irrelevant", patterns.n_irrelevant, f">= {FEWEST_PATTERNS}")
    if patterns.n_patches < 2:
        raise reject("n_patches", patterns.n_patches, ">= 2")


def check_orthonormal(patterns: PatchPatterns) -> None:
    """Raise ValueError unless patterns are orthonormal, δ_d = 0, and not few."""
    check_orthogonal(patterns)
    if patterns.delta_d != 0:
        raise reject("delta_d", patterns.delta_d, "0: patterns must learn apart from each other")
    check_not_few(patterns)


def check_neutral_patterns(patterns: PatchPatterns) -> None:
    """Raise ValueError unless patterns are orthonormal, δ_d = 0, balanced and not few."""
    check_orthonormal(patterns)
    if not patterns.balanced or patterns.positive_fraction != 0.5:
        given = (patterns.balanced, patterns.positive_fraction)
        raise reject("(balanced, positive_fraction)", given, "(True, 0.5)")


def check_small_loss(sgd: SGD) -> None:
    """Raise ValueError unless training goes on to a small logistic loss."""
    if sgd.loss != "logistic":
        raise reject("loss", sgd.loss, '"logistic"')
    if sgd.stop_loss is None or not sgd.stop_loss < math.log(2) / 2:
        allowed = "given and below 0.35: the theory is of networks trained to a small loss"
        raise reject("stop_loss", sgd.stop_loss, allowed)
    if sgd.stop_at_zero_error:
        raise reject("stop_at_zero_error", True, "False: training must go on to stop_loss")
