"""Checks of what is trained and on what; a wrong object is a ``TypeError`` naming the argument."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from moe_theory._validation import index_array, instance, real_array, reject, wrong_object
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import DataModel
from moe_theory.models import Model, TokenChoiceMoE, Weights

Array = NDArray[Any]

NETWORKS = "a DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE"


def check_network(model: object, argument: str = "model") -> None:
    """Raise ``TypeError`` unless ``model`` is a network.

    Examples
    --------
    >>> check_network("dense")
    Traceback (most recent call last):
    ...
    TypeError: model must be a DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE; got...
    """
    instance(argument, model, Model, NETWORKS)


def check_samples(data: object, argument: str = "data") -> None:
    """Raise ``TypeError`` unless ``data`` are samples; of a law it says how to draw some.

    Examples
    --------
    >>> from moe_theory import PatchPatterns
    >>> check_samples(PatchPatterns(4, 8, 10))
    Traceback (most recent call last):
    ...
    TypeError: data must be PatchData: samples drawn by data.sample(n_samples, seed), not the law...
    """
    if isinstance(data, PatchData):
        return
    wanted = "PatchData"
    if is_law(data):
        wanted += f": samples drawn by {argument}.sample(n_samples, seed), not the law itself"
    raise wrong_object(argument, data, wanted)


def is_law(data: Any) -> bool:
    """Return whether ``data`` is an object from which samples can be drawn, a data model."""
    return isinstance(data, DataModel) and not isinstance(data, type)


def routing_arrays(dictionary: Any, indices: Any, routers: Any) -> tuple[Array, Array, Array]:
    """Return the three as arrays of numbers; indices lie in the dictionary."""
    dictionary = real_array("dictionary", dictionary, "(P, d)")
    indices = index_array("indices", indices, "(N, n)", len(dictionary))
    return dictionary, indices, router_array(routers, dictionary.shape[1])


def router_array(routers: Any, patch_dim: int) -> Array:
    """Return ``routers`` as an array of numbers, shape (k, d).

    Examples
    --------
    >>> router_array([[1, 0]], patch_dim=2)
    array([[1., 0.]])
    """
    array = real_array("routers", routers, "(k, d)")
    if array.shape[1] != patch_dim:
        raise reject("routers.shape", array.shape, f"(k, {patch_dim})")
    return array


def check_shapes(name: str, weights: Weights, model: Model, patch_dim: int) -> None:
    """Raise ``ValueError`` if ``weights`` are not those of a ``model`` on patches of d numbers."""
    n_routers = model.n_experts if model.has_routers else 0
    shapes = {
        "experts": (model.n_hidden, patch_dim),
        "output": (model.n_hidden,),
        "routers": (n_routers, patch_dim) if n_routers else None,
        "bias": (n_routers,) if isinstance(model, TokenChoiceMoE) else None,
    }
    for part, expected in shapes.items():
        array = getattr(weights, part)
        if part == "bias" and array is None:
            continue
        if (given := None if array is None else array.shape) != expected:
            raise reject(f"{name}.{part}.shape", given, f"{expected}, as the model has it")
