"""The loss and its slopes in pattern space, as weighted averages over inputs.

An average knows nothing of weights: it takes what each pattern adds in each expert,
h_sp = Σ_{r in s} a_r relu(z_rp), and the scores S_sp of the routers, and returns the derivatives of
the mean loss in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from moe_theory.flow.weighted_inputs import WeightedInputs
from moe_theory.kernels.routing import route

Array = NDArray[np.float64]


class Slopes(NamedTuple):
    """Derivatives of the mean loss in h and in the scores, each of shape (k, P)."""

    values: Array
    scores: Array | None


class Average(Protocol):
    """What a flow descends: a mean of the loss over inputs, finitely many or not."""

    def slopes(self, values: Array, scores: Array | None, spread: Spread | None) -> Slopes:
        """Return the derivatives of the mean loss."""

    def losses(self, values: Array, scores: Array | None) -> tuple[float, float]:
        """Return the mean loss and the standard deviation of the loss over inputs."""


class Spread(NamedTuple):
    """What small batches add to the loss: ``factor``/2 times the mean of |∇(loss of one input)|².

    ``norms`` (k, P) holds Σ a_r² 1[z_rp > 0] over the units of each expert.
    """

    factor: float
    norms: Array


def loss_values(margins: Array, loss: str) -> Array:
    """Return log(1 + e^{−margin}), or max(0, 1 − margin).

    Examples
    --------
    >>> loss_values(np.array([0.5]), "hinge")
    array([0.5])
    """
    if loss == "hinge":
        return np.maximum(0.0, 1.0 - margins)
    return np.logaddexp(0.0, -margins)


def loss_derivatives(margins: Array, loss: str) -> tuple[Array, Array]:
    """Return the first and the second derivative of the loss in the margin."""
    if loss == "hinge":
        return np.where(margins < 1.0, -1.0, 0.0), np.zeros_like(margins)
    decay = expit(-margins)
    return -decay, decay * (1.0 - decay)


@dataclass(frozen=True, eq=False)
class CountAverage:
    """Dense and separately trained networks: an input is how often each expert gets each pattern.

    Parameters
    ----------
    counts : sparse array, shape (M, k·P)
        Of each input.
    labels, weights : array, shape (M,)
        Labels ±1 and the weights of the inputs, whose sum is 1.
    scale : float
        The factor in front of f.
    loss : {"logistic", "hinge"}
    """

    counts: Any
    labels: Array
    weights: Array
    scale: float
    loss: str

    @classmethod
    def of_rows(
        cls, rows: NDArray[Any], n_patterns: int, inputs: WeightedInputs, scale: float, loss: str
    ) -> CountAverage:
        """Build from ``rows`` (M, k, l), the patterns that each expert receives."""
        n_inputs, n_experts, n_routed = rows.shape
        columns = rows + n_patterns * np.arange(n_experts)[:, None]
        start = np.arange(n_inputs + 1) * n_experts * n_routed
        shape = (n_inputs, n_experts * n_patterns)
        counts = csr_array((np.ones(columns.size), columns.ravel(), start), shape=shape)
        counts.sum_duplicates()
        return cls(counts, inputs.labels, inputs.weights, scale, loss)

    def outputs(self, values: Array, scores: Array | None) -> Array:
        """Return f of every input."""
        f: Array = self.scale * (self.counts @ values.ravel())
        return f

    def losses(self, values: Array, scores: Array | None) -> tuple[float, float]:
        """Return the mean loss and the standard deviation of the loss over inputs."""
        return _moments(self.labels * self.outputs(values, scores), self.weights, self.loss)

    def slopes(self, values: Array, scores: Array | None, spread: Spread | None) -> Slopes:
        """Return the derivatives of the mean loss."""
        first, second = loss_derivatives(self.labels * self.outputs(values, scores), self.loss)
        if spread is not None:
            squares = self.scale**2 * (self.counts.power(2) @ spread.norms.ravel())
            first = first * (1.0 + spread.factor * second * squares)
        pull = self.counts.T @ (self.scale * self.weights * self.labels * first)
        return Slopes(pull.reshape(values.shape), None)


@dataclass(frozen=True, eq=False)
class GateAverage:
    """Jointly trained networks: top-l sets and softmax gates follow from the scores.

    Parameters
    ----------
    indices : integer array, shape (M, n)
        Pattern at each place of each input.
    labels, weights, scale, loss
        As for `CountAverage`.
    n_routed : int
        l.
    """

    indices: NDArray[np.int32]
    labels: Array
    weights: Array
    scale: float
    loss: str
    n_routed: int

    def top_l(self, scores: Array) -> tuple[NDArray[np.int64], Array]:
        """Return the places that each expert takes and their gates, both (M, k, l)."""
        shape = (len(self.indices), len(scores), self.n_routed)
        positions, gates = np.empty(shape, np.int64), np.empty(shape)
        route(np.ascontiguousarray(scores.T), self.indices, self.n_routed, positions, gates)
        return positions, gates

    def _received(self, values: Array, scores: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """Return flat places in (k, P), gates and values of what each expert receives."""
        n_experts, n_patterns = values.shape
        positions, gates = self.top_l(scores)
        offsets = np.arange(len(self.indices))[:, None, None] * self.indices.shape[1]
        flat = self.indices.ravel()[positions + offsets].astype(np.int64)
        flat += n_patterns * np.arange(n_experts)[:, None]
        return flat, gates, values.ravel()[flat]

    def outputs(self, values: Array, scores: Array | None) -> Array:
        """Return f of every input."""
        assert scores is not None
        _, gates, received = self._received(values, scores)
        f: Array = self.scale * np.einsum("isj,isj->i", gates, received)
        return f

    def losses(self, values: Array, scores: Array | None) -> tuple[float, float]:
        """Return the mean loss and the standard deviation of the loss over inputs."""
        return _moments(self.labels * self.outputs(values, scores), self.weights, self.loss)

    def slopes(self, values: Array, scores: Array | None, spread: Spread | None) -> Slopes:
        """Return the derivatives of the mean loss; the top-l sets are held fixed in them."""
        assert scores is not None
        assert spread is None
        flat, gates, received = self._received(values, scores)
        means = np.einsum("isj,isj->is", gates, received)
        first, _ = loss_derivatives(self.labels * self.scale * means.sum(axis=1), self.loss)
        pull = (self.scale * self.weights * self.labels * first)[:, None, None] * gates
        tilt = pull * (received - means[:, :, None])
        own = np.bincount(flat.ravel(), pull.ravel(), values.size).astype(np.float64)
        gate = np.bincount(flat.ravel(), tilt.ravel(), values.size).astype(np.float64)
        return Slopes(own.reshape(values.shape), gate.reshape(values.shape))


def _moments(margins: Array, weights: Array, loss: str) -> tuple[float, float]:
    each = loss_values(margins, loss)
    mean = float(weights @ each)
    return mean, float(np.sqrt(weights @ (each - mean) ** 2))
