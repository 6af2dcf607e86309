"""Images and labels of digits as users have them, read into rows of pixels from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import finite, integer, real, reject
from moe_theory.data.arrays import as_array, image_size, integers

# Sequences that are no lists of images.
_WHOLE = str | bytes | bytearray | memoryview

_SHAPES = "(M, h, w), (M, h, w, 1) or (M, 1, h, w), or (M, h·w) with image_shape"


def read_pixels(
    field: str, images: Any, max_pixel: float | None = None, image_shape: Any = None
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return images as rows of pixels in [0, 1], shape (M, h·w), and (h, w).

    Examples
    --------
    >>> read_pixels("images", np.full((2, 1, 3), 255, np.uint8))
    (array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32), (1, 3))
    """
    array = _stack(field, images)
    if array.ndim == 4 and 1 in (array.shape[3], array.shape[1]):
        array = array[..., 0] if array.shape[3] == 1 else array[:, 0]
    n_axes = 2 if array.ndim == 2 and image_shape is not None else 3
    if array.ndim != n_axes or 0 in array.shape:
        raise reject(f"{field}.shape", array.shape, _SHAPES + ", none of them 0")
    if image_shape is not None:
        size = image_size(image_shape, int(np.prod(array.shape[1:])))
        if array.ndim == 3 and size != array.shape[1:]:
            raise reject("image_shape", size, f"{array.shape[1:]}, as {field} have it")
    else:
        size = (array.shape[1], array.shape[2])
    pixels = _scaled(field, array, max_pixel).reshape(len(array), -1)
    pixels += 0  # turns −0 into 0, so that equal pixels have equal bits
    return pixels, size


def _stack(field: str, images: Any) -> NDArray[Any]:
    """Return images, or a sequence of them, as one array."""
    if not isinstance(images, Sequence) or isinstance(images, _WHOLE):
        array = as_array(field, images)
        if array.ndim == 0:
            raise reject(field, images, "an array or a sequence of arrays")
        return array
    arrays = [as_array(f"{field}[{i}]", image) for i, image in enumerate(images)]
    if len(sizes := sorted({array.shape for array in arrays})) > 1:
        raise reject(field, sizes, "images of one size")
    if len(types := sorted({str(array.dtype) for array in arrays})) > 1:
        raise reject(field, types, "images of one type of numbers")
    return np.array(arrays)


def _scaled(field: str, images: NDArray[Any], max_pixel: float | None) -> NDArray[np.float32]:
    """Return a new array of pixels divided by what white is."""
    white = None if max_pixel is None else real("max_pixel", max_pixel, 0, open_low=True)
    kind = images.dtype.kind
    if kind not in "biuf":
        raise reject(f"{field}.dtype", images.dtype, "uint8, floating or bool")
    finite(field, images)
    if kind in "iu" and white is None:
        white = _white_of_bytes(field, images)
    divisor = 1.0 if white is None else white
    if (outside := images[(images < 0) | (images > divisor)]).size:
        allowed = f"in [0, {divisor:g}]"
        if max_pixel is None:
            allowed += ", or of type uint8, or max_pixel must say what white is"
        raise reject(field, outside[0].item(), allowed)
    # In C order, in which data frames are not.
    if kind == "f" and images.itemsize > 4:
        return (images / divisor).astype(np.float32, order="C")
    pixels = images.astype(np.float32, order="C")
    pixels /= divisor
    return pixels


def _white_of_bytes(field: str, images: NDArray[Any]) -> float:
    """Return 255 if the images are bytes that reach it: what white is in others is not known."""
    if images.dtype != np.uint8:
        allowed = "uint8, floating or bool, or max_pixel must say what white is"
        raise reject(f"{field}.dtype", images.dtype, allowed)
    if (largest := int(images.max())) < 255:
        allowed = "uint8 up to 255, or max_pixel must say what white is (255 for dark images)"
        raise reject(field, f"values up to {largest}", allowed)
    return 255.0


def read_digits(field: str, labels: Any, n_images: int) -> NDArray[np.integer[Any]]:
    """Return ``labels`` as an array after checking that each is a digit.

    Examples
    --------
    >>> read_digits("labels", [3, 1], 2)
    array([3, 1])
    """
    digits = as_array(field, labels)
    if digits.shape == (n_images, 1):  # one column of a data frame
        digits = digits[:, 0]
    if digits.shape != (n_images,):
        raise reject(f"{field}.shape", digits.shape, f"({n_images},), one for each image")
    return integers(field, digits, digits.shape, 0, 9)


def digit_tuple(field: str, digits: object, taken: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``digits`` as a tuple of different integers in [0, 9], none of them ``taken``."""
    allowed = f"a tuple of different digits in [0, 9] without {taken}"
    if not isinstance(digits, tuple | list):
        raise reject(field, digits, allowed)
    numbers = tuple(integer(field, digit, 0, 9) for digit in digits)
    if len({*numbers, *taken}) < len(numbers) + len(taken):
        raise reject(field, digits, allowed)
    return numbers
