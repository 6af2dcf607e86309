"""Training on raw patches."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import padded
from moe_theory._validation import all_finite
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.fixed import train_fixed
from moe_theory.kernels.joint import train_joint
from moe_theory.kernels.sample import train_sample
from moe_theory.kernels.state import new_state
from moe_theory.kernels.token import train_token
from moe_theory.models import Model, Weights
from moe_theory.training.batches import Block
from moe_theory.training.inputs import (
    RoutedInputs,
    bias_in_training,
    prepare,
    raw_network,
    steps_of,
)
from moe_theory.training.load import load_shares, table_scores
from moe_theory.training.outputs import outputs
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

TRAIN = {
    "fixed": train_fixed,
    "joint": train_joint,
    "token": train_token,
    "sample": train_sample,
}


class RawTrainee:
    """A network in training on raw patches: its weights, and what the kernel remembers."""

    def __init__(self, model: Model, sgd: SGD, weights: Weights, data: PatchData) -> None:
        self.model = model
        self.sgd = sgd
        self.inputs = prepare(model, weights, data)
        self.state = new_state()
        self._dim = data.patch_dim
        self._experts = padded(weights.experts.copy())
        self._output = weights.output
        self._routers: Array | None = None
        if weights.routers is not None:
            self._routers = padded(weights.routers.copy())
        self._bias = bias_in_training(sgd, weights)

    def weights(self) -> Weights:
        """Return a copy of the present weights."""
        routers = None if self._routers is None else self._routers[:, : self._dim].copy()
        bias = self._bias.copy() if len(self._bias) else None
        return Weights(self._experts[:, : self._dim].copy(), self._output, routers, bias)

    def prepare(self, data: PatchData) -> RoutedInputs:
        """Return other samples in the form that `outputs` takes."""
        return prepare(self.model, self.weights(), data)

    def outputs(self, inputs: RoutedInputs) -> Array:
        """Return f of every input under the present weights."""
        bias = self._bias if len(self._bias) else None
        weights = Weights(self._experts, self._output, self._routers, bias)
        return outputs(self.model, weights, inputs)

    def load(self) -> NDArray[np.float64]:
        """Return the share of the training pairs that each expert serves, shape (k,)."""
        routers = self._experts[:0] if self._routers is None else self._routers
        scores = table_scores(routers, self.inputs.table)
        return load_shares(self.model, scores, self._bias, self.inputs)

    def advance(self, block: Block, n_looked: int = sys.maxsize) -> bool:
        """Take the steps of ``block``; see `Trainee.advance`."""
        network = raw_network(
            self.model, self._experts, self._output, self._routers, self.inputs.n_patches,
            bias=self._bias,
        )  # fmt: skip
        finite = TRAIN[self.model.kernel](
            network, self.inputs.samples, steps_of(self.sgd, block, n_looked), self.state
        )
        return bool(finite) and self.finite()

    def changing(self) -> list[Array]:
        """Return the arrays that `advance` changes in place."""
        return [*self.state, *self._trained(), self._bias]

    def finite(self) -> bool:
        """Return whether all weights are finite."""
        return all_finite((*self._trained(), self._bias))

    def _trained(self) -> list[Array]:
        return [self._experts] if self._routers is None else [self._experts, self._routers]
