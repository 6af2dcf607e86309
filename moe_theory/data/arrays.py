"""Arrays as users give them, lists, tensors and data frames among them, checked before use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import LARGEST, finite, integer, read_only, reject

Rows = slice | Sequence[int] | NDArray[Any]


def as_array(field: str, values: Any) -> NDArray[Any]:
    """Return ``values`` as a NumPy array, by the array protocol where they have it.

    Raises
    ------
    ValueError
        If entries are masked, or lists have different lengths.
    TypeError
        If ``values`` refuse to become an array.

    Examples
    --------
    >>> as_array("labels", [1, -1]).shape
    (2,)
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        n_masked = int(np.ma.getmaskarray(values).sum())
        raise ValueError(f"{field} must have no masked entries; got {n_masked} of them")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{field} must be an array, or make one; NumPy says: {error}") from error
    except Exception as error:  # a tensor on another device, for instance, has errors of its own
        given = type(values).__name__
        raise TypeError(f"{field} must be an array, or make one; {given} says: {error}") from error


def float_array(field: str, values: Any) -> NDArray[Any]:
    """Return ``values`` as an array of finite real numbers in single or double precision.

    Examples
    --------
    >>> float_array("dictionary", [[1, 0]]).dtype
    dtype('float64')
    """
    array = as_array(field, values)
    if array.dtype.kind not in "iuf":
        raise reject(f"{field}.dtype", array.dtype, "a real number type")
    finite(field, array)
    if array.dtype not in (np.float32, np.float64):
        with np.errstate(over="ignore"):  # long doubles may not fit, which is told below
            array = array.astype(np.float64)
        finite(field, array)
    return array


def integers(field: str, values: Any, shape: tuple[int, ...], low: int, high: int) -> NDArray[Any]:
    """Return ``values`` as an array of integers in [low, high], of this shape.

    Examples
    --------
    >>> integers("positions", [0, 2], (2,), 0, 2)
    array([0, 2])
    """
    array = as_array(field, values)
    if array.shape != shape:
        raise reject(f"{field}.shape", array.shape, str(shape))
    if array.dtype.kind not in "iu":
        raise reject(f"{field}.dtype", array.dtype, "an integer type")
    wrong = (array < low) | (array > high)
    if wrong.any():
        raise reject(field, int(array[wrong][0]), f"integers in [{low}, {high}]")
    return array


def signs(field: str, values: Any, n_samples: int) -> NDArray[Any]:
    """Return ``values`` as an array of +1 and −1, shape (N,).

    Examples
    --------
    >>> signs("labels", [1, -1], 2)
    array([ 1, -1])
    """
    array = as_array(field, values)
    if array.shape != (n_samples,):
        raise reject(f"{field}.shape", array.shape, f"({n_samples},)")
    if array.dtype.kind not in "iuf":
        raise reject(f"{field}.dtype", array.dtype, "a real number type")
    wrong = ~np.isin(array, (-1, 1))
    if wrong.any():
        raise reject(field, array[wrong][0].item(), "+1 or -1 everywhere")
    return array


def sample_shape(field: str, array: NDArray[Any], symbols: str) -> None:
    """Raise ``ValueError`` unless ``array`` has these axes, none of them empty or too long.

    Examples
    --------
    >>> sample_shape("patches", np.ones((4, 3, 2)), "N, n, d")
    """
    if array.ndim != len(symbols.split(", ")) or 0 in array.shape:
        raise reject(f"{field}.shape", array.shape, f"({symbols}) with {symbols} >= 1")
    if max(array.shape) > LARGEST:
        raise reject(f"{field}.shape", array.shape, f"({symbols}) with {symbols} <= {LARGEST}")


def image_size(shape: Any, n_pixels: int) -> tuple[int, int]:
    """Return ``shape`` as (height, width) of an image of so many pixels.

    Examples
    --------
    >>> image_size([28, 28], 784)
    (28, 28)
    """
    allowed = f"a height and a width >= 1 whose product is {n_pixels}, the pixels of an image"
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise reject("image_shape", shape, allowed)
    height, width = (integer("image_shape", side, 1) for side in shape)
    if height * width != n_pixels:
        raise reject("image_shape", shape, allowed)
    return height, width


def row_numbers(rows: Rows, n_samples: int) -> slice | NDArray[Any]:
    """Return ``rows``, a slice, a mask or numbers in [0, N), as what chooses some rows of arrays.

    Examples
    --------
    >>> row_numbers([True, False, True], 3)
    array([0, 2])
    """
    if isinstance(rows, slice):
        try:
            n_chosen = len(range(n_samples)[rows])
        except TypeError:
            raise TypeError(f"rows must be a slice of integers; got {rows!r}") from None
        if n_chosen == 0:
            raise reject("rows", rows, f"such that one of {n_samples} inputs is chosen")
        return rows
    array = as_array("rows", rows)
    if array.ndim == 0:
        allowed = "a slice, a mask or an array of integers; one input is [i : i + 1]"
        raise TypeError(f"rows must be {allowed}; got {rows!r}")
    if array.dtype.kind == "b" and array.shape != (n_samples,):
        raise reject("rows.shape", array.shape, f"({n_samples},), as rows are a mask")
    chosen = np.flatnonzero(array) if array.dtype.kind == "b" else array
    if chosen.ndim != 1 or len(chosen) == 0:
        raise reject("rows", array, f"one axis that chooses at least one of {n_samples} inputs")
    return integers("rows", chosen, chosen.shape, 0, n_samples - 1)


def frozen(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return a C-contiguous read-only array; what the caller could still write to is copied."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None or array.dtype != dtype or not array.flags.c_contiguous:
        array = np.array(array, dtype=dtype, order="C")
        array.flags.writeable = False
    return read_only(array)
