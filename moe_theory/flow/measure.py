"""From states in pattern space to the curves of a `Flow`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._validation import reject
from moe_theory.data.patch_data import PatchData
from moe_theory.flow.loss_averages import Average, CountAverage, GateAverage, loss_values
from moe_theory.flow.ode import PatternFlow, Patterns
from moe_theory.flow.result import Flow
from moe_theory.flow.weighted_inputs import WeightedInputs
from moe_theory.models import Model, Weights
from moe_theory.training.inputs import received_rows
from moe_theory.training.sgd import SGD

Array = NDArray[np.float64]
Sampled = CountAverage | GateAverage


def average_over(
    model: Model, inputs: WeightedInputs, patterns: Patterns, start: Weights, loss: str
) -> Sampled:
    """Return the mean loss over weighted inputs; separate routing is that of ``start``."""
    scale = model.output_scale(inputs.indices.shape[1])
    rows = received_rows(model, start.routers, patterns.dictionary, inputs.indices)
    if model.learns_routers:
        l = model.patches_per_expert(rows.shape[1])
        return GateAverage(rows, inputs.labels, inputs.weights, scale, loss, l)
    n_patterns = len(patterns.dictionary)
    return CountAverage.of_rows(rows, n_patterns, inputs, scale, loss)


def check_followed(model: Model, sgd: SGD) -> None:
    """Raise ``ValueError`` unless the flow follows what ``sgd`` does with ReLUs."""
    if model.kernel in ("token", "sample"):
        raise reject("model", type(model).__name__, "a DenseCNN, a SeparateMoE or a JointMoE")
    if model.activation != "relu":
        raise reject("activation", model.activation, '"relu", which the flow is derived for')
    if sgd.normalize_experts:
        raise reject("normalize_experts", True, "False: the flow is that of the plain gradient")
    for name in ("balance_weight", "z_weight", "bias_rate"):
        if getattr(sgd, name) > 0:
            raise reject(name, getattr(sgd, name), "0: networks that flows describe have no such")
    if sgd.noise_steps is not None:
        raise reject("noise_steps", sgd.noise_steps, "None: flows have no noise on scores")


@dataclass(frozen=True, eq=False)
class Observer:
    """What is measured along a flow.

    Attributes
    ----------
    rows : (int, int)
        Dictionary rows of o₁ and o₂.
    shown : WeightedInputs, or None
        Inputs whose gates are measured; None for a dense network.
    test : PatchData, or None
        Samples on which loss and error are measured.
    sample_size : int, or None
        Size of the Monte-Carlo sample of a population.
    loss : {"logistic", "hinge"}
    """

    rows: tuple[int, int]
    shown: WeightedInputs | None
    test: PatchData | None
    sample_size: int | None
    loss: str

    def flow(self, system: PatternFlow, times: Array, states: Array, n_evaluations: int) -> Flow:
        """Return the curves along ``states``, one for each time."""
        with single_blas_thread():
            return self._flow(system, times, states, n_evaluations)

    def _flow(self, system: PatternFlow, times: Array, states: Array, n_evaluations: int) -> Flow:
        parts = [system.unpack(state) for state in states]
        values = [system.values(z) for z, _ in parts]
        scores = [s for _, s in parts]
        means, spreads = _losses(system.average, values, scores)
        size = np.inf if self.sample_size is None else self.sample_size
        test_loss, test_error = self._test(system, values, scores)
        gates = self._gates(system, scores)
        stacked = np.stack(values)
        return Flow(
            model=system.model,
            times=times,
            loss=means,
            loss_error=np.zeros_like(means) if size == np.inf else spreads / np.sqrt(size),
            test_loss=test_loss,
            test_error=test_error,
            positive=stacked[:, :, self.rows[0]],
            negative=stacked[:, :, self.rows[1]],
            alignment=self._alignment(system, scores),
            gate_positive=None if gates is None else gates[0],
            gate_negative=None if gates is None else gates[1],
            weights=weights_of(system, states[-1]),
            n_evaluations=n_evaluations,
        )

    def _test(
        self, system: PatternFlow, values: list[Array], scores: list[Array | None]
    ) -> tuple[Array | None, Array | None]:
        if self.test is None:
            return None, None
        labels = self.test.labels.astype(np.float64)
        equal = np.full(len(labels), 1.0 / len(labels))
        inputs = WeightedInputs(self.test.indices, labels, equal, np.zeros(0, np.int32))
        average = average_over(system.model, inputs, system.patterns, system.start, self.loss)
        margins = [labels * average.outputs(*now) for now in zip(values, scores, strict=True)]
        losses = np.array([loss_values(margin, self.loss).mean() for margin in margins])
        return losses, np.array([float(np.mean(~(margin > 0))) for margin in margins])

    def _alignment(self, system: PatternFlow, scores: list[Array | None]) -> Array | None:
        if system.start.routers is None:
            return None
        patterns, start = system.patterns, system.start.routers.astype(np.float64)
        first, second = self.rows
        ruler = patterns.dictionary[first] - patterns.dictionary[second]
        fixed = start @ patterns.dictionary.T
        squares = (start**2).sum(axis=1)
        inverse = None if system.scores0 is None else patterns.inverse()
        found = []
        for moved in scores:
            now = fixed if moved is None else moved
            gained = 0.0
            if inverse is not None:
                gained = (((now - fixed) @ inverse) * (now + fixed)).sum(axis=1)
            norms = np.sqrt(np.maximum(squares + gained, 0.0)) * np.linalg.norm(ruler)
            with np.errstate(invalid="ignore"):
                found.append((now[:, first] - now[:, second]) / norms)
        return np.stack(found)

    def _gates(self, system: PatternFlow, scores: list[Array | None]) -> tuple[Array, Array] | None:
        inputs, model = self.shown, system.model
        if inputs is None or system.start.routers is None:
            return None
        if model.routers_first:
            fixed = system.start.routers.astype(np.float64) @ system.patterns.dictionary.T
            positive, negative = _mean_gates(model, inputs, fixed, soft=False)
            times = (len(scores), 1)
            return np.tile(positive, times), np.tile(negative, times)
        pairs = [_mean_gates(model, inputs, now, soft=True) for now in scores if now is not None]
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


def weights_of(system: PatternFlow, state: Array) -> Weights:
    """Return the weights in ℝᵈ of a state."""
    z, scores = system.unpack(state)
    lift = system.patterns.inverse() @ system.patterns.dictionary
    experts = system.start.experts + (z - system.z0) @ lift
    routers = system.start.routers
    if scores is not None and system.scores0 is not None and routers is not None:
        routers = routers + (scores - system.scores0) @ lift
    return Weights(experts, system.output, routers)


def _losses(
    average: Average, values: list[Array], scores: list[Array | None]
) -> tuple[Array, Array]:
    pairs = [average.losses(*now) for now in zip(values, scores, strict=True)]
    means, spreads = np.array(pairs).T
    return means, spreads


def _mean_gates(
    model: Model, inputs: WeightedInputs, scores: Array, *, soft: bool
) -> tuple[Any, Any]:
    """Return the weighted mean gates of the discriminative patch, shape (k,), by class."""
    n_routed = model.patches_per_expert(inputs.indices.shape[1])
    places, gates = GateAverage(
        inputs.indices, inputs.labels, inputs.weights, 1.0, "logistic", n_routed
    ).top_l(scores)
    hit = places == inputs.positions[:, None, None]
    own = np.where(hit, gates if soft else 1.0, 0.0).sum(axis=2)
    found = []
    for label in (1, -1):
        weights = inputs.weights * (inputs.labels == label)
        found.append(weights @ own / weights.sum())
    return found[0], found[1]
