"""How well routers keep the discriminative patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_samples, router_array
from moe_theory._validation import instance, read_only, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.models import SampleMoE, TokenChoiceMoE
from moe_theory.routing.choices import choose_as, choose_patches
from moe_theory.routing.whole_inputs import choose_for_inputs

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RoutingMetrics:
    """How routers treat the discriminative patch, per expert s and class.

    Attributes
    ----------
    success : array, shape (k,)
        Fraction of all inputs whose discriminative patch expert s receives.
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
    TypeError
        If ``data`` are no samples, or routers no array of numbers.
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
    positions, dictionary, routers = _judged(data, routers)
    places, gates = choose_patches(dictionary, data.indices, routers, n_routed)
    hit = places == positions[:, None, None]
    return _metrics(data, hit.any(axis=2), np.where(hit, gates, 0).sum(axis=2))


def token_routing_metrics(
    data: PatchData, routers: Array, model: TokenChoiceMoE, bias: Array | None = None
) -> RoutingMetrics:
    """Measure how often, and with which gate, each expert receives a patch that chooses experts.

    Parameters
    ----------
    data, routers
        As for `routing_metrics`.
    model : TokenChoiceMoE
        The rule of routing, of which the noise is left out. Shared experts, which receive every
        patch, are not counted.
    bias : array, shape (k,), optional
        That of the weights, if training moved it.

    Returns
    -------
    RoutingMetrics
        An expert receives a patch that has chosen it and for which it has room.

    Raises
    ------
    ValueError
        As `routing_metrics` does.

    Examples
    --------
    >>> import numpy as np
    >>> from moe_theory.data import PatchPatterns
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> aligned = np.stack([patterns.o1 - patterns.o2, patterns.o2 - patterns.o1])
    >>> model = TokenChoiceMoE(2, 2, capacity=1, priority="score")
    >>> token_routing_metrics(patterns.sample(100, seed=0), aligned, model).own
    1.0
    """
    instance("model", model, TokenChoiceMoE, "a TokenChoiceMoE")
    positions, dictionary, routers = _judged(data, routers)
    _check_number(routers, model)
    experts, gates, kept = choose_as(model, dictionary, data.indices, routers, bias)
    rows = np.arange(data.n_samples)
    received = kept[rows, positions]
    shape = (data.n_samples, len(routers))
    gate, hit = np.zeros(shape, gates.dtype), np.zeros(shape, np.bool_)
    np.put_along_axis(hit, experts[rows, positions], received, axis=1)
    gates_there = np.where(received, gates[rows, positions], 0)
    np.put_along_axis(gate, experts[rows, positions], gates_there, axis=1)
    return _metrics(data, hit, gate)


def input_routing_metrics(data: PatchData, routers: Array, model: SampleMoE) -> RoutingMetrics:
    """Measure how often, and with which gate, each expert receives inputs that choose experts.

    Parameters
    ----------
    data, routers
        As for `routing_metrics`.
    model : SampleMoE
        The rule of routing, of which the noise is left out.

    Returns
    -------
    RoutingMetrics
        An expert receives the discriminative patch of every input that has chosen it, with a gate
        of 1 if the network has none. So ``best`` is 1, and ``success`` is the experts' load.

    Raises
    ------
    ValueError
        As `routing_metrics` does.

    Examples
    --------
    >>> import numpy as np
    >>> from moe_theory.data import PatchPatterns
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> aligned = np.stack([patterns.o1 - patterns.o2, patterns.o2 - patterns.o1])
    >>> input_routing_metrics(patterns.sample(100, seed=0), aligned, SampleMoE(2, 2)).own
    1.0
    """
    instance("model", model, SampleMoE, "a SampleMoE")
    _, dictionary, routers = _judged(data, routers)
    _check_number(routers, model)
    experts, gates = choose_for_inputs(dictionary, data.indices, routers)
    hit = experts[:, None] == np.arange(len(routers))
    return _metrics(data, hit, np.where(hit, gates if model.gate == "softmax" else 1, 0))


def _check_number(routers: Array, model: SampleMoE | TokenChoiceMoE) -> None:
    if len(routers) != model.n_experts:
        allowed = f"({model.n_experts}, {routers.shape[1]})"
        raise reject("routers.shape", routers.shape, allowed)


def _judged(data: PatchData, routers: Array) -> tuple[Array, Array, Array]:
    """Return the places of the discriminative patches, dictionary and routers of one type."""
    check_samples(data)
    if data.positions is None:
        raise reject("data.positions", None, "given, to judge the routing of that patch")
    routers = router_array(routers, data.patch_dim)
    return data.positions, data.dictionary.astype(routers.dtype, copy=False), routers


def _metrics(data: PatchData, kept: Array, gate: Array) -> RoutingMetrics:
    """Return the metrics, given who receives the discriminative patches, with what gates (N, k)."""
    positive = data.labels == 1
    own = np.nan
    if kept.shape[1] % 2 == 0:
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
