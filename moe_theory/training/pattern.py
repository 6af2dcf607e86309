"""Training in pattern space, for data whose patches come from a finite dictionary."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import VECTOR_BYTES, combine, padded, products
from moe_theory._validation import all_finite
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.arguments import Gram, PatternNetwork, Samples
from moe_theory.kernels.pattern_fixed import train_pattern_fixed
from moe_theory.kernels.pattern_joint import train_pattern_joint
from moe_theory.kernels.pattern_sample import train_pattern_sample
from moe_theory.kernels.pattern_step import pattern_values
from moe_theory.kernels.pattern_token import train_pattern_token
from moe_theory.kernels.state import new_state
from moe_theory.models import Model, Weights
from moe_theory.training.batches import Block
from moe_theory.training.gram import gram
from moe_theory.training.inputs import (
    RoutedInputs,
    bias_in_training,
    prepare,
    received_rows,
    steps_of,
)
from moe_theory.training.load import load_shares
from moe_theory.training.outputs import outputs, pooled
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

TRAIN = {
    "fixed": train_pattern_fixed,
    "joint": train_pattern_joint,
    "token": train_pattern_token,
    "sample": train_pattern_sample,
}


@dataclass(frozen=True, eq=False)
class PatternInputs:
    """Samples made of the patterns trained on; ``rows`` as for `RoutedInputs`."""

    rows: Array
    labels: Array
    n_patches: int


class PatternTrainee:
    """A network in training, known by the products of its weights with the patterns.

    Its trajectory is that of `RawTrainee` up to rounding. Source: derived in
    docs/theory/dynamics.md.
    """

    def __init__(self, model: Model, sgd: SGD, weights: Weights, data: PatchData) -> None:
        self.model = model
        self.sgd = sgd
        self.scale = model.output_scale(data.n_patches)
        self._n_patches = data.n_patches
        self.state = new_state()
        self._rule = model.rule(data.n_patches)
        self._start = weights
        self._source = data.dictionary
        dtype = weights.experts.dtype
        self._dictionary = data.dictionary.astype(dtype, copy=False)
        matrix = gram(data.dictionary)
        self._gram = Gram(matrix.start, matrix.column, matrix.value.astype(dtype))
        self._orthonormal = matrix.orthonormal
        self._z = self._products(weights.experts)
        self._scores = np.empty((0, 0), dtype)
        if model.learns_routers and weights.routers is not None:
            self._scores = self._products(weights.routers)
        self._bias = bias_in_training(sgd, weights)
        self._first = (self._z.copy(), self._scores.copy())
        shapes = ((0, 0), (0, 0)) if self._orthonormal else (self._z.shape, self._scores.shape)
        self._coefficients, self._router_coefficients = (np.zeros(s, dtype) for s in shapes)
        self.inputs = PatternInputs(self._rows(data), data.labels, data.n_patches)

    def weights(self) -> Weights:
        """Return the present weights in ℝᵈ."""
        learned = (self._coefficients, self._router_coefficients)
        if self._orthonormal:
            learned = (self._z - self._first[0], self._scores - self._first[1])
        n_patterns = len(self._dictionary)
        experts = self._start.experts + combine(learned[0][:, :n_patterns], self._dictionary)
        routers = self._start.routers
        if self.model.learns_routers and routers is not None:
            routers = routers + combine(learned[1][:, :n_patterns], self._dictionary)
        bias = self._bias.copy() if len(self._bias) else None
        return Weights(experts, self._start.output, routers, bias)

    def prepare(self, data: PatchData) -> PatternInputs | RoutedInputs:
        """Return other samples in the form that `outputs` takes."""
        same = data.dictionary.shape == self._source.shape
        if same and np.array_equal(data.dictionary, self._source):
            return PatternInputs(self._rows(data), data.labels, data.n_patches)
        return prepare(self.model, self._start, data)

    def outputs(self, inputs: PatternInputs | RoutedInputs) -> Array:
        """Return f of every input under the present weights."""
        if isinstance(inputs, RoutedInputs):
            return outputs(self.model, self.weights(), inputs)
        values = np.empty((self.model.n_all_experts, self._z.shape[1]), self._z.dtype)
        pattern_values(self._z, self._start.output, values, self.model.activation_code)
        own = self._network()
        n_patches = self._n_patches
        return pooled(self.model, own, values, self._scores, inputs.rows, n_patches=n_patches)

    def load(self) -> NDArray[np.float64]:
        """Return the share of the training pairs that each expert serves, shape (k,)."""
        return load_shares(self.model, self._scores, self._bias, self.inputs)

    def advance(self, block: Block, n_looked: int = sys.maxsize) -> bool:
        """Take the steps of ``block``; see `Trainee.advance`."""
        network = self._network()
        samples = Samples(self._z[:0], self.inputs.rows, self.inputs.labels)
        kernel = TRAIN[self.model.kernel]
        finite = kernel(network, samples, steps_of(self.sgd, block, n_looked), self.state)
        return bool(finite) and self.finite()

    def changing(self) -> list[Array]:
        """Return the arrays that `advance` changes in place."""
        return [
            *self.state, self._z, self._scores, self._coefficients, self._router_coefficients,
            self._bias,
        ]  # fmt: skip

    def finite(self) -> bool:
        """Return whether all weights are finite."""
        return all_finite((self._z, self._scores, self._bias))

    def _network(self) -> PatternNetwork:
        return PatternNetwork(
            self._z, self._scores, self._coefficients, self._router_coefficients,
            self._start.output, self.scale, self._rule, self._gram, self.model.activation_code,
            self._bias,
        )  # fmt: skip

    def _products(self, weights: Array) -> Array:
        """Return the products of weights with the patterns, filled up to whole vectors."""
        return padded(products(weights, self._dictionary), VECTOR_BYTES)

    def _rows(self, data: PatchData) -> Array:
        return received_rows(self.model, self._start.routers, self._dictionary, data.indices)
