"""Expert choice and token choice: which patches meet which experts, and with which gate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import routing_arrays
from moe_theory._arithmetic import products
from moe_theory._validation import boolean, choice, finite, integer, read_only, real_array, reject
from moe_theory.kernels import routing as kernels
from moe_theory.kernels import token_routing as token_kernels
from moe_theory.kernels.arguments import Rule
from moe_theory.kernels.codes import SIGMOID, SOFTMAX
from moe_theory.models import TokenChoiceMoE

Array = NDArray[Any]


def choose_patches(
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
        Softmax of the chosen scores, G_js of `JointMoE`.

    Raises
    ------
    TypeError
        If an argument is no array of numbers.
    ValueError
        If shapes disagree, l is not in [1, n], an index is not in [0, P), or a number or a score
        is not finite.

    Notes
    -----
    Source: P23's released code.

    Examples
    --------
    >>> import numpy as np
    >>> indices, routers = np.array([[0, 1, 2]]), np.array([[0.0, 2.0, 1.0]])
    >>> positions, gates = choose_patches(np.eye(3), indices, routers, 2)
    >>> positions
    array([[[1, 2]]])
    """
    dictionary, indices, routers = routing_arrays(dictionary, indices, routers)
    n_routed = integer("n_routed", n_routed, 1, indices.shape[1])
    scores = products(routers, dictionary)
    finite("the scores of patches", scores)
    return best_patches(scores, indices, n_routed)


def best_patches(scores: Array, indices: Array, n_routed: int) -> tuple[NDArray[np.int64], Array]:
    """Return what `choose_patches` does, unchecked, given the scores of patterns, (k, P)."""
    shape = (len(indices), len(scores), n_routed)
    positions = np.empty(shape, np.int64)
    gates = np.empty(shape, scores.dtype)
    by_pattern = np.ascontiguousarray(scores.T)
    kernels.route(by_pattern, read_only(indices), n_routed, positions, gates)
    return positions, gates


def choose_experts(
    dictionary: Array,
    indices: Array,
    routers: Array,
    n_chosen: int = 1,
    *,
    capacity: int | None = None,
    priority: str = "place",
    gate: str = "softmax",
    renormalize: bool = False,
    bias: Array | None = None,
) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Let every patch choose the experts whose routers score it highest.

    Parameters
    ----------
    dictionary, indices, routers
        As for `choose_patches`.
    n_chosen : int
        Number of experts that each patch chooses, in [1, k].
    capacity : int, optional
        C, the largest number of patches of one input that an expert takes; by default any number.
    priority : {"place", "score"}
        Which patches an expert takes where more than C have chosen it, see `TokenChoiceMoE`.
    gate : {"softmax", "sigmoid"}
        See `TokenChoiceMoE`.
    renormalize : bool
        Whether the gates of the chosen experts are divided by their sum.
    bias : array, shape (k,), optional
        Added to the gates, before these are divided, for the choice alone; see `SGD`.

    Returns
    -------
    experts : integer array, shape (N, n, n_chosen)
        The experts that each patch has chosen, best first; of equal scores the lower number first.
    gates : array, shape (N, n, n_chosen)
        Their gates, by default shares in the softmax of the patch's scores over all k experts.
    kept : bool array, shape (N, n, n_chosen)
        Whether the expert had room for the patch.

    Raises
    ------
    TypeError, ValueError
        As `choose_patches` does, or if a value is impossible.

    Notes
    -----
    Source: as for `TokenChoiceMoE`.

    Examples
    --------
    >>> import numpy as np
    >>> routers = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> experts, _, kept = choose_experts(np.eye(3), np.array([[1, 0, 2]]), routers, capacity=1)
    >>> experts[0, :, 0].tolist(), kept[0, :, 0].tolist()
    ([0, 0, 1], [True, False, True])
    >>> choose_experts(
    ...     np.eye(3), np.array([[1, 0, 2]]), routers, capacity=1, priority="score"
    ... )[2][0, :, 0].tolist()
    [False, True, True]
    """
    dictionary, indices, routers = routing_arrays(dictionary, indices, routers)
    n_samples, n_patches = indices.shape
    n_chosen = integer("n_chosen", n_chosen, 1, len(routers))
    limit = n_patches if capacity is None else min(n_patches, integer("capacity", capacity, 1))
    by_score = choice("priority", priority, ("place", "score")) == "score"
    sigmoid = choice("gate", gate, ("softmax", "sigmoid")) == "sigmoid"
    scores = products(routers, dictionary)
    finite("the scores of patches", scores)
    shape = (n_samples, n_patches, n_chosen)
    experts, gates = np.empty(shape, np.int64), np.empty(shape, scores.dtype)
    kept = np.empty(shape, np.bool_)
    rule = Rule(
        n_chosen, limit, by_score,
        gate=SIGMOID if sigmoid else SOFTMAX, renormalize=boolean("renormalize", renormalize),
    )  # fmt: skip
    own = _bias(bias, len(routers), scores.dtype)
    routed = token_kernels.Routed(experts, gates, kept)
    token_kernels.route_tokens(scores, own, read_only(indices), rule, routed)
    return experts, gates, kept


def choose_as(
    model: TokenChoiceMoE, dictionary: Array, indices: Array, routers: Array, bias: Array | None
) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Return what `choose_experts` does, by the rule of a network."""
    return choose_experts(
        dictionary, indices, routers, model.n_chosen, capacity=model.capacity,
        priority=model.priority, gate=model.gate, renormalize=model.renormalize, bias=bias,
    )  # fmt: skip


def _bias(bias: Array | None, n_experts: int, dtype: Any) -> Array:
    """Return the bias as the kernels take it, empty if there is none."""
    if bias is None:
        return np.empty(0, dtype)
    bias = real_array("bias", bias, "(k,)")
    if bias.shape != (n_experts,):
        raise reject("bias.shape", bias.shape, f"({n_experts},), one per router")
    finite("bias", bias)
    return bias.astype(dtype)
