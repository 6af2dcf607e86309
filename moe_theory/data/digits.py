"""`DigitPatches`: inputs whose patches are images of digits; one of them tells the label."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from moe_theory._random import Seed
from moe_theory._validation import boolean, integer, read_only, reject, set_fields
from moe_theory.data.digit_pools import (
    ANY_POOLS,
    DigitPools,
    bundled_pools,
    choose_test,
    groups,
    make_pools,
    read_digits,
    read_pixels,
)
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import SPLITS, check_fraction, draw_layout, split_stream


@dataclass(frozen=True, eq=False)
class DigitPatches:
    """Inputs of n digit images, one of which, at a uniformly random place, tells the label.

    The discriminative patch shows ``positive_digit`` if y = +1 and ``negative_digit`` if y = −1.
    The other n − 1 are uniform over the pooled images of the irrelevant digits. All images are
    drawn independently, with replacement, from the pool of the split. Without ``pools`` they
    are scikit-learn's 1,797 bundled digits of 8×8 pixels.

    Parameters
    ----------
    n_patches : int
        n >= 1.
    positive_digit, negative_digit : int
        Two different digits.
    irrelevant_digits : tuple of int
        Different from these and each other; may be empty if n = 1.
    balanced, positive_fraction
        Law of the labels, as for `PatchPatterns`.
    test_fraction : float
        Fraction, in (0, 1), of each digit's images that goes to the test pool. Images equal in
        every pixel go to one side together.
    split_seed : int
        Seed of that split. It and ``test_fraction`` mean nothing where test images are given.
    pools : DigitPools, optional
        Made by `from_arrays` or `from_openml`.

    Raises
    ------
    ValueError
        If a value is out of range or a pool has no image of a needed digit.

    Notes
    -----
    Source: dossier §2 [S, released code of P23].

    Examples
    --------
    >>> data = DigitPatches().sample(100, seed=0)
    >>> data.n_patches, data.image_shape, int(data.labels.sum())
    (16, (8, 8), 0)
    """

    n_patches: int = 16
    positive_digit: int = 1
    negative_digit: int = 0
    irrelevant_digits: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9)
    balanced: bool = True
    positive_fraction: float = 0.5
    test_fraction: float = 0.5
    split_seed: int = 0
    pools: DigitPools | None = None

    def __post_init__(self) -> None:
        n = integer("n_patches", self.n_patches, 1)
        positive = integer("positive_digit", self.positive_digit, 0, 9)
        negative = integer("negative_digit", self.negative_digit, 0, 9)
        if negative == positive:
            raise reject("negative_digit", negative, f"another than positive_digit = {positive}")
        taken = (positive, negative)
        irrelevant = digit_tuple("irrelevant_digits", self.irrelevant_digits, taken)
        if not irrelevant and n > 1:
            raise reject("irrelevant_digits", irrelevant, "at least one digit where n_patches > 1")
        set_fields(
            self,
            n_patches=n,
            positive_digit=positive,
            negative_digit=negative,
            irrelevant_digits=irrelevant,
            balanced=boolean("balanced", self.balanced),
            positive_fraction=check_fraction("positive_fraction", self.positive_fraction),
            test_fraction=check_fraction("test_fraction", self.test_fraction),
            split_seed=integer("split_seed", self.split_seed, 0),
        )
        if self.pools is None:
            set_fields(self, pools=bundled_pools(self.test_fraction, self.split_seed))
        for split in SPLITS:
            for digit in (*taken, *(irrelevant if n > 1 else ())):
                self.rows(split, digit)

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike | Sequence[ArrayLike],
        labels: ArrayLike,
        test_images: ArrayLike | Sequence[ArrayLike] | None = None,
        test_labels: ArrayLike | None = None,
        **options: Any,
    ) -> DigitPatches:
        """Build on your own images.

        Parameters
        ----------
        images : array, shape (M, h, w), or sequence of M arrays of shape (h, w)
            Of type uint8 (then scaled by 1/255) or floating (then in [0, 1]).
        labels : integer array, shape (M,)
            The digit, 0 to 9, that each image shows.
        test_images, test_labels : optional
            The test pool; without it ``test_fraction`` of ``images`` is split off.
        **options
            Other fields of the class.

        Raises
        ------
        ValueError
            As for the class; also if the images are not as described, or a test image equals a
            training image in every pixel.

        Examples
        --------
        >>> images = np.random.default_rng(0).random((40, 5, 4))
        >>> DigitPatches.from_arrays(images, np.arange(40) % 10, n_patches=3).pools
        DigitPools(5x4 pixels, train=20, test=20)
        """
        settings = cls(**options, pools=ANY_POOLS)
        pixels, shape = read_pixels("images", images)
        digits = read_digits("labels", labels, len(pixels))
        if test_images is None:
            if test_labels is not None:
                raise ValueError("test_labels must be left out where test_images are")
            to_test = choose_test(pixels, digits, settings.test_fraction, settings.split_seed)
        else:
            for name in sorted({"test_fraction", "split_seed"} & options.keys()):
                raise reject(name, options[name], "left out where test_images are given")
            test_pixels, test_shape = read_pixels("test_images", test_images)
            if test_shape != shape:
                raise reject("test_images", test_shape, f"of the size {shape} of images")
            test_digits = read_digits("test_labels", test_labels, len(test_pixels))
            to_test = np.arange(len(pixels) + len(test_pixels)) >= len(pixels)
            pixels = np.concatenate([pixels, test_pixels])
            digits = np.concatenate([digits, test_digits])
            group = groups(pixels)[1]
            if shared := int(np.isin(group[to_test], group[~to_test]).sum()):
                raise ValueError(f"test_images must not be among images; got {shared} that are")
        return replace(settings, pools=make_pools(pixels, digits, to_test, shape))

    @classmethod
    def from_npz(cls, path: str | os.PathLike[str], **options: Any) -> DigitPatches:
        """Build on an npz file whose arrays are the arguments of `from_arrays`.

        Raises
        ------
        ValueError
            As for `from_arrays`; also if the file does not exist or its arrays have other names.
        """
        if not Path(path).is_file():
            raise reject("path", os.fspath(path), "an npz file that exists")
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        known = {"images", "labels", "test_images", "test_labels"}
        if not {"images", "labels"} <= arrays.keys() <= known:
            allowed = f"a file with images, labels and at most {sorted(known)}"
            raise reject("path", f"{os.fspath(path)} with {sorted(arrays)}", allowed)
        return cls.from_arrays(**arrays, **options)

    @classmethod
    def from_openml(cls, name: str = "mnist_784", version: int = 1, **options: Any) -> DigitPatches:
        """Build on square images with pixels in [0, 255], downloaded from openml.org.

        Raises
        ------
        ValueError
            As for `from_arrays`; also if the images are not square.
        """
        from sklearn.datasets import fetch_openml  # noqa: PLC0415 (slow to import)

        cls(**options, pools=ANY_POOLS)
        # The parser that scikit-learn prefers needs pandas, which is no dependency here.
        parser = "auto" if find_spec("pandas") else "liac-arff"
        found = fetch_openml(name, version=version, as_frame=False, parser=parser)
        images = np.asarray(found.data, dtype=np.float32) / 255
        side = math.isqrt(images.shape[1])
        if side * side != images.shape[1]:
            raise reject("name", name, f"a set of square images, not of {images.shape[1]} pixels")
        digits = np.asarray(found.target).astype(np.int64)
        return cls.from_arrays(images.reshape(-1, side, side), digits, **options)

    @property
    def patch_dim(self) -> int:
        """Number d = h·w of pixels of one patch."""
        return math.prod(_made(self.pools).image_shape)

    def rows(self, split: str, *digits: int) -> NDArray[np.int32]:
        """Return the rows of the pool of ``split`` that show one of ``digits``.

        Raises
        ------
        ValueError
            If the pool has no image of one of them.
        """
        found = [_made(self.pools).rows[split][digit] for digit in digits]
        for digit, rows in zip(digits, found, strict=True):
            if not len(rows):
                raise ValueError(f"the {split} pool must have an image of each digit; no {digit}")
        return np.concatenate(found)

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs from the pool of ``split`` as `DataModel.sample` says.

        Returns
        -------
        PatchData
            Its dictionary is the pool.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> DigitPatches(n_patches=4).sample(10, 0, split="test").patches().shape
        (10, 4, 64)
        """
        n, fraction = self.n_patches, self.positive_fraction
        labels, positions = draw_layout(
            n_samples, seed, split, n_patches=n, positive_fraction=fraction, balanced=self.balanced
        )
        indices = np.empty((len(labels), n), dtype=np.int32)
        if n > 1:
            irrelevant = self.rows(split, *self.irrelevant_digits)
            rng = split_stream(seed, split, "irrelevant")
            indices[:] = irrelevant[rng.integers(0, len(irrelevant), indices.shape)]
        rng = split_stream(seed, split, "discriminative")
        digits = self.positive_digit, self.negative_digit
        indices[np.arange(len(labels)), positions] = self.draw_by_sign(split, labels, digits, rng)
        pools = _made(self.pools)
        return PatchData(
            pools.images[split],
            read_only(indices),
            read_only(labels),
            positions=read_only(positions),
            image_shape=pools.image_shape,
        )

    def draw_by_sign(
        self, split: str, signs: NDArray[np.int8], digits: tuple[int, int], rng: Generator
    ) -> NDArray[np.int32]:
        """Draw for each sign a row that shows the first digit (+1) or the second one (−1)."""
        first, second = (self.rows(split, digit) for digit in digits)
        places = rng.integers(0, np.where(signs > 0, len(first), len(second)))
        rows = np.concatenate([first, second])
        return np.asarray(rows[places + np.where(signs > 0, 0, len(first))])


def digit_tuple(field: str, digits: object, taken: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``digits`` as a tuple of different integers in [0, 9], none of them ``taken``."""
    allowed = f"a tuple of different digits in [0, 9] without {taken}"
    if not isinstance(digits, tuple | list):
        raise reject(field, digits, allowed)
    numbers = tuple(integer(field, digit, 0, 9) for digit in digits)
    if len({*numbers, *taken}) < len(numbers) + len(taken):
        raise reject(field, digits, allowed)
    return numbers


def _made(pools: DigitPools | None) -> DigitPools:
    """Return ``pools``, which is None only until `DigitPatches` is made."""
    assert pools is not None
    return pools
