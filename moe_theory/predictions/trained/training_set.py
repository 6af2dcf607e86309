"""Random training sets as the theory of trained networks sees them: who holds what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.patterns import redraw_surplus
from moe_theory.predictions.trained.coupled_patterns import (
    coupled_normals,
    coupled_sums,
)
from moe_theory.predictions.trained.setting import TrainedSetting, both_classes

Array = NDArray[Any]

# What a router sends to one expert: irrelevant patterns (inputs, kept), −1 for none, whether the
# discriminative patch is sent, and whether that is o₁.
Sent = tuple[Array, Array, Array]


@dataclass(frozen=True, eq=False)
class DrawnRouters:
    """What routers give to patches, in units of one training patch.

    Attributes
    ----------
    irrelevant : array, shape (experts, p)
        Scores of the irrelevant patterns.
    discriminative : array, shape (2, experts)
        Scores of o₁ and o₂.
    """

    irrelevant: Array
    discriminative: Array


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """One drawn training set, routed.

    Attributes
    ----------
    setting : TrainedSetting
        What it was drawn for.
    labels : array, shape (N,)
    routers : DrawnRouters
    held : array, shape (N, width)
        The places of the patterns that each sample sends, −1 for none. Places are the patterns of
        one expert after the other's: the p irrelevant ones, then o₁ and o₂.
    """

    setting: TrainedSetting
    labels: Array
    routers: DrawnRouters
    held: Array


def draw_training_set(setting: TrainedSetting, rng: np.random.Generator) -> TrainingSet:
    """Draw samples and routers.

    Examples
    --------
    >>> from moe_theory import PatchPatterns
    >>> setting = TrainedSetting(PatchPatterns(16, 64, 66), 20, 1, 16, (20, 20), 0.01, 1 / 16,
    ...                          0.2, 20, 0.03)
    >>> drawn = draw_training_set(setting, np.random.default_rng(0))
    >>> drawn.held.shape, sorted(set(drawn.held[:, -1].tolist()))
    ((20, 16), [64, 65])
    """
    s = setting
    possible, chances = both_classes(s.patterns, s.n_train)
    n_positive = int(rng.choice(possible, p=chances / chances.sum()))
    labels = np.where(np.arange(s.n_train) < n_positive, 1.0, -1.0)
    patches = draw_patches(s, rng, s.n_train)
    routers = draw_routers(s, rng, labels, patches)
    sent = routed_patterns(s, routers, rng, patches, labels > 0)
    return TrainingSet(s, labels, routers, held_places(s, sent))


def draw_patches(s: TrainedSetting, rng: np.random.Generator, n_inputs: int) -> Array:
    """Return the irrelevant patterns of inputs, shape (inputs, n − 1)."""
    patches = rng.integers(0, s.p, (n_inputs, s.n - 1))
    if s.patterns.has_surplus:
        redraw_surplus(s.patterns, patches, 0, rng)
    return patches


def draw_routers(
    s: TrainedSetting, rng: np.random.Generator, labels: Array, patches: Array
) -> DrawnRouters:
    """Return A_p = Σ ±1 over the patches that trained the routers, with the initial router."""
    if not s.own_routers:
        patches = draw_patches(s, rng, len(patches))
    net = np.bincount(patches.ravel(), np.repeat(labels, s.n - 1), s.p)
    signs = np.array([1.0, -1.0])[: s.n_experts, None]
    n_positive = int((labels > 0).sum())
    known = signs * np.append(net, [n_positive, n_positive - s.n_train])
    noise = max(s.router_noise, 1e-6) * rng.standard_normal((s.n_experts, s.p + 2))
    scores = coupled_sums(s.patterns, known) + coupled_normals(s.patterns, noise)
    return DrawnRouters(scores[:, : s.p], scores[:, s.p :].T)


def routed_patterns(
    s: TrainedSetting,
    routers: DrawnRouters,
    rng: np.random.Generator,
    patches: Array,
    positive: Array,
) -> list[Sent]:
    """Return what is sent to each expert.

    ``patches`` (inputs, n − 1) are irrelevant patterns, and ``positive`` (inputs,) says whether
    o₁ or o₂ is with them.
    """
    if s.n_routed == s.n:
        return [(patches, np.ones(len(patches)), positive)] * s.n_experts
    sent = []
    for e in range(s.n_experts):
        own = routers.discriminative[np.where(positive, 0, 1), e]
        scores = np.column_stack([own, routers.irrelevant[e, patches]])
        # Patches of one pattern tie; any of them may go.
        scores += 1e-9 * rng.standard_normal(scores.shape)
        best = np.argpartition(-scores, s.n_routed - 1, axis=1)[:, : s.n_routed]
        others = np.take_along_axis(patches, np.maximum(best - 1, 0), axis=1)
        sent.append((np.where(best == 0, -1, others), (best == 0).any(axis=1), positive))
    return sent


def held_places(s: TrainedSetting, sent: list[Sent]) -> Array:
    """Return the places of the patterns that each sample sends, shape (N, width)."""
    parts = []
    for expert, (patterns, kept, positive) in enumerate(sent):
        first = expert * (s.p + 2)
        own = first + np.where(positive, s.p, s.p + 1)
        parts.append(np.where(patterns >= 0, first + patterns, -1))
        parts.append(np.where(kept > 0, own, -1)[:, None])
    return np.concatenate(parts, axis=1)
