"""Images of digits, split into pools that share none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from moe_theory._random import stream
from moe_theory._validation import choice, integer, reject
from moe_theory.data.digit_images import read_digits, read_pixels
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

    def showing(self, split: str, digits: Sequence[int]) -> NDArray[np.int32]:
        """Return the numbers of the images of one pool that show one of ``digits``."""
        pool = self.rows[choice("split", split, SPLITS)]
        found = [pool[integer("digits", digit, 0, 9)] for digit in digits]
        if not found:
            raise reject("digits", digits, "at least one digit")
        for digit, rows in zip(digits, found, strict=True):
            if not len(rows):
                raise ValueError(f"the {split} pool must have an image of each digit; no {digit}")
        return np.concatenate(found)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{split}={len(images)}" for split, images in self.images.items())
        return f"DigitPools({'x'.join(map(str, self.image_shape))} pixels, {sizes})"


def groups(pixels: NDArray[np.float32]) -> tuple[NDArray[np.intp], ...]:
    """Group identical images: first member, group of each image, size of each group."""
    keys = np.ascontiguousarray(pixels).view(np.dtype((np.void, pixels[0].nbytes))).ravel()
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


def split_pool(
    images: Any, labels: Any, test_fraction: float, split_seed: int, reading: Mapping[str, Any]
) -> DigitPools:
    """Return pools of images of which some are chosen for testing.

    ``reading`` holds ``max_pixel`` and ``image_shape``, as `read_pixels` takes them.
    """
    pixels, shape = read_pixels("images", images, **reading)
    digits = read_digits("labels", labels, len(pixels))
    to_test = choose_test(pixels, digits, test_fraction, split_seed)
    return make_pools(pixels, digits, to_test, shape)


def given_pools(
    images: Any, labels: Any, test_images: Any, test_labels: Any, reading: Mapping[str, Any]
) -> DigitPools:
    """Return pools that were given, the second without the images that are also in the first."""
    pixels, shape = read_pixels("images", images, **reading)
    test_pixels, test_shape = read_pixels("test_images", test_images, **reading)
    if test_shape != shape:
        raise reject("test_images", test_shape, f"of the size {shape} of images")
    digits = read_digits("labels", labels, len(pixels))
    test_digits = read_digits("test_labels", test_labels, len(test_pixels))
    if (shared := shared_images(pixels, test_pixels)).any():
        _warn_of_shared(shared)
        test_pixels, test_digits = test_pixels[~shared], test_digits[~shared]
    to_test = np.arange(len(pixels) + len(test_pixels)) >= len(pixels)
    pixels = np.concatenate([pixels, test_pixels])
    return make_pools(pixels, np.concatenate([digits, test_digits]), to_test, shape)


def shared_images(
    pixels: NDArray[np.float32], test_pixels: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return for each test image whether a training image equals it in every pixel.

    Examples
    --------
    >>> shared_images(np.eye(3, dtype=np.float32), np.eye(2, 3, 1, dtype=np.float32))
    array([ True,  True])
    """
    group = groups(np.concatenate([pixels, test_pixels]))[1]
    return np.isin(group[len(pixels) :], group[: len(pixels)])


def _warn_of_shared(shared: NDArray[np.bool_]) -> None:
    rows, most = np.flatnonzero(shared).tolist(), 20
    if len(rows) == len(shared):
        raise ValueError("test_images must have images that are not among images; got none")
    named = ", ".join(map(str, rows[:most])) + (", …" if len(rows) > most else "")
    warnings.warn(
        f"{len(rows)} of test_images are among images, too, and are left out of the test pool: "
        f"numbers {named}",
        stacklevel=4,
    )


def draw_by_sign(
    first: NDArray[np.int32], second: NDArray[np.int32], signs: NDArray[np.int8], rng: Generator
) -> NDArray[np.int32]:
    """Draw for each sign one of the first rows (+1) or of the second ones (−1)."""
    places = rng.integers(0, np.where(signs > 0, len(first), len(second)))
    rows = np.concatenate([first, second])
    return np.asarray(rows[places + np.where(signs > 0, 0, len(first))])


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
