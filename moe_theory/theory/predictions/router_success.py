"""Success of trained routers on fresh inputs: exactly, and in the Gaussian limit."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from moe_theory._blas import single_blas_thread
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.theory.predictions.domain import (
    check_orthogonal,
    check_router_training,
    positive_counts,
)
from moe_theory.theory.predictions.overtaking import Overtaking
from moe_theory.theory.predictions.success import RouterSuccess
from moe_theory.training.sgd import SGD


def router_success(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return the chance that trained routers keep the discriminative patch of a fresh input.

    The chance is over the training samples, the initial routers and the input. It is exact: there
    is no Gaussian or large-p approximation, and the numerical error is about 1e-11.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns; any δ_d and class balance.
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

    Notes
    -----
    With ``router_init_std`` 0, patterns that tie with the discriminative one go ahead or stay
    behind by rounding; the result is the limit of a small initial spread.

    It takes milliseconds for each possible N₊, but seconds for p < 8 and thousands of patches.

    Source: dossier §5.2 [D]; derivation in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(learning_rate=0.1, batch_size=20, n_epochs=20)
    >>> round(router_success(patterns, SeparateMoE(2, 40, 2), sgd, n_train=20).own, 6)
    0.999107
    """
    law = _law(patterns, model, sgd, n_train)
    with single_blas_thread():
        return _over_classes(patterns, n_train, law.success)


def router_success_gaussian(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return `router_success` with independent Gaussian scores of the irrelevant patterns.

    A pattern then goes ahead with the chance w, the Gaussian tail of its score: success =
    Σ_b Binom(b; p, w)·BinomCDF(l − 1; n − 1, b/p), averaged over N₊ and the initial score of o₁.

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

    Notes
    -----
    Given N₊, the score of a pattern less that of o₁ has, in units of η_r T_r/N, the mean
    (n − 1)(N₊ − N₋)/p − (N₊ − δ_d N₋) and the variance (n − 1)(N/p)(1 − 1/p) + 2ν², where
    ν = σ₀N/(η_r T_r). For balanced classes, σ₀ = 0 and p → ∞ this is dossier §5.2 [D]:
    BinomCDF(l − 1; n − 1, Q(½(1 − δ_d)/σ_u)), σ_u² = (n − 1)/(pN).

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(learning_rate=0.1, batch_size=20, n_epochs=20)
    >>> round(router_success_gaussian(patterns, SeparateMoE(2, 40, 2), sgd, n_train=20).own, 6)
    0.999496
    """
    law = _law(patterns, model, sgd, n_train)
    with single_blas_thread():
        return _over_classes(patterns, n_train, law.gaussian_success)


def _over_classes(
    patterns: PatchPatterns, n_train: int, success: Callable[[int, int], float]
) -> RouterSuccess:
    """Average over N₊; ``success`` takes the numbers of samples of its own and the other class."""
    own = lru_cache(maxsize=None)(success)
    counts, chances = positive_counts(patterns, n_train, negligible=1e-11)
    positive = negative = 0.0
    for count, chance in zip(counts.tolist(), chances.tolist(), strict=True):
        positive += chance * own(count, n_train - count)
        negative += chance * own(n_train - count, count)
    total = float(chances.sum())
    return RouterSuccess.of_classes(patterns, positive / total, negative / total)


def _law(patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int) -> Overtaking:
    check_orthogonal(patterns)
    check_router_training(sgd, n_train)
    reach = sgd.router_rate * sgd.router_steps(n_train)
    return Overtaking(
        n=patterns.n_patches,
        p=patterns.n_irrelevant,
        n_routed=model.routed(patterns.n_patches),
        delta_d=patterns.delta_d,
        # A tie has to be broken even without an initial spread.
        noise=max(model.router_init_std * n_train / reach, 1e-9),
    )
