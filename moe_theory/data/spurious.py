"""`SpuriousPatch`: a second pattern that agrees with the label only most of the time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed
from moe_theory._validation import integer, read_only, real, reject, set_fields
from moe_theory.data.dictionary import check_dimension, pattern_basis
from moe_theory.data.digit_images import digit_tuple
from moe_theory.data.digit_pools import draw_by_sign
from moe_theory.data.digits import DigitPatches
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns
from moe_theory.data.protocol import split_stream


@dataclass(frozen=True)
class SpuriousPatch:
    """Inputs of ``base`` in which a spurious patch stands in for one irrelevant patch.

    The spurious patch, at a uniformly random place, speaks for a label: for y itself with
    probability ρ, independently for each input, and for −y otherwise. ρ may differ between
    training and testing, so that a network that relied on the patch shows it in the test error.

    Parameters
    ----------
    base : PatchPatterns or DigitPatches
        Law of all else, with n >= 2.
    rho_train, rho_test : float
        Probability of agreement, in [0, 1], in either split.
    digits : (int, int), optional
        For digits: the spurious patch shows the first for +1, the second for −1, and neither is
        an irrelevant digit any more. (2, 3) if left out. For patterns it must be left out: the
        spurious patches are two more patterns s₁, s₂, orthogonal to all others, without spread.

    Raises
    ------
    ValueError
        If a value is out of range, or d < p + 4 for patterns, or no irrelevant digit is left.

    Notes
    -----
    The discriminative patches, and the irrelevant patches of patterns, are those that ``base``
    draws from the same seed.

    Source: that routing can avoid spurious correlations is a claim of P23; this law is a modelling
    choice.

    Examples
    --------
    >>> base = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=12)
    >>> data = SpuriousPatch(base, rho_train=1.0).sample(20, seed=0)
    >>> bool((data.spurious_signs == data.labels).all())
    True
    """

    base: PatchPatterns | DigitPatches
    rho_train: float
    rho_test: float = 0.5
    digits: tuple[int, int] | None = None
    _plain: PatchPatterns | DigitPatches = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        base = self.base
        if not isinstance(base, PatchPatterns | DigitPatches):
            raise reject("base", base, "a PatchPatterns or DigitPatches")
        integer("base.n_patches", base.n_patches, 2)
        set_fields(
            self,
            rho_train=real("rho_train", self.rho_train, 0, 1),
            rho_test=real("rho_test", self.rho_test, 0, 1),
            _plain=base,
        )
        if isinstance(base, DigitPatches):
            digits = _spurious_digits((2, 3) if self.digits is None else self.digits, base)
            set_fields(self, digits=digits, _plain=_without(base, digits))
        elif self.digits is not None:
            raise reject("digits", self.digits, "left out where base is a PatchPatterns")
        else:
            check_dimension(base.patch_dim, base.n_irrelevant, extra=4)

    @property
    def n_patches(self) -> int:
        """n, the number of patches of one input."""
        return self.base.n_patches

    @property
    def patch_dim(self) -> int:
        """d, the dimension of one patch."""
        return self.base.patch_dim

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs as `DataModel.sample` says; ``split`` also chooses ρ.

        Returns
        -------
        PatchData
            With spurious places and signs. For patterns of spread 0 its dictionary is that of
            ``base`` with s₁, s₂ as two more rows.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> model = SpuriousPatch(DigitPatches(n_patches=3), rho_train=0.9)
        >>> data = model.sample(5, 0, split="test")
        >>> bool((data.spurious_positions != data.positions).all())
        True
        """
        plain = self._plain.sample(n_samples, seed, split=split)
        assert plain.positions is not None
        rng = split_stream(seed, split, "spurious")
        rho = self.rho_train if split == "train" else self.rho_test
        agrees = rng.random(plain.n_samples) < rho
        signs = read_only(np.where(agrees, plain.labels, -plain.labels).astype(np.int8))
        steps = rng.integers(1, plain.n_patches, plain.n_samples, dtype=np.int32)
        places = read_only((plain.positions + steps) % plain.n_patches)
        dictionary, indices = self._content(plain, places, signs, split, seed)
        return replace(
            plain,
            dictionary=dictionary,
            indices=indices,
            spurious_positions=places,
            spurious_signs=signs,
        )

    def _content(
        self,
        plain: PatchData,
        places: NDArray[np.int32],
        signs: NDArray[np.int8],
        split: str,
        seed: Seed,
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.int32]]:
        """Return dictionary and indices of ``plain`` with the spurious patches put in."""
        rows = np.arange(plain.n_samples)
        second = (signs < 0).astype(np.int32)
        if isinstance(self._plain, PatchPatterns) and not self._plain.is_finite:
            dictionary = plain.dictionary.copy()
            dictionary[plain.indices[rows, places]] = _spurious_patterns(self._plain)[second]
            return read_only(dictionary), plain.indices
        indices = plain.indices.copy()
        if isinstance(self._plain, PatchPatterns):
            indices[rows, places] = plain.n_patterns + second
            return _extended(self._plain), read_only(indices)
        assert self.digits is not None
        rng = split_stream(seed, split, "spurious image")
        shown = self._plain.rows(split, self.digits[0]), self._plain.rows(split, self.digits[1])
        indices[rows, places] = draw_by_sign(*shown, signs, rng)
        return plain.dictionary, read_only(indices)


def _spurious_patterns(model: PatchPatterns) -> NDArray[np.float64]:
    """Return s₁, s₂, shape (2, d)."""
    basis = pattern_basis(model.n_irrelevant, model.patch_dim, model.dictionary_seed)
    return np.asarray(basis[model.n_irrelevant + 2 :])


@lru_cache(maxsize=16)
def _extended(model: PatchPatterns) -> NDArray[np.float64]:
    """Return the dictionary with s₁, s₂ as its last rows."""
    rows = np.concatenate([model.dictionary, _spurious_patterns(model)])
    rows.flags.writeable = False
    return rows


def _spurious_digits(digits: object, base: DigitPatches) -> tuple[int, int]:
    taken = (base.positive_digit, base.negative_digit)
    chosen = digit_tuple("digits", digits, taken)
    if len(chosen) != 2:
        raise reject("digits", digits, f"two digits in [0, 9] without {taken}")
    for split in ("train", "test"):
        base.rows(split, *chosen)
    return chosen[0], chosen[1]


def _without(base: DigitPatches, digits: tuple[int, int]) -> DigitPatches:
    """Return ``base`` with fewer irrelevant digits; with n = 2 none of them is ever seen."""
    left = tuple(digit for digit in base.irrelevant_digits if digit not in digits)
    if base.n_patches == 2:
        return base
    if not left:
        raise reject("digits", digits, f"such that one of {base.irrelevant_digits} is left")
    return replace(base, irrelevant_digits=left)
