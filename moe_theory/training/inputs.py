"""Samples, networks and steps as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import padded, products
from moe_theory._validation import read_only
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.arguments import RawNetwork, Samples, Steps
from moe_theory.models import Model, Weights
from moe_theory.routing.choices import best_patches
from moe_theory.training.batches import Block
from moe_theory.training.sgd import LOSS_CODES, SGD

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RoutedInputs:
    """Samples as the kernels take them: read-only, since Numba compiles anew for other arrays.

    ``table`` (P, d) holds the patches that occur, `padded`, in the dtype of the training; ``rows``
    is (N, n) where routers learn with the experts, and (N, k, l), what each expert receives, for
    other networks.
    """

    table: Array
    rows: Array
    labels: Array
    n_patches: int

    def __post_init__(self) -> None:
        for name in ("table", "rows", "labels"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def samples(self) -> Samples:
        """The same for the kernels."""
        return Samples(self.table, self.rows, self.labels)


def prepare(model: Model, weights: Weights, data: PatchData) -> RoutedInputs:
    """Gather the patches that occur in ``data`` and apply fixed routing."""
    table, indices = occurring(data, weights.experts.dtype)
    rows = received_rows(model, weights.routers, table, indices)
    return RoutedInputs(padded(table), rows, data.labels, data.n_patches)


def received_rows(model: Model, routers: Array | None, table: Array, indices: Array) -> Array:
    """Return ``indices`` (N, n), or where routing is fixed those that each expert receives."""
    n_routed = model.patches_per_expert(indices.shape[1])
    if model.learns_routers:
        return read_only(indices)
    if routers is None:
        return read_only(indices[:, None, :])
    positions, _ = best_patches(products(routers, table), indices, n_routed)
    return read_only(np.take_along_axis(indices[:, None, :], positions, axis=2))


def occurring(data: PatchData, dtype: Any) -> tuple[Array, Array]:
    """Return the dictionary rows that occur in ``data`` and the indices into them."""
    if data.n_patterns <= data.indices.size:
        return read_only(np.asarray(data.dictionary, dtype=dtype)), read_only(data.indices)
    used, inverse = np.unique(data.indices, return_inverse=True)
    indices = inverse.reshape(data.indices.shape).astype(np.int32)
    return read_only(data.dictionary[used].astype(dtype, copy=False)), read_only(indices)


def raw_network(
    model: Model,
    experts: Array,
    output: Array,
    routers: Array | None,
    n_patches: int,
    *,
    bias: Array | None = None,
) -> RawNetwork:
    """Return a network of `padded` weights as the kernels take it."""
    if routers is None or not model.learns_routers:
        routers = experts[:0]
    return RawNetwork(
        experts, output, routers, model.output_scale(n_patches), model.rule(n_patches),
        model.activation_code, experts[0, :0].copy() if bias is None else bias,
    )  # fmt: skip


def bias_in_training(sgd: SGD, initial: Weights) -> Array:
    """Return a copy of the bias to train with, empty if there is none."""
    if initial.bias is not None:
        return initial.bias.copy()
    size = 0 if sgd.bias_rate == 0 or initial.routers is None else len(initial.routers)
    return np.zeros(size, initial.experts.dtype)


def steps_of(sgd: SGD, block: Block, n_looked: int) -> Steps:
    """Return the steps of a block as the kernels take them."""
    return Steps(
        block.order, block.bounds, sgd.learning_rate, sgd.router_rate, LOSS_CODES[sgd.loss],
        sgd.stop_at_zero_error, sgd.loss_target, n_looked, sgd.normalize_experts,
        sgd.balance_weight, typed_noise(block.noise, sgd.dtype), sgd.z_weight, sgd.bias_rate,
    )  # fmt: skip


def typed_noise(noise: Array | None, dtype: Any) -> Array:
    """Return noise, a row per visit, in the type of the training, empty where there is none."""
    if noise is None:
        return np.empty((0, 0), dtype)
    return np.ascontiguousarray(noise, dtype)
