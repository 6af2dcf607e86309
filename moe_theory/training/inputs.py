"""Samples as the kernels take them, and the outputs of a network on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import read_only
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.table import outputs_fixed, outputs_joint, outputs_token
from moe_theory.models import JointMoE, Model, SeparateMoE, TokenChoiceMoE, Weights
from moe_theory.routing import route

Array = NDArray[Any]

VECTOR_BYTES = 64


@dataclass(frozen=True, eq=False)
class Inputs:
    """Samples as the kernels take them: read-only, since Numba compiles anew for other arrays.

    ``table`` (P, d) holds the patches that occur, `padded`, in the dtype of the training; ``rows``
    is (N, n) where routers learn with the experts, and (N, k, l), what each expert receives, for
    other networks.
    """

    table: Array
    rows: Array
    labels: Array

    def __post_init__(self) -> None:
        for name in ("table", "rows", "labels"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def prepare(model: Model, weights: Weights, data: PatchData) -> Inputs:
    """Gather the patches that occur in ``data`` and apply fixed routing."""
    table, indices = occurring(data, weights.experts.dtype)
    rows = received_rows(model, weights.routers, table, indices)
    return Inputs(padded(table), rows, data.labels)


def received_rows(model: Model, routers: Array | None, table: Array, indices: Array) -> Array:
    """Return ``indices`` (N, n), or where routing is fixed those that each expert receives."""
    n_routed = model.routed(indices.shape[1])
    if isinstance(model, JointMoE | TokenChoiceMoE):
        return read_only(indices)
    if isinstance(model, SeparateMoE):
        assert routers is not None
        positions, _ = route(table, indices, routers, n_routed)
        return read_only(np.take_along_axis(indices[:, None, :], positions, axis=2))
    return read_only(indices[:, None, :])


def occurring(data: PatchData, dtype: Any) -> tuple[Array, Array]:
    """Return the dictionary rows that occur in ``data`` and the indices into them."""
    if data.n_patterns <= data.indices.size:
        return read_only(np.asarray(data.dictionary, dtype=dtype)), read_only(data.indices)
    used, inverse = np.unique(data.indices, return_inverse=True)
    indices = inverse.reshape(data.indices.shape).astype(np.int32)
    return read_only(data.dictionary[used].astype(dtype, copy=False)), read_only(indices)


def padded(array: Array) -> Array:
    """Return ``array`` with zeros added to its rows, so that they fill whole vector registers.

    Without them the last few of 100 numbers cost as much as the others together. Products do not
    change, and zeros of weights stay zeros in training.
    """
    per_register = VECTOR_BYTES // array.itemsize
    missing = -array.shape[1] % per_register
    return np.pad(array, ((0, 0), (0, missing))) if missing else array


def outputs(model: Model, weights: Weights, inputs: Inputs, scale: float) -> Array:
    """Return f of every input, shape (N,)."""
    experts = read_only(padded(weights.experts))
    f: Array
    if isinstance(model, JointMoE) and weights.routers is not None:
        f = outputs_joint(
            inputs.table, inputs.rows, experts, weights.output,
            read_only(padded(weights.routers)), model.n_routed, scale,
        )  # fmt: skip
    elif isinstance(model, TokenChoiceMoE) and weights.routers is not None:
        f = outputs_token(
            inputs.table, inputs.rows, experts, weights.output,
            read_only(padded(weights.routers)), model.n_chosen, model.routed(inputs.rows.shape[1]),
            model.priority == "score", scale,
        )  # fmt: skip
    else:
        f = outputs_fixed(inputs.table, inputs.rows, experts, weights.output, scale)
    return f
