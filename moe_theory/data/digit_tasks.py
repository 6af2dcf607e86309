"""`DigitTasks`: several pairs of discriminative digits, some seen more often than others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed
from moe_theory._validation import integer, read_only, reject, set_fields
from moe_theory.data.digit_images import digit_tuple
from moe_theory.data.digit_pools import draw_by_sign
from moe_theory.data.digits import DigitPatches
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import SPLITS, split_stream
from moe_theory.data.tasks import check_frequencies


@dataclass(frozen=True, eq=False)
class DigitTasks:
    """Inputs of ``base`` in which each class shows one of several digits.

    Every input belongs to one task t, drawn by ``frequencies``. Its discriminative patch shows
    the first digit of pair t if y = +1 and the second if y = −1. No digit of a pair is an
    irrelevant one. Two pairs with frequencies (1 − α, α) are *frequent and rare features*.

    Parameters
    ----------
    base : DigitPatches
        Law of all else, and the digits of task 0.
    others : tuple of (int, int)
        Digits of the tasks 1, 2, …
    frequencies : tuple of float
        Probability of each task, in [0, 1]; their sum is 1.

    Raises
    ------
    ValueError
        If a value is out of range, a digit occurs twice or in no image of a pool, or no irrelevant
        digit is left.

    Notes
    -----
    Source: the digit patches are those of P23's released code; frequent and rare features follow
    P26, as a modelling choice.

    Examples
    --------
    >>> model = DigitTasks(DigitPatches(n_patches=4), frequencies=(0.9, 0.1))
    >>> model.sample(100, seed=0).tasks.mean() < 0.2
    np.True_
    """

    base: DigitPatches = field(default_factory=DigitPatches)
    others: tuple[tuple[int, int], ...] = ((7, 6),)
    frequencies: tuple[float, ...] = (0.5, 0.5)
    _plain: DigitPatches = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.base, DigitPatches):
            raise reject("base", self.base, "a DigitPatches")
        frequencies = check_frequencies(self.frequencies)
        if not isinstance(self.others, tuple | list):
            raise reject("others", self.others, "a tuple of pairs of digits")
        if len(frequencies) != 1 + len(self.others):
            allowed = f"{1 + len(self.others)} probabilities, one per task"
            raise reject("frequencies", self.frequencies, allowed)
        taken: tuple[int, ...] = (self.base.positive_digit, self.base.negative_digit)
        others: list[tuple[int, int]] = []
        for pair in self.others:
            first, *rest = digits = digit_tuple("others", pair, taken)
            if len(digits) != 2:
                raise reject("others", pair, "pairs of digits")
            for split in SPLITS:
                self.base.rows(split, *digits)
            others.append((first, rest[0]))
            taken = (*taken, *digits)
        left = tuple(digit for digit in self.base.irrelevant_digits if digit not in taken)
        if not left and self.base.n_patches > 1:
            raise reject(
                "others", self.others, f"such that one of {self.base.irrelevant_digits} is left"
            )
        set_fields(
            self,
            others=tuple(others),
            frequencies=frequencies,
            _plain=replace(self.base, irrelevant_digits=left),
        )

    @property
    def n_patches(self) -> int:
        """n, the number of patches of one input."""
        return self.base.n_patches

    @property
    def patch_dim(self) -> int:
        """Number d = h·w of pixels of one patch."""
        return self.base.patch_dim

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.frequencies)

    def only(self, task: int) -> DigitTasks:
        """Return the same law with inputs of one task alone.

        Raises
        ------
        ValueError
            If there is no such task.

        Examples
        --------
        >>> DigitTasks().only(1).frequencies
        (0.0, 1.0)
        """
        task = integer("task", task, 0, self.n_tasks - 1)
        return replace(self, frequencies=tuple(float(t == task) for t in range(self.n_tasks)))

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs from the pool of ``split`` as `DataModel.sample` says.

        Returns
        -------
        PatchData
            With the task of each input; its dictionary is the pool.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> set(DigitTasks().only(1).sample(5, seed=0).tasks.tolist())
        {1}
        """
        plain = self._plain.sample(n_samples, seed, split=split)
        assert plain.positions is not None
        tasks = split_stream(seed, split, "tasks").choice(
            self.n_tasks, plain.n_samples, p=self.frequencies
        )
        indices = plain.indices.copy()
        for task, (first, second) in enumerate(self.others, start=1):
            rows: NDArray[np.intp] = np.flatnonzero(tasks == task)
            rng = split_stream(seed, split, f"task {task}")
            # A draw for every input, so that those of one task do not depend on frequencies.
            shown = self.base.rows(split, first), self.base.rows(split, second)
            drawn = draw_by_sign(*shown, plain.labels, rng)
            indices[rows, plain.positions[rows]] = drawn[rows]
        return replace(plain, indices=read_only(indices), tasks=read_only(tasks.astype(np.int32)))
