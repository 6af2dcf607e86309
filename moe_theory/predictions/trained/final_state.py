"""A training followed from its first step to the loss of the stop: what the network learns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.predictions.trained.coupled_patterns import (
    coupled_columns,
    coupled_gram,
    coupled_normals,
)
from moe_theory.predictions.trained.kernels import (
    Coupling,
    Ending,
    Inputs,
    Steps,
    Units,
    flow_to_loss,
    play_epoch,
)
from moe_theory.predictions.trained.setting import TrainedSetting
from moe_theory.predictions.trained.training_set import (
    TrainingSet,
    draw_patches,
    draw_training_set,
    routed_patterns,
)

Array = NDArray[Any]

# The mean margin of both classes at which signs are decided. Where it takes more epochs, steps are
# so small that they are gradient flow.
DECIDED, MOST_EPOCHS = 1.0, 1000


@dataclass(frozen=True, eq=False)
class FinalState:
    """What a network has learned of each pattern.

    Attributes
    ----------
    data : TrainingSet
    z : array, shape (experts, p + 2, units)
        Pre-activations of all units on all patterns, positive units first.
    values : array, shape (experts, p + 2)
        h of every pattern: what a patch of it adds to f/scale.
    deciding_steps : int
        Steps of SGD that were followed one by one.
    n_steps : float
        All steps.
    reached : bool
        Whether they lead to the loss.
    """

    data: TrainingSet
    z: Array
    values: Array
    deciding_steps: int
    n_steps: float
    reached: bool

    @property
    def margins(self) -> Array:
        """The margins y f of the training samples, shape (N,)."""
        heights = np.append(self.values.ravel(), 0.0)
        fields = heights[self.data.held].sum(axis=1)
        margins: Array = self.data.setting.scale * self.data.labels * fields
        return margins

    def fresh_margins(self, rng: np.random.Generator, n_inputs: int) -> Array:
        """Return y f/scale of fresh inputs, shape (2, n_inputs): y = +1 first, then y = −1."""
        s, found = self.data.setting, np.zeros((2, n_inputs))
        for side, sign in enumerate((1.0, -1.0)):
            patches = draw_patches(s, rng, n_inputs)
            positive = np.full(n_inputs, side == 0)
            sent = routed_patterns(s, self.data.routers, rng, patches, positive)
            for (patterns, kept, _), values in zip(sent, self.values, strict=True):
                of = np.append(values[: s.p], 0.0)[patterns].sum(axis=1)
                found[side] += sign * (of + kept * values[s.p + side])
        return found


def final_state(
    setting: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> FinalState:
    """Draw a training set and initial weights, and follow them to the loss of the stop.

    Parameters
    ----------
    setting : TrainedSetting
    rng : Generator
    carriers : (float, float)
        How many positive units of the first expert start with z > 0 on o₁, and how many negative
        ones of the last expert on o₂.

    Returns
    -------
    FinalState

    Notes
    -----
    Source: derived in docs/theory/trained.md.

    Examples
    --------
    >>> from moe_theory import PatchPatterns
    >>> setting = TrainedSetting(PatchPatterns(16, 64, 66), 20, 1, 16, (20, 20), 0.01, 1 / 16,
    ...                          0.2, 20, 0.03)
    >>> state = final_state(setting, np.random.default_rng(0), (10, 10))
    >>> state.reached, bool(0.027 < np.log1p(np.exp(-state.margins)).mean() < 0.0301)
    (True, True)
    """
    s = setting
    data = draw_training_set(s, rng)
    inputs = Inputs(data.held, data.labels)
    z = initial_units(s, rng, carriers).reshape(s.n_experts * (s.p + 2), -1)
    outputs = np.repeat([1.0, -1.0], s.units)
    units = Units(z, outputs, (np.maximum(z, 0) * outputs).sum(axis=1), np.zeros(len(z)))
    places = coupled_columns(s.patterns) + (s.p + 2) * np.arange(s.n_experts)[:, None]
    alone = np.setdiff1d(np.arange(len(z)), places)
    coupling = Coupling(coupled_gram(s.patterns), places, alone)
    n_batches = math.ceil(s.n_train / s.batch_size)
    deciding = n_batches * _decide(s, rng, inputs, units, coupling)
    # A step of SGD pulls at slope 1 by the rate, shared among the samples.
    per_step = s.rate / s.n_train
    ending = Ending(s.target, n_batches * per_step, s.scale)
    time, reached = flow_to_loss(inputs, units, coupling, ending)
    shape = s.n_experts, s.p + 2
    return FinalState(
        data, z.reshape(*shape, -1), units.heights.reshape(shape), deciding,
        deciding + time / per_step, reached,
    )  # fmt: skip


def initial_units(
    s: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> Array:
    """Return initial pre-activations, shape (experts, p + 2, units), positive units first."""
    gram, columns = coupled_gram(s.patterns), coupled_columns(s.patterns)
    normals = rng.standard_normal((s.n_experts, sum(s.units), s.p + 2))
    z = np.ascontiguousarray(coupled_normals(s.patterns, normals).swapaxes(1, 2))
    for expert, side, units in (
        (0, -2, np.arange(s.units[0])),
        (-1, -1, s.units[0] + np.arange(s.units[1])),
    ):
        # What is independent of z on the discriminative pattern stays.
        own = z[expert, s.p + 2 + side, units]
        known = np.where(np.arange(len(units)) < carriers[side], 1.0, -1.0) * np.abs(own)
        z[expert][np.ix_(columns, units)] += gram[:, side, None] * (known - own)
    z *= s.init_std
    return z


def _decide(
    s: TrainedSetting, rng: np.random.Generator, inputs: Inputs, units: Units, coupling: Coupling
) -> int:
    """Train until both classes have a mean margin of 1, and return the epochs."""
    n_epochs, margins = 0, (0.0, 0.0)
    while min(margins) < DECIDED and n_epochs < MOST_EPOCHS:
        steps = Steps(rng.permutation(s.n_train), s.batch_size, s.rate, s.scale)
        margins = play_epoch(inputs, units, coupling, steps)
        n_epochs += 1
    return n_epochs
