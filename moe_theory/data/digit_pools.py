"""Images of digits, read, checked and split into pools that share none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._random import stream
from moe_theory._validation import finite, reject
from moe_theory.data.protocol import SPLITS


@dataclass(frozen=True, eq=False)
class DigitPools:
    """Images of digits in two pools, by split, that share no image.

    ``images[split]`` has shape (M, h·w) and values in [0, 1]; ``rows[split][k]`` are the numbers
    of those images that show the digit k; ``image_shape`` is (h, w) in pixels.
    """

    images: dict[str, NDArray[np.float32]]
    rows: dict[str, tuple[NDArray[np.int32], ...]]
    image_shape: tuple[int, int]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{split}={len(images)}" for split, images in self.images.items())
        return f"DigitPools({'x'.join(map(str, self.image_shape))} pixels, {sizes})"


def read_pixels(field: str, images: Any) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return images as rows of pixels in [0, 1], shape (M, h·w), and (h, w)."""
    if not isinstance(images, np.ndarray):
        if not isinstance(images, Sequence):
            raise reject(field, images, "an array or a sequence of arrays")
        arrays = [np.asarray(image) for image in images]
        if len(sizes := sorted({array.shape for array in arrays})) > 1:
            raise reject(field, sizes, "images of one size")
        images = np.array(arrays)
    if images.ndim != 3 or 0 in images.shape:
        raise reject(f"{field}.shape", images.shape, "(M, h, w) with M, h, w >= 1")
    if np.issubdtype(images.dtype, np.floating):
        finite(field, images)
        if (outside := images[(images < 0) | (images > 1)]).size:
            raise reject(field, float(outside[0]), "in [0, 1], or of type uint8")
    elif images.dtype != np.uint8:
        raise reject(f"{field}.dtype", images.dtype, "uint8 or floating")
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels /= 255 if images.dtype == np.uint8 else 1
    pixels += 0  # turns −0 into 0, so that equal pixels have equal bits
    return pixels, (images.shape[1], images.shape[2])


def read_digits(field: str, labels: ArrayLike | None, n_images: int) -> NDArray[np.integer[Any]]:
    """Return ``labels`` as an array after checking that each is a digit."""
    digits = np.asarray(labels)
    if digits.shape != (n_images,):
        raise reject(f"{field}.shape", digits.shape, f"({n_images},), one for each image")
    if not np.issubdtype(digits.dtype, np.integer):
        raise reject(f"{field}.dtype", digits.dtype, "an integer type")
    if (wrong := digits[(digits < 0) | (digits > 9)]).size:
        raise reject(field, int(wrong[0]), "integers in [0, 9]")
    return digits


def groups(pixels: NDArray[np.float32]) -> tuple[NDArray[np.intp], ...]:
    """Group identical images: first member, group of each image, size of each group."""
    keys = pixels.view(np.dtype((np.void, pixels.strides[0]))).ravel()
    return np.unique(keys, return_index=True, return_inverse=True, return_counts=True)[1:]


def choose_test(
    pixels: NDArray[np.float32], digits: NDArray[np.integer[Any]], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Choose at random the test images: of each digit the given fraction, in whole groups."""
    first, group, size = groups(pixels)
    shuffled = stream(seed, "digit pools").permutation(len(first))
    chosen = np.zeros(len(first), dtype=np.bool_)
    for digit in range(10):
        members = shuffled[digits[first[shuffled]] == digit]
        filled = np.cumsum(size[members])
        # A group goes where most of it falls, so that the pool misses its size by half a group.
        chosen[members] = filled - size[members] / 2 <= round(fraction * size[members].sum())
    return np.asarray(chosen[group])


def make_pools(
    pixels: NDArray[np.float32],
    digits: NDArray[np.integer[Any]],
    to_test: NDArray[np.bool_],
    image_shape: tuple[int, int],
) -> DigitPools:
    """Sort images into the pools by ``to_test``."""
    images, rows = {}, {}
    for split, part in zip(SPLITS, (~to_test, to_test), strict=True):
        images[split] = pixels[part]
        images[split].flags.writeable = False
        shown = digits[part]
        rows[split] = tuple(np.flatnonzero(shown == k).astype(np.int32) for k in range(10))
    return DigitPools(images, rows, image_shape)


@lru_cache(maxsize=4)
def bundled_pools(test_fraction: float, split_seed: int) -> DigitPools:
    """Return scikit-learn's bundled digits, split."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (slow to import)

    bundled = load_digits()
    pixels, shape = read_pixels("images", bundled.images / 16)
    to_test = choose_test(pixels, bundled.target, test_fraction, split_seed)
    return make_pools(pixels, bundled.target, to_test, shape)


# Has every digit: lets options be checked before images are read or downloaded.
ANY_POOLS = make_pools(
    np.zeros((20, 1), np.float32), np.arange(20) % 10, np.arange(20) >= 10, image_shape=(1, 1)
)
