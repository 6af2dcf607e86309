"""`DigitPatches`: inputs whose patches are images of digits; one of them tells the label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._paths import PathLike
from moe_theory._random import Seed
from moe_theory._validation import boolean, countable, integer, read_only, reject, set_fields
from moe_theory.data.digit_files import fetch_openml, read_npz
from moe_theory.data.digit_images import digit_tuple
from moe_theory.data.digit_pools import (
    ANY_POOLS,
    DigitPools,
    bundled_pools,
    draw_by_sign,
    given_pools,
    split_pool,
)
from moe_theory.data.idx import read_idx
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
        Made by `from_arrays`, `from_npz`, `from_idx` or `from_openml`.

    Raises
    ------
    ValueError
        If a value is out of range or a pool has no image of a needed digit.

    Notes
    -----
    Source: P23's released code, which takes 16 patches of MNIST.

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
        n = countable("n_patches", self.n_patches, 1)
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
        if not isinstance(self.pools, DigitPools):
            allowed = "made by from_arrays, from_npz, from_idx or from_openml"
            raise TypeError(f"pools must be {allowed}; got {self.pools!r:.80}")
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
        *,
        max_pixel: float | None = None,
        image_shape: tuple[int, int] | None = None,
        **options: Any,
    ) -> DigitPatches:
        """Build on your own images.

        Parameters
        ----------
        images : array, shape (M, h, w), or sequence of M arrays of shape (h, w)
            Grey images; an axis of one channel, last or second, may be there. (M, h·w) too, with
            ``image_shape``. Tensors and data frames are taken as the arrays that they make.
        labels : integer array, shape (M,)
            The digit, 0 to 9, that each image shows.
        test_images, test_labels : optional
            The test pool; without it ``test_fraction`` of ``images`` is split off. Test images
            that equal a training image in every pixel are left out, with a warning that names them.
        max_pixel : float, optional
            What white is: pixels are divided by it. Left out, it is 1 for floating images, which
            then lie in [0, 1], and 255 for images of uint8, which then must reach 255.
        image_shape : (int, int), optional
            h and w, where images come as rows of pixels.
        **options
            Other fields of the class.

        Raises
        ------
        ValueError
            As for the class; also if the images are not as described, or no test image is left.

        Examples
        --------
        >>> images = np.random.default_rng(0).random((40, 5, 4))
        >>> DigitPatches.from_arrays(images, np.arange(40) % 10, n_patches=3).pools
        DigitPools(5x4 pixels, train=20, test=20)
        """
        settings = cls(**options, pools=ANY_POOLS)
        reading = {"max_pixel": max_pixel, "image_shape": image_shape}
        if test_images is None:
            if test_labels is not None:
                raise ValueError("test_labels must be left out where test_images are")
            pools = split_pool(images, labels, settings.test_fraction, settings.split_seed, reading)
        else:
            for name in sorted({"test_fraction", "split_seed"} & options.keys()):
                raise reject(name, options[name], "left out where test_images are given")
            pools = given_pools(images, labels, test_images, test_labels, reading)
        return replace(settings, pools=pools)

    @classmethod
    def from_npz(cls, path: PathLike, **options: Any) -> DigitPatches:
        """Build on an npz file whose arrays are arguments of `from_arrays`, or named as Keras does.

        Parameters
        ----------
        path : path
            Holds images and labels, perhaps test_images, test_labels and max_pixel; or x_train,
            y_train, x_test and y_test.
        **options
            Other arguments of `from_arrays`.

        Raises
        ------
        ValueError
            As for `from_arrays`; also if there is no such file, it cannot be read or its arrays
            have other names.
        """
        return cls.from_arrays(**{**read_npz(path), **options})

    @classmethod
    def from_idx(
        cls,
        images: PathLike,
        labels: PathLike,
        test_images: PathLike | None = None,
        test_labels: PathLike | None = None,
        **options: Any,
    ) -> DigitPatches:
        """Build on IDX files, gzipped or not, in which MNIST and its kin are published.

        Parameters
        ----------
        images, labels, test_images, test_labels : path
            Files that hold these arguments of `from_arrays`.
        **options
            Other arguments of `from_arrays`.

        Raises
        ------
        ValueError
            As for `from_arrays`; also as `read_idx` does.
        """
        paths = {"images": images, "labels": labels}
        others = {"test_images": test_images, "test_labels": test_labels}
        paths |= {name: path for name, path in others.items() if path is not None}
        arrays: dict[str, Any] = {name: read_idx(path) for name, path in paths.items()}
        return cls.from_arrays(**arrays, **options)

    @classmethod
    def from_openml(cls, name: str = "mnist_784", version: int = 1, **options: Any) -> DigitPatches:
        """Build on square images downloaded from openml.org.

        Parameters
        ----------
        name, version
            Of the data set. Pixels are read as `from_arrays` reads uint8, if all are integers.
        **options
            Other arguments of `from_arrays`.

        Raises
        ------
        ValueError
            As for `from_arrays`; also if the images are not square.
        """
        of_arrays = ("max_pixel", "image_shape")
        cls(**{key: options[key] for key in options if key not in of_arrays}, pools=ANY_POOLS)
        images, digits = fetch_openml(name, version)
        return cls.from_arrays(images, digits, **options)

    @property
    def patch_dim(self) -> int:
        """Number d = h·w of pixels of one patch."""
        return math.prod(_made(self.pools).image_shape)

    def rows(self, split: str, *digits: int) -> NDArray[np.int32]:
        """Return the rows of the pool of ``split`` that show one of ``digits``.

        Raises
        ------
        ValueError
            If there is no such split or digit, or the pool has no image of one of them.
        """
        return _made(self.pools).showing(split, digits)

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
        told = self.rows(split, self.positive_digit), self.rows(split, self.negative_digit)
        indices[np.arange(len(labels)), positions] = draw_by_sign(*told, labels, rng)
        pools = _made(self.pools)
        return PatchData(
            pools.images[split],
            read_only(indices),
            read_only(labels),
            positions=read_only(positions),
            image_shape=pools.image_shape,
        )


def _made(pools: DigitPools | None) -> DigitPools:
    """Return ``pools``, which is None only until `DigitPatches` is made."""
    assert pools is not None
    return pools
