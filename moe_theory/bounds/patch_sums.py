"""Sums over patches on clusters: how well the best of them does, and how well a symmetric one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import products
from moe_theory._validation import instance, reject
from moe_theory.data.clusters import ClusterSignal, Law
from moe_theory.data.patch_data import PatchData

Array = NDArray[np.float64]

# Rounding of what is read off patches, relative to their size.
_ROUNDING = 1e-9


def patch_sum_floor(model: ClusterSignal) -> float:
    """Return the least test error that any sum over patches can have, F(x) = Σ_p f(x⁽ᵖ⁾).

    Dense networks of any width are such sums. Let a and b be the lengths of the intervals of α and
    γ, c that of what they share, and π the fraction of positive labels. The floor is
    min(π, 1 − π)/4 · c²/(ab), for any number of clusters and patches. `best_patch_sum` attains it.

    Parameters
    ----------
    model : ClusterSignal

    Returns
    -------
    float
        P(y F(x) ≤ 0), at least. 1/8 where both laws are the same and labels balanced; 0 where
        they never overlap.

    Raises
    ------
    TypeError
        If ``model`` is no `ClusterSignal`.

    Notes
    -----
    A constant has all its law on a point: the ratio is 1 for two equal constants, and 0 for two
    others or where one law alone is a constant. If α is always 0 nobody can know the label, and
    the floor is min(π, 1 − π).

    Source: derived in docs/theory/clusters.md. For equal laws and balanced labels Theorem 4.1 of
    C22.

    Examples
    --------
    >>> [round(patch_sum_floor(ClusterSignal.published(setting)), 3) for setting in (1, 2, 3, 4)]
    [0.075, 0.075, 0.125, 0.125]
    """
    instance("model", model, ClusterSignal, "a ClusterSignal")
    rarer = min(model.positive_fraction, 1 - model.positive_fraction)
    return rarer if model.alpha[1] == 0 else rarer / 4 * _overlap(model.alpha, model.gamma)


def symmetric_sum_error(model: ClusterSignal) -> float:
    """Return the test error of a sum over patches that treats all clusters alike.

    That is F(x) = Σ_p Σ_c g(⟨v_c, x⁽ᵖ⁾⟩) with any g that is odd and grows, such as a linear or
    cubic network that has learned all features equally well. It errs where the signs differ and
    γ ≥ α, with probability P(γ ≥ α)/2.

    Parameters
    ----------
    model : ClusterSignal

    Returns
    -------
    float
        P(y F(x) ≤ 0), without what Gaussian noise adds.

    Raises
    ------
    TypeError
        If ``model`` is no `ClusterSignal`.

    Notes
    -----
    Source: derived in docs/theory/clusters.md.

    Examples
    --------
    >>> [round(symmetric_sum_error(ClusterSignal.published(setting)), 3) for setting in (1, 3)]
    [0.35, 0.25]
    """
    instance("model", model, ClusterSignal, "a ClusterSignal")
    low, high = model.alpha
    if high == model.gamma[1] == 0:
        return 1.0  # F is 0 everywhere
    if low == high:
        smaller = _below(model.gamma, low)
    elif model.gamma[0] == model.gamma[1]:
        smaller = 1 - _below(model.alpha, model.gamma[0])
    else:
        # Of α, P(γ < α) is linear between these points, so that the trapezoidal rule is exact.
        points = [low, *(min(max(end, low), high) for end in model.gamma), high]
        heights = [_below(model.gamma, point) for point in points]
        smaller = sum(
            (points[i + 1] - points[i]) / (high - low) * (heights[i] + heights[i + 1]) / 2
            for i in range(3)
        )
    return (1 - smaller) / 2


def best_patch_sum(model: ClusterSignal, data: PatchData) -> Array:
    """Return F(x) = Σ_p f(x⁽ᵖ⁾) of a function f whose test error is `patch_sum_floor`.

    It knows features, centres and laws; nothing is learned. Clusters are ranked. Among patches
    ±u·v_c whose size u may be that of a feature and of noise, only one sign counts, with the rank
    of the cluster; sizes that only a feature has outweigh all, and sizes that only noise has count
    nothing. The centre subtracts half a rank less than the feature of its cluster adds.

    Parameters
    ----------
    model : ClusterSignal
        With α and β that are not always 0.
    data : PatchData
        Drawn by ``model``.

    Returns
    -------
    array, shape (N,)

    Raises
    ------
    ValueError
        If α or β is always 0, or patches have another dimension than those of ``model``.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Source: derived in docs/theory/clusters.md.

    Examples
    --------
    >>> model = ClusterSignal.published(3)
    >>> data = model.sample(4000, seed=0, split="test")
    >>> float((data.labels * best_patch_sum(model, data) <= 0).mean())
    0.119
    """
    instance("model", model, ClusterSignal, "a ClusterSignal")
    instance("data", data, PatchData, "PatchData, drawn by model.sample")
    for name in ("alpha", "beta"):
        if (law := getattr(model, name))[1] == 0:
            raise reject(f"model.{name}", law, "a law of which not all is 0")
    if data.patch_dim != model.patch_dim:
        raise reject("data.patch_dim", data.patch_dim, f"that of the model, {model.patch_dim}")
    count = model.n_clusters
    favoured = 1 if model.positive_fraction >= 0.5 else -1
    patches = np.asarray(data.dictionary, np.float64) / model.scale
    along = products(patches, np.concatenate([model.features, model.centres]))
    kind = np.abs(along).argmax(axis=1)
    strength = along[np.arange(len(along)), kind]
    squares = (patches * patches).sum(axis=1)
    pure = squares - strength * strength <= _ROUNDING * squares
    rank = count - kind % count

    certain, shared = _regions(model, np.abs(strength))
    feature = np.where(shared & (favoured * strength > 0), favoured * rank, 0)
    feature = np.where(certain, 4 * count * np.sign(strength), feature)
    centre = -favoured * (rank - 0.5)
    value = np.where(pure, np.where(kind < count, feature, centre), 0.0)
    return np.asarray(value[data.indices].sum(axis=1))


def _regions(model: ClusterSignal, sizes: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where a size is only a feature's, and where it may be that of both kinds."""
    feature, noise = _within(model.alpha, sizes), _within(model.gamma, sizes)
    if _overlap(model.alpha, model.gamma) > 0:
        return feature & ~noise, feature & noise
    # A size that both laws allow belongs to the one that is a constant.
    if model.gamma[0] == model.gamma[1]:
        feature = feature & ~noise
    return feature, np.zeros_like(feature)


def _within(law: Law, sizes: Array) -> NDArray[np.bool_]:
    low, high = law
    inside: NDArray[np.bool_] = (sizes >= low * (1 - _ROUNDING)) & (sizes <= high * (1 + _ROUNDING))
    return inside


def _overlap(first: Law, second: Law) -> float:
    """Return ∫∫ min(p(u) q(w), q(u) p(w)) du dw of two uniform laws p and q."""
    lengths = first[1] - first[0], second[1] - second[0]
    if min(lengths) == 0:
        return float(first == second)
    both = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    return both / lengths[0] * (both / lengths[1])


def _below(law: Law, value: float) -> float:
    """Return the probability of less than ``value``."""
    low, high = law
    if low == high:
        return float(low < value)
    return min(1.0, max(0.0, (value - low) / (high - low)))
