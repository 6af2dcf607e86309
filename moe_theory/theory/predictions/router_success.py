"""Success of trained routers on fresh and on training inputs, and in a Gaussian limit."""

from __future__ import annotations

import numpy as np

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.theory.predictions.domain import positive_counts
from moe_theory.theory.predictions.overtaking import Overtaking
from moe_theory.theory.predictions.router_curves import (
    over_classes,
    success_curves,
    typical_scores,
)
from moe_theory.theory.predictions.router_scores import RouterScores
from moe_theory.theory.predictions.success import RouterSuccess
from moe_theory.training.sgd import SGD


@typed
def router_success(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return the chance that trained routers keep the discriminative patch of a fresh input.

    The chance is over the training samples, the initial routers and the input. Without spread it
    is exact: there is no Gaussian or large-p approximation, and the numerical error is about
    1e-11. With spread, the law of the squared norm of the router is approximated.

    Parameters
    ----------
    patterns : PatchPatterns
        Without closer patterns; any δ_d, spread and class balance.
    model : SeparateMoE
        Its l and ``router_init_std``.
    sgd : SGD
        Router training in which all samples weigh the same, as in `trained_routers`.
    n_train : int
        N, the number of samples that train the routers.

    Returns
    -------
    RouterSuccess

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Warns
    -----
    UserWarning
        With spread, if d and p are so small that the squared norm of the router fluctuates much.

    Notes
    -----
    With ``router_init_std`` 0, patterns that tie with the discriminative one go ahead or stay
    behind by rounding; the result is the limit of a small initial spread, from which rounding may
    differ by about 0.01.

    It takes milliseconds for each possible N₊, but about a second with spread, and seconds for
    p < 8 and thousands of patches. With spread, other l of the same setting cost nothing more.

    Source: dossier §5.2 [D]; derivation in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(learning_rate=0.1, batch_size=20, n_epochs=20)
    >>> round(router_success(patterns, SeparateMoE(2, 40, 2), sgd, n_train=20).own, 6)
    0.999107
    """
    scores = typical_scores(patterns, model, sgd, n_train)
    n_routed = model.routed(patterns.n_patches)
    if patterns.spread > 0:
        return _at(n_routed, patterns, scores, n_train)
    law = Overtaking(scores.n, scores.p, n_routed, scores.delta_d, scores.noise)
    with single_blas_thread():
        means = over_classes(patterns, n_train, law.success, training=False, negligible=1e-11)
    return RouterSuccess.of_classes(patterns, float(means[0]), float(means[1]))


@typed
def training_router_success(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return the chance that trained routers keep the discriminative patch of their own samples.

    The input is one of the N that trained the routers, so that its patches have helped to make
    the scores. This is the mean of ``run.routing(data).own`` over trainings on ``data``. Without
    spread it is exact, with a numerical error of about 1e-8; with spread, the law of the squared
    norm of the router is approximated, and terms of order 1/N² are left out.

    Parameters
    ----------
    patterns, model, sgd, n_train
        As for `router_success`. With held-out router samples it speaks of those.

    Returns
    -------
    RouterSuccess
        A class is weighted by its mean share of the samples. NaN for one that has no sample.

    Raises
    ------
    ValueError
        As `router_success` does.

    Warns
    -----
    UserWarning
        As `router_success` does, and with spread if N < 4.

    Notes
    -----
    It takes about a second for each possible N₊, and a minute for p < 8 and thousands of
    patches. Other l of the same setting cost nothing more.

    Source: [D]; derivation in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=32, patch_dim=34)
    >>> sgd, model = SGD(learning_rate=0.1, batch_size=10, n_epochs=20), SeparateMoE(2, 40, 1)
    >>> round(training_router_success(patterns, model, sgd, n_train=10).own, 5)
    0.71584
    >>> round(router_success(patterns, model, sgd, n_train=10).own, 5)
    0.84487
    """
    scores = typical_scores(patterns, model, sgd, n_train, training=True)
    return _at(model.routed(patterns.n_patches), patterns, scores, n_train)


@typed
def router_success_gaussian(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return `router_success` with independent Gaussian scores of the irrelevant centres.

    It is the limit of large p in which every pattern is frequent, N(n − 1)/p large, and takes
    milliseconds, with spread a tenth of a second, for each possible N₊.

    Parameters
    ----------
    patterns, model, sgd, n_train
        As for `router_success`.

    Returns
    -------
    RouterSuccess

    Raises
    ------
    ValueError
        As `router_success` does.

    Warns
    -----
    UserWarning
        As `router_success` does.

    Notes
    -----
    Given N₊ and without spread, the score of a pattern less that of o₁ has, in units of η_r T_r/N,
    the mean (n − 1)(N₊ − N₋)/p − (N₊ − δ_d N₋) and the variance (n − 1)(N/p)(1 − 1/p) + 2ν², where
    ν = σ₀N/(η_r T_r). It goes ahead with the chance w, a Gaussian tail, and the success is
    Σ_b Binom(b; p, w)·BinomCDF(l − 1; n − 1, b/p), averaged over N₊ and the initial score of o₁.
    For balanced classes, σ₀ = 0 and p → ∞ this is dossier §5.2 [D]:
    BinomCDF(l − 1; n − 1, Q(½(1 − δ_d)/σ_u)), σ_u² = (n − 1)/(pN).

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(learning_rate=0.1, batch_size=20, n_epochs=20)
    >>> round(router_success_gaussian(patterns, SeparateMoE(2, 40, 2), sgd, n_train=20).own, 6)
    0.999496
    """
    scores = typical_scores(patterns, model, sgd, n_train, gaussian=True)
    return _at(model.routed(patterns.n_patches), patterns, scores, n_train)


@typed
def training_router_success_gaussian(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return `training_router_success` with independent Gaussian scores from the other inputs.

    Parameters
    ----------
    patterns, model, sgd, n_train
        As for `router_success`.

    Returns
    -------
    RouterSuccess

    Raises
    ------
    ValueError
        As `router_success` does.

    Warns
    -----
    UserWarning
        As `router_success` does.

    Notes
    -----
    A pattern that stands c times in the input has the mean c + (n − 1)(N₊ − 1 − N₋)/p and the
    variance (n − 1)((N − 1)/p)(1 − 1/p). Source: [D]; derivation in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=32, patch_dim=34, spread=0.2)
    >>> sgd, model = SGD(learning_rate=0.1, batch_size=20, n_epochs=20), SeparateMoE(2, 40, 4)
    >>> training = training_router_success_gaussian(patterns, model, sgd, n_train=20).own
    >>> fresh = router_success_gaussian(patterns, model, sgd, n_train=20).own
    >>> round(training, 4), round(fresh, 4)
    (0.6942, 0.8446)
    """
    scores = typical_scores(patterns, model, sgd, n_train, training=True, gaussian=True)
    return _at(model.routed(patterns.n_patches), patterns, scores, n_train)


def _at(
    n_routed: int, patterns: PatchPatterns, scores: RouterScores, n_train: int
) -> RouterSuccess:
    curves = success_curves(patterns, scores, n_train)
    positive, negative = (float(curve[n_routed - 1]) for curve in curves)
    if not scores.training:
        return RouterSuccess.of_classes(patterns, positive, negative)
    counts, chances = positive_counts(patterns, n_train)
    share = float(counts @ chances) / n_train
    # A class without samples has no success and no weight.
    own = share * np.nan_to_num(positive) + (1 - share) * np.nan_to_num(negative)
    return RouterSuccess(positive, negative, float(own))
