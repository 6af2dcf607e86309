"""The trained routers of separate training in closed form, and their mean over the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import reject
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE, Weights
from moe_theory.predictions.assumptions import check_router_training, positive_counts
from moe_theory.training.sgd import SGD

Array = NDArray[np.float64]


@typed
def trained_routers(model: SeparateMoE, data: PatchData, sgd: SGD, initial: Weights) -> Array:
    """Return the routers at the end of their training, w_s = w_s(0) ± η_r T_r ĝ.

    The sign is + for s = 0, 2, … and − for s = 1, 3, …; ĝ = (1/N) Σ_i y_i Σ_j x_i⁽ʲ⁾.

    Parameters
    ----------
    model : SeparateMoE
        The network.
    data : PatchData
        The samples that train the routers, of any kind.
    sgd : SGD
        η_r, T_r and B_r, which must divide N or be at least N; T_r must be whole epochs.
    initial : Weights
        Weights before training, of any floating-point type.

    Returns
    -------
    array of float64, shape (k, d)

    Raises
    ------
    ValueError
        If the samples do not all weigh the same, the routers train on a split of the data, or
        shapes disagree.

    Notes
    -----
    The loss −y⟨w₁ − w₂, Σ_j x⁽ʲ⁾⟩ is linear, so that its gradient does not depend on the weights:
    an epoch of N/B_r steps moves w₁ by η_r N/B_r times the mean ĝ of the batch means, whatever
    the order. Source: derived in docs/theory/routers.md.

    Examples
    --------
    >>> from moe_theory import train
    >>> data = PatchPatterns(n_patches=6, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> model, sgd = SeparateMoE(2, 4, 2), SGD(0.1, 5, n_epochs=30, dtype="float64")
    >>> run = train(model, data, sgd)
    >>> predicted = trained_routers(model, data, sgd, run.initial)
    >>> bool(np.allclose(run.weights.routers, predicted, rtol=0, atol=1e-12))
    True
    """
    for name, value, kind in (("model", model, SeparateMoE), ("data", data, PatchData),
                              ("sgd", sgd, SGD), ("initial", initial, Weights)):  # fmt: skip
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be of type {kind.__name__}; got {type(value).__name__}")
    check_router_training(sgd, data.n_samples)
    shape = (model.n_experts, data.patch_dim)
    given = None if initial.routers is None else initial.routers.shape
    if initial.routers is None or given != shape:
        raise reject("initial.routers.shape", given, f"(k, d) = {shape}")
    signs = np.where(np.arange(model.n_experts) % 2 == 0, 1.0, -1.0)
    reach = sgd.router_rate * sgd.router_steps(data.n_samples)
    return initial.routers.astype(np.float64) + reach * signs[:, None] * _gradient(data)


@typed
@single_blas_thread()
def expected_router_gradient(patterns: PatchPatterns, n_train: int) -> Array:
    """Return the mean over samples of ĝ = (1/N) Σ_i y_i Σ_j x_i⁽ʲ⁾.

    E ĝ = E[N₊/N] o₁ − E[N₋/N] o₂ + E[(N₊ − N₋)/N] · E[sum of the irrelevant patches of one input].

    Parameters
    ----------
    patterns : PatchPatterns
        Any: with spread, closer patterns and a limit on them, balanced or not.
    n_train : int
        N, the number of samples that train the routers.

    Returns
    -------
    array of float64, shape (d,)

    Raises
    ------
    ValueError
        If N < 1.

    Notes
    -----
    Source: derived in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=6, n_irrelevant=8, patch_dim=10)
    >>> mean = expected_router_gradient(patterns, n_train=40)
    >>> bool(np.allclose(mean, (patterns.o1 - patterns.o2) / 2))
    True
    """
    counts, chances = positive_counts(patterns, n_train)
    positive = float(counts @ chances) / n_train
    discriminative = positive * patterns.o1 - (1 - positive) * patterns.o2
    irrelevant = _mean_occurrences(patterns) @ patterns.dictionary[2:]
    mean: Array = discriminative + (2 * positive - 1) * irrelevant
    return mean


def _gradient(data: PatchData) -> Array:
    """Return ĝ, shape (d,)."""
    signed = np.broadcast_to(data.labels[:, None], data.indices.shape)
    weights = np.bincount(data.indices.ravel(), signed.ravel(), data.n_patterns)
    with single_blas_thread():
        gradient: Array = weights @ data.dictionary.astype(np.float64) / data.n_samples
    return gradient


def _mean_occurrences(patterns: PatchPatterns) -> Array:
    """Return how often an input holds each irrelevant centre on average, shape (p,).

    Closer patches beyond the limit L have become neutral, so that min(C, L) of them are left.
    """
    n_others, p = patterns.n_patches - 1, patterns.n_irrelevant
    limit = n_others if patterns.max_closer is None else patterns.max_closer
    drawn = np.arange(n_others + 1)
    means, sizes = [], [*patterns.n_closer, p - sum(patterns.n_closer)]
    for size in patterns.n_closer:
        chances = stats.binom.pmf(drawn, n_others, size / max(p, 1))
        means.append(float(chances @ np.minimum(drawn, limit)))
    means.append(n_others - sum(means))
    shares = [mean / max(size, 1) for mean, size in zip(means, sizes, strict=True)]
    return np.repeat(shares, sizes)
