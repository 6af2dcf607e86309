"""Ensembles of patterns and of samples, each standing for all of its kind in a large network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import stream
from moe_theory.theory.predictions.trained_kernels import surviving_units

Array = NDArray[Any]

# A pattern as a fresh input meets it, and as a training sample of class +1, or −1, meets it.
FRESH, POSITIVE, NEGATIVE = range(3)
# Pattern copies, training samples of each class, and fresh inputs of each class.
N_PATTERNS, N_SAMPLES, N_FRESH = 1500, 500, 4000


@dataclass(frozen=True)
class Setting:
    """The numbers of one training that matter to its outcome.

    Attributes
    ----------
    n, p, n_train : int
        Patches of an input, irrelevant patterns and samples N.
    n_positive : int
        N₊, the number of positive samples.
    n_experts, n_routed : int
        1 and n for the dense network, 2 and l for separate training.
    units : (int, int)
        Hidden units of one expert with positive and with negative output weight.
    init_std : float
        σ₀.
    scale : float
        The factor in front of the output, 1/n or 1/l.
    rate : float
        η times the output scale, by how much a patch moves a unit at slope 1.
    batch_size : int
        B <= N.
    target : float
        The mean loss at which training stops.
    router_noise : float
        ν = σ_r N/(η_r T_r), the initial router in units of one patch.
    own_routers : bool
        Whether the routers were trained on the same samples as the experts.
    """

    n: int
    p: int
    n_train: int
    n_positive: int
    n_experts: int
    n_routed: int
    units: tuple[int, int]
    init_std: float
    scale: float
    rate: float
    batch_size: int
    target: float
    router_noise: float = 0.0
    own_routers: bool = True

    @property
    def carriers(self) -> float:
        """κ̄, the mean number of units that carry a discriminative pattern in its expert."""
        return sum(self.units) / 4

    @property
    def class_sizes(self) -> tuple[int, int]:
        """N₊ and N₋."""
        return self.n_positive, self.n_train - self.n_positive


@dataclass(frozen=True, eq=False)
class Population:
    """A drawn population; arrays over patterns have M entries, over samples S.

    Attributes
    ----------
    setting : Setting
        What it was drawn for.
    start, mapped : array
        The training samples that hold pattern c, as members of the ensemble of samples:
        ``mapped[start[c]:start[c+1]]``.
    passes : bool array, shape (3, experts, occurrences)
        Which occurrences are routed, by how the pattern is met: FRESH, POSITIVE, NEGATIVE.
    ups, downs : array, shape (3, experts, M)
        Active units of positive and of negative output weight once signs are decided.
    classes : integer array, shape (S,)
        0 for y = +1, and 1 for y = −1.
    links : integer array, shape (S, experts, l)
        The patterns that a training sample sends to each expert, −1 for none.
    kept : array, shape (S, experts)
        Whether the discriminative patch is sent to the expert.
    fresh_classes, fresh_links, fresh_kept
        The same for fresh inputs.
    n_steps : int
        Steps in which the signs were decided.
    """

    setting: Setting
    start: Array
    mapped: Array
    passes: Array
    ups: Array
    downs: Array
    classes: Array
    links: Array
    kept: Array
    fresh_classes: Array
    fresh_links: Array
    fresh_kept: Array
    n_steps: int


def draw_population(setting: Setting, seed: int = 0) -> Population:
    """Draw the population of a setting.

    Parameters
    ----------
    setting : Setting
    seed : int
        Equal seeds give equal populations.

    Returns
    -------
    Population

    Notes
    -----
    Source: dossier §5.3 [D]; derivation in docs/theory/trained.md.

    Examples
    --------
    >>> setting = Setting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
    >>> population = draw_population(setting)
    >>> population.ups.shape, population.n_steps
    ((3, 1, 1500), 13)
    """
    s = setting
    rng = stream(seed, "trained population")
    n_patterns = N_PATTERNS
    labels = np.where(np.arange(s.n_train) < s.n_positive, 1.0, -1.0)
    occurrences = rng.poisson(s.n_train * (s.n - 1) / s.p, n_patterns)
    start = np.concatenate([[0], np.cumsum(occurrences)])
    entries = rng.integers(0, s.n_train, start[-1])
    entry_classes = (entries >= s.n_positive).astype(np.int64)
    classes = np.repeat([0, 1], N_SAMPLES)
    mapped = rng.integers(0, N_SAMPLES, start[-1]) + N_SAMPLES * entry_classes
    owner = np.repeat(np.arange(n_patterns), occurrences)
    scores = _scores(s, rng, np.bincount(owner, labels[entries], n_patterns))
    links, kept, thresholds = _route(s, rng, scores, classes, fresh=False)
    fresh_classes = np.repeat([0, 1], N_FRESH)
    fresh_links, fresh_kept, _ = _route(s, rng, scores, fresh_classes, fresh=True)
    passes = scores[:, :, owner] >= thresholds[mapped].T
    n_steps = _deciding_steps(s, owner, passes, labels[entries], classes, links, kept)
    first = s.init_std * rng.standard_normal((s.n_experts, n_patterns, sum(s.units)))
    extra = np.full((3, n_patterns), -1)
    extra[POSITIVE] = rng.integers(0, s.n_positive, n_patterns)
    extra[NEGATIVE] = rng.integers(s.n_positive, s.n_train, n_patterns)
    batches, sizes = _batches(s, rng, n_steps)
    ups, downs = np.zeros((2, *scores.shape))
    for met in range(3):
        for e in range(s.n_experts):
            surviving_units(
                start, entries, passes[met, e], extra[met], labels, batches, sizes, s.rate / 2,
                n_steps, first[e], s.units[0], ups[met, e], downs[met, e],
            )  # fmt: skip
    return Population(
        s, start, mapped, passes, ups, downs, classes, links, kept, fresh_classes, fresh_links,
        fresh_kept, n_steps,
    )  # fmt: skip


def _batches(s: Setting, rng: np.random.Generator, n_steps: int) -> tuple[Array, Array]:
    """Return the batch of each sample in each epoch, (epochs, N), and the batch sizes.

    All patterns share them: a batch with more positive than negative samples moves all patterns.
    """
    places = np.arange(s.n_train) // s.batch_size
    sizes = np.bincount(places).astype(float)
    n_epochs = math.ceil(n_steps / len(sizes))
    return rng.permuted(np.tile(places, (n_epochs, 1)), axis=1), sizes


def _scores(s: Setting, rng: np.random.Generator, net: Array) -> Array:
    """Return what each router gives to each pattern, (3, experts, M), in units of one patch."""
    if s.n_experts == 1:
        return np.zeros((3, 1, len(net)))
    own = np.array([0.0, 1.0, -1.0]) if s.own_routers else np.zeros(3)
    if not s.own_routers:
        both = [rng.poisson(size * (s.n - 1) / s.p, len(net)) for size in s.class_sizes]
        net = both[0] - both[1]
    signs = np.array([1.0, -1.0])[:, None]
    noise = max(s.router_noise, 1e-6) * rng.standard_normal((2, len(net)))
    scores: Array = signs * (net + own[:, None, None]) + noise
    return scores


def _route(
    s: Setting, rng: np.random.Generator, scores: Array, classes: Array, *, fresh: bool
) -> tuple[Array, Array, Array]:
    """Draw inputs and send their l best patches to each expert.

    Returns the patterns sent, whether the discriminative patch is, and the score that one more
    patch, in the place of the last, needs to be sent.
    """
    n_inputs, n_patterns = len(classes), scores.shape[2]
    drawn = rng.integers(0, n_patterns, (n_inputs, s.n - 1))
    kept = np.ones((n_inputs, s.n_experts))
    thresholds = np.full((n_inputs, s.n_experts), -np.inf)
    if s.n_routed == s.n:
        return np.repeat(drawn[:, None], s.n_experts, axis=1), kept, thresholds
    links = np.empty((n_inputs, s.n_experts, s.n_routed), np.int64)
    met = np.zeros(n_inputs, np.int64) if fresh else classes + 1
    for e in range(s.n_experts):
        discriminative = np.where(classes == 0, s.n_positive, s.n_positive - s.n_train)
        of_all = np.column_stack(
            [(1 - 2 * e) * discriminative, scores[met[:, None], e, drawn]]
        ) + 1e-7 * rng.standard_normal((n_inputs, s.n))
        best = np.argpartition(-of_all, s.n_routed - 1, axis=1)[:, : s.n_routed]
        kept[:, e] = (best == 0).any(axis=1)
        links[:, e] = np.where(
            best == 0, -1, np.take_along_axis(drawn, np.maximum(best - 1, 0), axis=1)
        )
        if s.n_routed < s.n:
            others = of_all[:, :-1]
            at = s.n - 1 - s.n_routed
            thresholds[:, e] = np.partition(others, at, axis=1)[:, at]
    return links, kept, thresholds


def _deciding_steps(  # noqa: PLR0917
    s: Setting, owner: Array, passes: Array, signs: Array, classes: Array, links: Array, kept: Array
) -> int:
    """Return the steps after which the mean margin, at slopes of ½, would be 1."""
    n_patterns = passes.shape[2] and int(owner[-1]) + 1
    total = 0.0
    of_class = np.array(s.class_sizes, float)
    for e in range(s.n_experts):
        for side, sign in enumerate((1.0, -1.0)):
            mine = classes == side
            seen = passes[side + 1, e]
            net = np.bincount(owner[seen], signs[seen], max(n_patterns, links.max() + 1)) + sign
            held = links[mine, e]
            gain = np.where(held >= 0, sign * net[np.maximum(held, 0)], 0.0).sum(axis=1).mean()
            own = of_class[side] * kept[mine, e].mean()
            total += (gain + own) / 2
    per_step = s.carriers * s.rate / 2 * total / s.n_train * s.scale
    return max(1, math.ceil(1 / max(per_step, 1e-9)))
