"""A network in training: arrays for the kernels, and calls that hide which kernel it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.fixed import outputs_fixed, train_fixed
from moe_theory.kernels.joint import outputs_joint, train_joint
from moe_theory.kernels.state import new_state
from moe_theory.models import JointMoE, Model, SeparateMoE, Weights
from moe_theory.routing import route
from moe_theory.training.batches import Block
from moe_theory.training.sgd import LOSS_CODES, SGD

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Samples as the kernels take them.

    ``table`` (P, d) holds the patches that occur, in the dtype of the training; ``rows`` is
    (N, n) for joint networks, and (N, k, l), what each expert receives, for the others.
    """

    table: Array
    rows: Array
    labels: Array


def prepare(model: Model, weights: Weights, data: PatchData) -> Inputs:
    """Gather the patches that occur in ``data`` and apply fixed routing."""
    table, indices = occurring(data, weights.experts.dtype)
    n_routed = model.routed(data.n_patches)
    if isinstance(model, JointMoE):
        return Inputs(table, indices, data.labels)
    if isinstance(model, SeparateMoE):
        assert weights.routers is not None
        positions, _ = route(table, indices, weights.routers, n_routed)
        rows = np.take_along_axis(indices[:, None, :], positions, axis=2)
        return Inputs(table, rows, data.labels)
    return Inputs(table, indices[:, None, :], data.labels)


def occurring(data: PatchData, dtype: Any) -> tuple[Array, Array]:
    """Return the dictionary rows that occur in ``data`` and the indices into them."""
    if data.n_patterns <= data.indices.size:
        return np.asarray(data.dictionary, dtype=dtype), data.indices
    used, inverse = np.unique(data.indices, return_inverse=True)
    indices = inverse.reshape(data.indices.shape).astype(np.int32)
    return data.dictionary[used].astype(dtype, copy=False), indices


def outputs(model: Model, weights: Weights, inputs: Inputs, scale: float) -> Array:
    """Return f of every input, shape (N,)."""
    f: Array
    if isinstance(model, JointMoE):
        f = outputs_joint(
            inputs.table, inputs.rows, weights.experts, weights.output, weights.routers,
            model.n_routed, scale,
        )  # fmt: skip
    else:
        f = outputs_fixed(inputs.table, inputs.rows, weights.experts, weights.output, scale)
    return f


class Trainee:
    """The mutable state of one training: weights, and what the kernel remembers."""

    def __init__(self, model: Model, sgd: SGD, weights: Weights, data: PatchData) -> None:
        self.model = model
        self.sgd = sgd
        self.scale = model.output_scale(data.n_patches)
        self.inputs = prepare(model, weights, data)
        self.state = new_state()
        self._experts = weights.experts.copy()
        self._output = weights.output
        self._routers = None if weights.routers is None else weights.routers.copy()

    def weights(self) -> Weights:
        """Return a copy of the present weights."""
        routers = None if self._routers is None else self._routers.copy()
        return Weights(self._experts.copy(), self._output, routers)

    def outputs(self, inputs: Inputs) -> Array:
        """Return f of every input under the present weights."""
        live = Weights(self._experts, self._output, self._routers)
        return outputs(self.model, live, inputs, self.scale)

    def advance(self, block: Block) -> bool:
        """Take the steps of ``block``; return whether everything stayed finite."""
        return self._run_kernel(block) and self.finite()

    def finite(self) -> bool:
        """Return whether all weights are finite."""
        arrays = (self._experts, self._routers)
        return all(bool(np.isfinite(array).all()) for array in arrays if array is not None)

    def _run_kernel(self, block: Block) -> bool:
        table, rows, labels = self.inputs.table, self.inputs.rows, self.inputs.labels
        rate, loss = self.sgd.learning_rate, LOSS_CODES[self.sgd.loss]
        stop = self.sgd.stop_at_zero_error
        if isinstance(self.model, JointMoE):
            finite = train_joint(
                table, rows, labels, self._experts, self._output, self._routers,
                self.model.n_routed, self.scale, block.order, block.bounds, rate,
                self.sgd.router_rate, loss, stop, self.state,
            )  # fmt: skip
            return bool(finite)
        finite = train_fixed(
            table, rows, labels, self._experts, self._output, self.scale, block.order,
            block.bounds, rate, loss, stop, self.state,
        )  # fmt: skip
        return bool(finite)
