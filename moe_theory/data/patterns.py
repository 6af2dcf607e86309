"""`PatchPatterns`: one discriminative pattern among patches of irrelevant patterns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from moe_theory._random import Seed, normals
from moe_theory._validation import boolean, countable, integer, read_only, real, reject, set_fields
from moe_theory.data.dictionary import check_dimension, pattern_dictionary
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import check_fraction, check_spread, draw_layout, split_stream


@dataclass(frozen=True)
class PatchPatterns:
    """Inputs of n patches, one of which, at a uniformly random place, tells the label.

    The discriminative patch is o₁ if y = +1 and o₂ if y = −1. The other n − 1 are drawn
    independently and uniformly from p irrelevant patterns q, whatever y is. All patterns have
    unit norm; they are orthogonal to each other except ⟨o₁, o₂⟩ = δ_d and the *closer* ones.

    Parameters
    ----------
    n_patches : int
        n >= 1.
    n_irrelevant : int
        p >= 1; 0 is allowed if n = 1.
    patch_dim : int
        d >= p + 2.
    delta_d : float
        δ_d = ⟨o₁, o₂⟩ in (−1, 1).
    spread : float
        σ >= 0, the standard deviation per coordinate of Gaussian noise N(0, σ²·I_d) around the
        centre q of an irrelevant patch. With σ = 0 the data have a finite dictionary.
    balanced : bool
        Whether the number of positive labels is fixed (see `draw_labels`) or random.
    positive_fraction : float
        Fraction of positive labels, in (0, 1).
    n_closer : (int, int)
        Numbers c₁, c₂ of irrelevant centres that lie closer to o₁ and to o₂: they come first
        and second among the p; the rest are neutral, ⟨o₁ − o₂, q⟩ = 0.
    closeness : float
        Closer centres have ⟨o₁ − o₂, q⟩ = ±closeness·(1 − δ_d); at 1 they tie with the
        discriminative patch. In (0, √(2/(1 − δ_d))]; at the upper end all centres of one side
        coincide.
    max_closer : int, optional
        Largest number, in [0, n − 1], of o₁-closer patches in one input, and likewise of
        o₂-closer ones. Surplus ones, chosen at random, are redrawn from the neutral centres.
    dictionary_seed : int
        Seed of the random orthonormal basis.

    Raises
    ------
    ValueError
        If a value is out of range, d < p + 2, or a limit is set but no centre is neutral.

    Notes
    -----
    o₁ and o₂ lie symmetric about the first basis vector, in the plane of the first two. A centre
    closer to o₁ (o₂) is q = ±c·u + √(1−c²)·e, where u = (o₁ − o₂)/‖o₁ − o₂‖,
    c = closeness·√((1 − δ_d)/2) and e is a basis vector of its own.

    Source: a modelling choice, after the data of P23.

    Examples
    --------
    >>> model = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=12, delta_d=0.5)
    >>> round(float(model.o1 @ model.o2), 12)
    0.5
    >>> data = model.sample(6, seed=0)
    >>> data.n_patterns, int(data.labels.sum())
    (10, 0)
    """

    n_patches: int
    n_irrelevant: int
    patch_dim: int
    delta_d: float = 0.0
    spread: float = 0.0
    balanced: bool = True
    positive_fraction: float = 0.5
    n_closer: tuple[int, int] = (0, 0)
    closeness: float = 1.0
    max_closer: int | None = None
    dictionary_seed: int = 0

    def __post_init__(self) -> None:
        n = countable("n_patches", self.n_patches, 1)
        p = countable("n_irrelevant", self.n_irrelevant, 0 if n == 1 else 1)
        delta_d = real("delta_d", self.delta_d, -1, 1, open_low=True, open_high=True)
        highest = math.sqrt(2 / (1 - delta_d))
        set_fields(
            self,
            n_patches=n,
            n_irrelevant=p,
            patch_dim=check_dimension(self.patch_dim, p),
            delta_d=delta_d,
            spread=check_spread(self.spread),
            balanced=boolean("balanced", self.balanced),
            positive_fraction=check_fraction("positive_fraction", self.positive_fraction),
            n_closer=_closer_counts(self.n_closer, p),
            closeness=real("closeness", self.closeness, 0, highest, open_low=True),
            dictionary_seed=integer("dictionary_seed", self.dictionary_seed, 0),
        )
        if self.max_closer is not None:
            limit = integer("max_closer", self.max_closer, 0, n - 1)
            if limit < n - 1 and p == sum(self.n_closer):
                allowed = f"None or {n - 1}, as n_closer leaves no neutral pattern to redraw from"
                raise reject("max_closer", limit, allowed)
            set_fields(self, max_closer=limit)

    @property
    def is_finite(self) -> bool:
        """Whether every patch is a row of `dictionary`, i.e. the spread is 0."""
        return self.spread == 0

    @property
    def dictionary(self) -> NDArray[np.float64]:
        """Patterns [o₁, o₂, q₁ … q_p], shape (p + 2, d), read-only."""
        basis_key = self.n_irrelevant, self.patch_dim, self.dictionary_seed
        return pattern_dictionary(basis_key, self.delta_d, self.n_closer, self.closeness)

    @property
    def o1(self) -> NDArray[np.float64]:
        """o₁, the pattern of class +1, shape (d,)."""
        return np.asarray(self.dictionary[0])

    @property
    def o2(self) -> NDArray[np.float64]:
        """o₂, the pattern of class −1, shape (d,)."""
        return np.asarray(self.dictionary[1])

    @property
    def l_star(self) -> int:
        """l*, the least l at which a router aligned with ±(o₁ − o₂) is sure to keep o₁ (o₂).

        Sure: for every input that can occur, however ties are broken. With ``spread`` > 0 it
        speaks of the centres only: noise can lift any patch.

        Source: after l* of P23, in this package's words.

        Examples
        --------
        >>> PatchPatterns(16, 8, 10, n_closer=(2, 0), max_closer=3).l_star
        4
        """
        return self.l_star_at(1 - self.delta_d)

    def l_star_at(self, delta_prime: float) -> int:
        """Return one more than the largest number of δ′-closer patches one input can hold.

        A patch q counts if ⟨o₁ − o₂, q⟩ >= δ′ (class +1) or ⟨o₂ − o₁, q⟩ >= δ′ (class −1).
        At δ′ = 1 − δ_d, the score of the discriminative patch, this is `l_star`; a router with
        a relative error ε′ in its scores needs about δ′ = (1 − ε′)(1 − δ_d).

        Ties count, as they can displace a patch; the count comes from the parameters, so that
        rounding of the dictionary cannot break a tie.

        Source: after P23, in this package's words.

        Raises
        ------
        ValueError
            If ``delta_prime`` is not finite and positive; at 0 every patch would count.

        Examples
        --------
        >>> model = PatchPatterns(16, 8, 10, n_closer=(2, 0), closeness=0.5)
        >>> model.l_star, model.l_star_at(0.4)
        (1, 16)
        """
        delta_prime = real("delta_prime", delta_prime, 0, open_low=True)
        if not any(self.n_closer) or self.closeness * (1 - self.delta_d) < delta_prime:
            return 1
        return 1 + self.most_closer

    @property
    def most_closer(self) -> int:
        """Largest number of closer patches of one side in one input."""
        return self.n_patches - 1 if self.max_closer is None else self.max_closer

    @property
    def has_surplus(self) -> bool:
        """Whether an input can draw more closer patches of one side than it may hold."""
        return any(self.n_closer) and self.most_closer < self.n_patches - 1

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs as `DataModel.sample` says; the dictionary does not depend on ``seed``.

        Returns
        -------
        PatchData
            On `dictionary` if ``spread`` is 0, otherwise with all N·n patches as its rows.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> model = PatchPatterns(n_patches=3, n_irrelevant=5, patch_dim=7, spread=0.1)
        >>> model.sample(4, 0, split="test").patches().shape
        (4, 3, 7)
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
        rows = np.arange(len(labels))
        rng = split_stream(seed, split, "irrelevant")
        size = (len(labels), self.n_patches)
        # With p = 0 the only patch is overwritten below.
        indices = rng.integers(2, 2 + max(self.n_irrelevant, 1), size, dtype=np.int32)
        indices[rows, positions] = labels < 0
        if self.has_surplus:
            redraw_surplus(self, indices, 2, split_stream(seed, split, "surplus"))
        if self.is_finite:
            dictionary: NDArray[np.float64] = self.dictionary
        else:
            patches = normals(split_stream(seed, split, "spread"), (*size, self.patch_dim))
            patches *= self.spread
            patches[rows, positions] = 0
            patches += self.dictionary[indices]
            dictionary = read_only(patches.reshape(-1, self.patch_dim))
            indices = np.arange(indices.size, dtype=np.int32).reshape(size)
        return PatchData(
            dictionary, read_only(indices), read_only(labels), positions=read_only(positions)
        )


def redraw_surplus(
    patterns: PatchPatterns, indices: NDArray[Any], first: int, rng: Generator
) -> None:
    """Replace in place the closer patches above the limit, a random subset of them.

    ``indices`` (inputs, places) number the centres from ``first`` on.
    """
    limit, first_neutral = patterns.most_closer, first + sum(patterns.n_closer)
    second = first + patterns.n_closer[0]
    for low, high in ((first, second), (second, first_neutral)):
        closer = (indices >= low) & (indices < high)
        rows = np.flatnonzero(closer.sum(axis=1) > limit)
        # The patches with the smallest keys stay, so that no place is favoured.
        keys = np.where(closer[rows], rng.random((len(rows), indices.shape[1])), np.inf)
        cut = np.partition(keys, limit, axis=1)[:, limit, None]
        row, place = np.nonzero(closer[rows] & (keys >= cut))
        last = first + patterns.n_irrelevant
        indices[rows[row], place] = rng.integers(first_neutral, last, len(row), dtype=np.int32)


def _closer_counts(n_closer: object, n_irrelevant: int) -> tuple[int, int]:
    allowed = f"two integers >= 0 whose sum is at most n_irrelevant = {n_irrelevant}"
    if not isinstance(n_closer, tuple | list) or len(n_closer) != 2:
        raise reject("n_closer", n_closer, allowed)
    first, second = (integer("n_closer", count, 0) for count in n_closer)
    if first + second > n_irrelevant:
        raise reject("n_closer", n_closer, allowed)
    return first, second
