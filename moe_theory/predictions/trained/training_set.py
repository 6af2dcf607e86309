"""Random training sets as the theory of trained networks sees them: who holds, and who is left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.patterns import redraw_surplus
from moe_theory.predictions.trained.coupled_patterns import (
    coupled_normals,
    coupled_sums,
)
from moe_theory.predictions.trained.kernels import Occurrences, Walk, surviving_units
from moe_theory.predictions.trained.setting import TrainedSetting

Array = NDArray[Any]


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
    """One drawn training set, routed, with the units that are left once signs are decided.

    Patterns are the p irrelevant ones, then o₁ and o₂.

    Attributes
    ----------
    setting : TrainedSetting
        What it was drawn for.
    labels : array, shape (N,)
    routers : DrawnRouters
    counts : array, shape (experts, N, p + 2)
        How often each sample sends each pattern to each expert.
    ups, downs : array, shape (experts, p + 2)
        Active units of positive and of negative output weight.
    deciding_steps : int
        Steps in which the signs were decided.
    """

    setting: TrainedSetting
    labels: Array
    routers: DrawnRouters
    counts: Array
    ups: Array
    downs: Array
    deciding_steps: int


def draw_training_set(
    setting: TrainedSetting, rng: np.random.Generator, carriers: tuple[float, float]
) -> TrainingSet:
    """Draw samples, routers, initial weights and batches.

    Parameters
    ----------
    setting : TrainedSetting
    rng : Generator
    carriers : (float, float)
        κ₁ and κ₂, the units that carry o₁ in the first expert and o₂ in the last; in the other
        expert, which hardly ever receives them, it is their mean.

    Returns
    -------
    TrainingSet

    Notes
    -----
    Source: derived in docs/theory/trained.md.

    Examples
    --------
    >>> setting = TrainedSetting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
    >>> drawn = draw_training_set(setting, np.random.default_rng(0), (10, 10))
    >>> drawn.counts.shape, int(drawn.counts.sum()), drawn.deciding_steps
    ((1, 20, 66), 320, 13)
    """
    s = setting
    labels = np.where(np.arange(s.n_train) < s.n_positive, 1.0, -1.0)
    patches = draw_patches(s, rng, s.n_train)
    routers = draw_routers(s, rng, labels, patches)
    counts = np.stack([
        counts_of(s, *sent) for sent in routed_patterns(s, routers, rng, patches, labels > 0)
    ])  # fmt: skip
    n_steps = _deciding_steps(s, labels, counts)
    ups, downs = np.zeros((2, s.n_experts, s.p + 2))
    walk = Walk(*_batches(s, rng, n_steps), s.rate / 2, n_steps)
    for e in range(s.n_experts):
        occurrences = Occurrences(*occurrences_of(counts[e, :, : s.p]), labels)
        first = s.init_std * rng.standard_normal((s.p, sum(s.units)))
        surviving_units(occurrences, walk, first, s.units[0], ups[e], downs[e])
    ups[:, s.p], downs[:, s.p + 1] = s.carriers, s.carriers
    ups[0, s.p], downs[-1, s.p + 1] = carriers
    return TrainingSet(s, labels, routers, counts, ups, downs, n_steps)


def draw_patches(s: TrainedSetting, rng: np.random.Generator, n_inputs: int) -> Array:
    """Return the irrelevant patterns of inputs, shape (inputs, n − 1)."""
    patches = rng.integers(0, s.p, (n_inputs, s.n - 1))
    if s.patterns is not None and s.patterns.has_surplus:
        redraw_surplus(s.patterns, patches, 0, rng)
    return patches


def routed_patterns(
    s: TrainedSetting,
    routers: DrawnRouters,
    rng: np.random.Generator,
    patches: Array,
    positive: Array,
) -> list[tuple[Array, Array, Array]]:
    """Return for each expert the irrelevant patterns sent, −1 for none, and whether o₁ or o₂ is.

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


def draw_routers(
    s: TrainedSetting, rng: np.random.Generator, labels: Array, patches: Array
) -> DrawnRouters:
    """Return A_p = Σ ±1 over the patches that trained the routers, with the initial router."""
    if not s.own_routers:
        patches = draw_patches(s, rng, len(patches))
    net = np.bincount(patches.ravel(), np.repeat(labels, s.n - 1), s.p)
    signs = np.array([1.0, -1.0])[: s.n_experts, None]
    noise = max(s.router_noise, 1e-6) * rng.standard_normal((s.n_experts, s.p + 2))
    known = signs * np.append(net, [s.n_positive, s.n_positive - s.n_train])
    if s.patterns is not None:
        noise = coupled_normals(s.patterns, noise)
        known = coupled_sums(s.patterns, known)
    known = known + noise
    return DrawnRouters(known[:, : s.p], known[:, s.p :].T)


def counts_of(s: TrainedSetting, patterns: Array, kept: Array, positive: Array) -> Array:
    """Return how often each input sends each pattern, shape (inputs, p + 2)."""
    n_inputs = len(patterns)
    rows, places = np.nonzero(patterns >= 0)
    at = rows * (s.p + 2) + patterns[rows, places]
    counts = np.bincount(at, minlength=n_inputs * (s.p + 2)).reshape(n_inputs, s.p + 2)
    counts = counts.astype(np.float64)
    counts[np.arange(n_inputs), np.where(positive, s.p, s.p + 1)] = kept
    return counts


def _batches(s: TrainedSetting, rng: np.random.Generator, n_steps: int) -> tuple[Array, Array]:
    """Return the batch of each sample in each epoch, (epochs, N), and the batch sizes."""
    places = np.arange(s.n_train) // s.batch_size
    sizes = np.bincount(places).astype(float)
    n_epochs = math.ceil(n_steps / len(sizes))
    return rng.permuted(np.tile(places, (n_epochs, 1)), axis=1), sizes


def occurrences_of(counts: Array) -> tuple[Array, Array]:
    """Return the samples that hold each pattern, repeated, and where each pattern's begin."""
    patterns, samples = np.nonzero(counts.T)
    times = counts.T[patterns, samples].astype(np.int64)
    owner = np.repeat(patterns, times)
    start: Array = np.searchsorted(owner, np.arange(counts.shape[1] + 1))
    return start, np.repeat(samples, times)


def _deciding_steps(s: TrainedSetting, labels: Array, counts: Array) -> int:
    """Return the steps after which the mean margin, at slopes of ½ and all units, would be 1."""
    gain = s.carriers * float(((labels @ counts) ** 2).sum())
    per_step = s.rate / 2 * s.scale * gain / s.n_train**2
    return max(1, math.ceil(1 / max(per_step, 1e-9)))
