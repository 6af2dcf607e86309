"""`TaskPatterns`: several pairs of discriminative patterns, some seen more often than others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed, normals
from moe_theory._validation import boolean, countable, integer, read_only, real, reject, set_fields
from moe_theory.data.dictionary import check_dimension, pattern_basis
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import check_fraction, check_spread, draw_layout, split_stream


@dataclass(frozen=True)
class TaskPatterns:
    """Inputs of n patches, one of which shows o₁ or o₂ of one of several tasks.

    Every input belongs to one task t, drawn by ``frequencies``. Its discriminative patch, at a
    uniformly random place, is o₁⁽ᵗ⁾ if y = +1 and o₂⁽ᵗ⁾ if y = −1; the other n − 1 are drawn
    independently and uniformly from p irrelevant patterns. All patterns are orthonormal.

    Two tasks with frequencies (1 − α, α) are the *frequent and rare features* of each class.

    Parameters
    ----------
    n_patches : int
        n >= 1.
    n_irrelevant : int
        p >= 1; 0 is allowed if n = 1.
    patch_dim : int
        d >= p + 2·(number of tasks).
    frequencies : tuple of float
        Probability of each task, in [0, 1]; their sum is 1.
    spread : float
        σ >= 0, the standard deviation per coordinate of Gaussian noise around the centre of an
        irrelevant patch. With σ = 0 the data have a finite dictionary.
    balanced : bool
        Whether the number of positive labels is fixed (see `draw_labels`) or random.
    positive_fraction : float
        Fraction of positive labels, in (0, 1).
    dictionary_seed : int
        Seed of the random orthonormal basis.

    Raises
    ------
    ValueError
        If a value is out of range, or d is too small for so many patterns.

    Notes
    -----
    Source: a modelling choice, after the fine-tuning tasks of P24 and the frequent and rare
    features of P26.

    Examples
    --------
    >>> model = TaskPatterns(4, 8, 16, frequencies=(0.5, 0.25, 0.25))
    >>> data = model.sample(100, seed=0)
    >>> data.n_patterns, sorted(set(data.tasks.tolist()))
    (14, [0, 1, 2])
    """

    n_patches: int
    n_irrelevant: int
    patch_dim: int
    frequencies: tuple[float, ...] = (0.5, 0.5)
    spread: float = 0.0
    balanced: bool = True
    positive_fraction: float = 0.5
    dictionary_seed: int = 0

    def __post_init__(self) -> None:
        n = countable("n_patches", self.n_patches, 1)
        p = countable("n_irrelevant", self.n_irrelevant, 0 if n == 1 else 1)
        frequencies = check_frequencies(self.frequencies)
        set_fields(
            self,
            n_patches=n,
            n_irrelevant=p,
            frequencies=frequencies,
            patch_dim=check_dimension(self.patch_dim, p, extra=2 * len(frequencies)),
            spread=check_spread(self.spread),
            balanced=boolean("balanced", self.balanced),
            positive_fraction=check_fraction("positive_fraction", self.positive_fraction),
            dictionary_seed=integer("dictionary_seed", self.dictionary_seed, 0),
        )

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.frequencies)

    @property
    def is_finite(self) -> bool:
        """Whether every patch is a row of `dictionary`, i.e. the spread is 0."""
        return self.spread == 0

    @property
    def dictionary(self) -> NDArray[np.float64]:
        """Patterns [o₁⁽⁰⁾, o₂⁽⁰⁾, o₁⁽¹⁾, … q₁ … q_p], shape (2·tasks + p, d), read-only."""
        n_others = self.n_irrelevant + 2 * (self.n_tasks - 1)
        basis = pattern_basis(n_others, self.patch_dim, self.dictionary_seed)
        return np.asarray(basis[: n_others + 2])

    def pair(self, task: int) -> NDArray[np.float64]:
        """Return o₁ and o₂ of a task, shape (2, d).

        Raises
        ------
        ValueError
            If there is no such task.
        """
        first = 2 * integer("task", task, 0, self.n_tasks - 1)
        return self.dictionary[first : first + 2]

    def only(self, task: int) -> TaskPatterns:
        """Return the same law with inputs of one task alone; patterns and their rows stay.

        Raises
        ------
        ValueError
            If there is no such task.

        Examples
        --------
        >>> TaskPatterns(4, 8, 12).only(1).frequencies
        (0.0, 1.0)
        """
        task = integer("task", task, 0, self.n_tasks - 1)
        return replace(self, frequencies=tuple(float(t == task) for t in range(self.n_tasks)))

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs as `DataModel.sample` says; the dictionary does not depend on ``seed``.

        Returns
        -------
        PatchData
            With the task of each input; on `dictionary` if ``spread`` is 0, otherwise with all
            N·n patches as its rows.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> data = TaskPatterns(4, 8, 12).only(1).sample(5, seed=0)
        >>> data.indices[range(5), data.positions].min() >= 2
        np.True_
        """
        labels, positions = draw_layout(
            n_samples,
            seed,
            split,
            n_patches=self.n_patches,
            positive_fraction=self.positive_fraction,
            balanced=self.balanced,
            own_dim=0 if self.is_finite else self.patch_dim,
        )
        rows, size = np.arange(len(labels)), (len(labels), self.n_patches)
        tasks = split_stream(seed, split, "tasks").choice(
            self.n_tasks, len(labels), p=self.frequencies
        )
        first = 2 * self.n_tasks
        rng = split_stream(seed, split, "irrelevant")
        # With p = 0 the only patch is overwritten below.
        indices = rng.integers(first, first + max(self.n_irrelevant, 1), size, dtype=np.int32)
        indices[rows, positions] = 2 * tasks + (labels < 0)
        dictionary: NDArray[np.float64] = self.dictionary
        if not self.is_finite:
            patches = normals(split_stream(seed, split, "spread"), (*size, self.patch_dim))
            patches *= self.spread
            patches[rows, positions] = 0
            patches += dictionary[indices]
            dictionary = read_only(patches.reshape(-1, self.patch_dim))
            indices = np.arange(indices.size, dtype=np.int32).reshape(size)
        return PatchData(
            dictionary,
            read_only(indices),
            read_only(labels),
            positions=read_only(positions),
            tasks=read_only(tasks.astype(np.int32)),
        )


def check_frequencies(values: object) -> tuple[float, ...]:
    """Return ``values`` as a tuple of probabilities if they are some whose sum is 1.

    Examples
    --------
    >>> check_frequencies([0.9, 0.1])
    (0.9, 0.1)
    """
    if not isinstance(values, tuple | list) or not values:
        raise reject("frequencies", values, "a tuple of at least one probability")
    checked = tuple(real("frequencies", value, 0, 1) for value in values)
    if not math.isclose(sum(checked), 1.0, abs_tol=1e-9):
        raise reject("frequencies", values, "probabilities whose sum is 1")
    return checked
