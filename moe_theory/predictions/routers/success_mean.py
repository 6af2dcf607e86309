"""What the statements on router success take for granted, and their mean over the class sizes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._validation import integer, read_only
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.predictions.assumptions import (
    MOST_SAMPLES,
    check_neutral,
    check_router_training,
    positive_counts,
)
from moe_theory.predictions.fixed_totals import Real
from moe_theory.predictions.routers.router_scores import RouterScores
from moe_theory.training.sgd import SGD

# κ, up to which the laws with spread agree with simulations, as docs/theory/routers.md shows.
LARGEST_DEVIATION = 0.4
FEWEST_SAMPLES = 4


def typical_scores(
    patterns: PatchPatterns,
    model: SeparateMoE,
    sgd: SGD,
    n_train: int,
    *,
    training: bool = False,
    gaussian: bool = False,
) -> RouterScores:
    """Return the scores for the expected numbers of samples of the classes.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Warns
    -----
    UserWarning
        With spread, if d and p are so small that the squared norm of the router fluctuates much,
        or N < 4 and the input is one of the samples.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=32, patch_dim=34, spread=0.2)
    >>> sgd = SGD(learning_rate=0.1, batch_size=20, n_epochs=20)
    >>> round(typical_scores(patterns, SeparateMoE(2, 40, 4), sgd, 20).scale_deviation, 2)
    0.2
    """
    # The Gaussian limits take no longer where N is larger.
    n_train = integer("n_train", n_train, 1, None if gaussian else MOST_SAMPLES)
    check_neutral(patterns)
    check_router_training(sgd, n_train)
    model.patches_per_expert(patterns.n_patches)
    reach = sgd.router_rate * sgd.router_steps(n_train)
    positive = round(n_train * patterns.positive_fraction)
    scores = RouterScores(
        n=patterns.n_patches,
        p=patterns.n_irrelevant,
        dim=patterns.patch_dim,
        delta_d=patterns.delta_d,
        spread=patterns.spread,
        # A tie has to be broken even without an initial spread.
        noise=max(model.router_init_std * n_train / reach, 1e-9),
        training=training,
        gaussian=gaussian,
        own=positive,
        other=n_train - positive,
    )
    if patterns.spread > 0 and scores.n > 1:
        _warn(scores, n_train)
    return scores


def _warn(scores: RouterScores, n_train: int) -> None:
    """Warn where the laws with spread, which are of first order, are not known to hold."""
    if scores.scale_deviation > LARGEST_DEVIATION:
        warnings.warn(
            f"the variance of a score fluctuates by {scores.scale_deviation:.0%}, as patch_dim = "
            f"{scores.dim} and n_irrelevant = {scores.p} are small; the success with spread is "
            f"derived for small fluctuations and tested up to {LARGEST_DEVIATION:.0%}",
            UserWarning,
            stacklevel=5,
        )
    if scores.training and n_train < FEWEST_SAMPLES:
        warnings.warn(
            f"n_train = {n_train} is below {FEWEST_SAMPLES}; the success on training inputs with "
            "spread leaves out terms of order 1/N²",
            UserWarning,
            stacklevel=5,
        )


@lru_cache(maxsize=64)
def success_curves(
    patterns: PatchPatterns, scores: RouterScores, n_train: int
) -> tuple[Real, Real]:
    """Return the success of both classes for l = 1 … n, averaged over N₊, each of shape (n,).

    The arrays are read-only: calls that differ only in l share them.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=3, n_irrelevant=8, patch_dim=10)
    >>> sgd = SGD(learning_rate=0.1, batch_size=4, n_epochs=20)
    >>> scores = typical_scores(patterns, SeparateMoE(2, 40, 1), sgd, 4)
    >>> success_curves(patterns, scores, n_train=4)[0].round(3)
    array([0.951, 0.997, 1.   ])
    """

    def success(own: int, other: int) -> Real:
        return replace(scores, own=own, other=other).success()

    with single_blas_thread():
        curves = over_classes(patterns, n_train, success, scores.training, negligible=1e-8)
    return read_only(curves[0]), read_only(curves[1])


def over_classes(
    patterns: PatchPatterns,
    n_train: int,
    success: Callable[[int, int], Real | float],
    training: bool,
    negligible: float,
) -> tuple[Real, Real]:
    """Return the means over N₊ of the success of an input of class +1 and of class −1.

    Parameters
    ----------
    patterns, n_train
        What sets the law of N₊.
    success : callable
        Takes the numbers of samples of the input's own and of the other class.
    training : bool
        Whether the input is one of the samples, so that a class counts as often as it is large.
    negligible : float
        N₊ with a probability at most this are left out.
    """
    cached = lru_cache(maxsize=None)(success)
    counts, chances = positive_counts(patterns, n_train, negligible)

    def mean(sizes: NDArray[np.int64]) -> Real:
        weights = chances * sizes if training else chances
        if not weights.any():
            return np.asarray(np.nan * success(1, n_train - 1))
        terms = [
            w * cached(int(own), n_train - int(own))
            for own, w in zip(sizes, weights, strict=True)
            if w > 0
        ]
        return np.asarray(sum(terms) / weights.sum())

    return mean(counts), mean(n_train - counts)
