"""Random trainings where patterns are coupled or classes unequal: what the networks learn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.patterns import PatchPatterns
from moe_theory.predictions.trained.coupled_patterns import (
    coupled_columns,
    coupled_gram,
    coupled_normals,
)
from moe_theory.predictions.trained.final_state import FinalState
from moe_theory.predictions.trained.gram_kernels import (
    Coupling,
    Inputs,
    Steps,
    Units,
    flow_to_loss,
    play_epoch,
)
from moe_theory.predictions.trained.setting import TrainedSetting, both_classes
from moe_theory.predictions.trained.training_set import (
    TrainingSet,
    counts_of,
    draw_patches,
    draw_routers,
    routed_patterns,
)

Array = NDArray[Any]

# The mean margin of both classes at which signs are decided, and the most epochs until then.
DECIDED, MOST_EPOCHS = 1.0, 10_000


def gram_state(
    setting: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> FinalState:
    """Draw a training set and initial weights, and follow them to the loss of the stop.

    Parameters
    ----------
    setting : TrainedSetting
        With ``patterns``.
    rng : Generator
    carriers : (float, float)
        How many positive units of the first expert start with z > 0 on o₁, and how many negative
        ones of the last expert on o₂.

    Returns
    -------
    FinalState

    Notes
    -----
    Source: derived in docs/theory/gram.md.

    Examples
    --------
    >>> patterns = PatchPatterns(16, 64, 66, delta_d=0.5)
    >>> setting = TrainedSetting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03,
    ...                          patterns=patterns)
    >>> state = gram_state(setting, np.random.default_rng(0), (10, 10))
    >>> state.converged, bool(0.027 < np.log1p(np.exp(-state.margins)).mean() <= 0.03)
    (True, True)
    """
    patterns = patterns_of(setting)
    possible, chances = both_classes(patterns, setting.n_train)
    s = replace(setting, n_positive=int(rng.choice(possible, p=chances / chances.sum())))
    labels = np.where(np.arange(s.n_train) < s.n_positive, 1.0, -1.0)
    patches = draw_patches(s, rng, s.n_train)
    routers = draw_routers(s, rng, labels, patches)
    sent = routed_patterns(s, routers, rng, patches, labels > 0)
    counts = np.stack([counts_of(s, *one) for one in sent])
    inputs = Inputs(held_places(s, sent), labels)
    z = initial_units(s, rng, carriers).reshape(s.n_experts * (s.p + 2), -1)
    outputs = np.repeat([1.0, -1.0], s.units)
    units = Units(z, outputs, np.maximum(z, 0) @ outputs, np.zeros(len(z)))
    places = coupled_columns(patterns) + (s.p + 2) * np.arange(s.n_experts)[:, None]
    alone = np.setdiff1d(np.arange(len(z)), places)
    coupling = Coupling(coupled_gram(patterns), places, alone)
    n_steps = _decide(s, rng, inputs, units, coupling)
    time = flow_to_loss(inputs, units, coupling, s.scale, s.target)
    active = (z > 0).reshape(s.n_experts, s.p + 2, -1)
    values = units.heights.reshape(s.n_experts, s.p + 2)
    data = TrainingSet(
        s, labels, routers, counts, active[..., outputs > 0].sum(axis=2),
        active[..., outputs < 0].sum(axis=2), n_steps,
    )  # fmt: skip
    margins = s.scale * np.einsum("ein,en->i", counts * labels[:, None], values)
    # A step of SGD pulls at slope 1 by the rate, shared among the samples.
    flowed = time * s.n_train / s.rate
    return FinalState(data, values, margins, n_steps + flowed, math.isfinite(time))


def patterns_of(setting: TrainedSetting) -> PatchPatterns:
    """Return the patterns of a setting that has them."""
    if setting.patterns is None:
        raise ValueError("patterns must be given; got None")
    return setting.patterns


def initial_units(
    s: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> Array:
    """Return initial pre-activations, shape (experts, p + 2, units), positive units first."""
    patterns = patterns_of(s)
    gram, columns = coupled_gram(patterns), coupled_columns(patterns)
    normals = rng.standard_normal((s.n_experts, sum(s.units), s.p + 2))
    z = np.ascontiguousarray(coupled_normals(patterns, normals).swapaxes(1, 2))
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


def held_places(s: TrainedSetting, sent: list[tuple[Array, Array, Array]]) -> Array:
    """Return the places of the patterns that each sample sends, shape (N, width)."""
    parts = []
    for expert, (patterns, kept, positive) in enumerate(sent):
        first = expert * (s.p + 2)
        own = first + np.where(positive, s.p, s.p + 1)
        parts.append(np.where(patterns >= 0, first + patterns, -1))
        parts.append(np.where(kept > 0, own, -1)[:, None])
    return np.concatenate(parts, axis=1)


def _decide(
    s: TrainedSetting, rng: np.random.Generator, inputs: Inputs, units: Units, coupling: Coupling
) -> int:
    """Train until both classes have a mean margin of 1, and return the steps."""
    n_epochs, margins = 0, (0.0, 0.0)
    while min(margins) < DECIDED and n_epochs < MOST_EPOCHS:
        steps = Steps(rng.permutation(s.n_train), s.batch_size, s.rate, s.scale)
        margins = play_epoch(inputs, units, coupling, steps)
        n_epochs += 1
    return n_epochs * math.ceil(s.n_train / s.batch_size)
