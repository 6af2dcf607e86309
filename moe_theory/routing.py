"""Expert-choice top-l routing and how well it keeps the discriminative patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._validation import integer, read_only, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels import routing as kernels

Array = NDArray[Any]


def route(
    dictionary: Array, indices: Array, routers: Array, n_routed: int
) -> tuple[NDArray[np.int64], Array]:
    """Let every expert choose the l patches that its router scores highest.

    Parameters
    ----------
    dictionary : array, shape (P, d)
        The distinct patches.
    indices : integer array, shape (N, n)
        Dictionary row of each patch of each input.
    routers : array, shape (k, d)
        Routing weights; the score of a patch is ⟨w_s, x⁽ʲ⁾⟩.
    n_routed : int
        l.

    Returns
    -------
    positions : integer array, shape (N, k, l)
        Places of the chosen patches, highest score first; of equal scores the lower place first.
    gates : array, shape (N, k, l)
        Softmax of the chosen scores, G_js of the dossier.

    Raises
    ------
    ValueError
        If l is not in [1, n].

    Notes
    -----
    Source: dossier §3 [S: released code of P23].

    Examples
    --------
    >>> import numpy as np
    >>> positions, gates = route(np.eye(3), np.array([[0, 1, 2]]), np.array([[0.0, 2.0, 1.0]]), 2)
    >>> positions
    array([[[1, 2]]])
    """
    n_routed = integer("n_routed", n_routed, 1, indices.shape[1])
    with single_blas_thread():
        scores = np.ascontiguousarray(dictionary @ routers.T)
    shape = (len(indices), len(routers), n_routed)
    positions = np.empty(shape, np.int64)
    gates = np.empty(shape, scores.dtype)
    kernels.route(scores, read_only(indices), n_routed, positions, gates)
    return positions, gates


@dataclass(frozen=True, eq=False)
class RoutingMetrics:
    """How routers treat the discriminative patch, per expert s and class.

    Attributes
    ----------
    success : array, shape (k,)
        Fraction of all inputs whose discriminative patch is among the l that expert s receives.
    success_positive, success_negative : array, shape (k,)
        The same among inputs with y = +1 and y = −1; NaN where there are none.
    gate_positive, gate_negative : array, shape (k,)
        Mean softmax gate of the discriminative patch in expert s, 0 where it is not received.
    best : float
        Fraction of inputs whose discriminative patch at least one expert receives.
    own : float
        Fraction of inputs whose discriminative patch is received by the experts meant for the
        class in separate training: s = 0, 2, … for y = +1, and s = 1, 3, … for y = −1, where a
        pair that receives it counts in equal parts. NaN for an odd number of experts.
    n_samples : int
        N, the number of inputs, of which the fractions are means.
    """

    success: Array
    success_positive: Array
    success_negative: Array
    gate_positive: Array
    gate_negative: Array
    best: float
    own: float
    n_samples: int


def routing_metrics(data: PatchData, routers: Array, n_routed: int) -> RoutingMetrics:
    """Measure how often, and with which gate, each expert receives the discriminative patch.

    Parameters
    ----------
    data : PatchData
        Inputs whose discriminative position is known.
    routers : array, shape (k, d)
        Routing weights.
    n_routed : int
        l.

    Returns
    -------
    RoutingMetrics

    Raises
    ------
    ValueError
        If ``data.positions`` is None, or shapes do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> from moe_theory.data import PatchPatterns
    >>> model = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> data = model.sample(100, seed=0)
    >>> aligned = np.stack([model.o1 - model.o2, model.o2 - model.o1])
    >>> routing_metrics(data, aligned, n_routed=1).own
    1.0
    """
    if data.positions is None:
        raise reject("data.positions", None, "given, to judge the routing of that patch")
    if routers.ndim != 2 or routers.shape[1] != data.patch_dim:
        raise reject("routers.shape", routers.shape, f"(k, {data.patch_dim})")
    dictionary = data.dictionary.astype(routers.dtype, copy=False)
    places, gates = route(dictionary, data.indices, routers, n_routed)
    hit = places == data.positions[:, None, None]
    kept = hit.any(axis=2)
    gate = np.where(hit, gates, 0).sum(axis=2)
    positive = data.labels == 1
    own = np.nan
    if len(routers) % 2 == 0:
        pairs = kept.reshape(len(kept), -1, 2)
        own = float(np.where(positive[:, None], pairs[:, :, 0], pairs[:, :, 1]).mean())
    return RoutingMetrics(
        success=read_only(kept.mean(axis=0)),
        success_positive=_mean(kept[positive]),
        success_negative=_mean(kept[~positive]),
        gate_positive=_mean(gate[positive]),
        gate_negative=_mean(gate[~positive]),
        best=float(kept.any(axis=1).mean()),
        own=own,
        n_samples=data.n_samples,
    )


def _mean(values: Array) -> Array:
    if len(values) == 0:
        return read_only(np.full(values.shape[1], np.nan))
    return read_only(values.mean(axis=0, dtype=np.float64))
