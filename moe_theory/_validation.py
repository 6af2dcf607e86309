"""Checks of values: every failure is a ``ValueError`` naming field, value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# No count is larger, and no seed of an experiment. Beyond what a float holds, arithmetic would
# fail later, and name nothing.
MOST = 2**256


def reject(field: str, value: object, allowed: str) -> ValueError:
    """Return the error for a bad ``value`` of ``field``; the caller raises it.

    Examples
    --------
    >>> str(reject("n_routed", 9, "an integer in [1, 4]"))
    'n_routed must be an integer in [1, 4]; got 9'
    """
    return ValueError(f"{field} must be {allowed}; got {value!r}")


def integer(field: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` as ``int`` if it is an integer in [low, high].

    Examples
    --------
    >>> integer("n_experts", 8, 1)
    8
    """
    allowed = f"an integer >= {low}" if high is None else f"an integer in [{low}, {high}]"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise reject(field, value, allowed)
    number = int(value)
    if number < low or (high is not None and number > high):
        raise reject(field, value, allowed)
    if number > MOST:
        raise reject(field, value, f"an integer in [{low}, 2**256]")
    return number


def real(
    field: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return ``value`` as ``float`` if it is finite and in the interval from low to high.

    Examples
    --------
    >>> real("delta_d", 0, -1, 1, open_low=True, open_high=True)
    0.0
    """
    left = "(" if open_low or math.isinf(low) else "["
    right = ")" if open_high or math.isinf(high) else "]"
    allowed = f"a finite number in {left}{low:g}, {high:g}{right}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise reject(field, value, allowed)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if not math.isfinite(number) or below or above:
        raise reject(field, value, allowed)
    return number


def pair(argument: str, value: object) -> tuple[float, float]:
    """Return ``value`` as a pair of finite numbers.

    Examples
    --------
    >>> pair("limits", (0, 1))
    (0.0, 1.0)
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise wrong_object(argument, value, "a pair of numbers")
    first, second = (real(argument, number) for number in value)
    return first, second


def choice(field: str, value: object, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of the ``allowed`` names."""
    if not isinstance(value, str) or value not in allowed:
        raise reject(field, value, "one of " + ", ".join(repr(name) for name in allowed))
    return value


def boolean(field: str, value: object) -> bool:
    """Return ``value`` if it is a truth value."""
    if not isinstance(value, bool | np.bool_):
        raise reject(field, value, "True or False")
    return bool(value)


def finite(field: str, array: NDArray[Any]) -> None:
    """Raise ``ValueError`` naming the first entry of ``array`` that is NaN or infinite."""
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{field} must be finite everywhere; got {array[where]} at index {where}")


def all_finite(arrays: Iterable[NDArray[Any]]) -> bool:
    """Return whether no number of the ``arrays`` is NaN or infinite."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def wrong_object(argument: str, value: object, wanted: str) -> TypeError:
    """Return the error for an object that an ``argument`` cannot be; the caller raises it.

    Examples
    --------
    >>> str(wrong_object("sgd", "adam", "an SGD"))
    "sgd must be an SGD; got 'adam'"
    >>> str(wrong_object("sgd", np.ones((2, 3)), "an SGD"))
    'sgd must be an SGD; got an array of shape (2, 3)'
    """
    if isinstance(value, type):
        given = f"the class {value.__name__}"
    elif isinstance(value, np.ndarray):
        given = f"an array of shape {value.shape}"
    else:
        given = repr(value)
    given = given if len(given) <= 100 else f"{given[:97]}..."
    return TypeError(f"{argument} must be {wanted}; got {given}")


def instance(argument: str, value: object, kinds: Any, wanted: str) -> None:
    """Raise ``TypeError`` unless ``value`` is an object of one of the ``kinds``.

    Examples
    --------
    >>> instance("data", {}, (list, tuple), "a list")
    Traceback (most recent call last):
    ...
    TypeError: data must be a list; got {}
    """
    if isinstance(value, type) or not isinstance(value, kinds):
        raise wrong_object(argument, value, wanted)


def real_array(argument: str, value: object, *shapes: str) -> NDArray[np.floating[Any]]:
    """Return ``value`` as an array of finite numbers, as many-dimensional as one of the shapes.

    Single precision is kept; all else becomes double.

    Examples
    --------
    >>> real_array("routers", [[1, 2]], "(k, d)")
    array([[1., 2.]])
    """
    shape = " or ".join(shapes)
    array = _array(argument, value, "iuf", f"an array of real numbers of shape {shape}")
    _check_sizes(argument, array, *shapes)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    finite(argument, array)
    return array


def index_array(argument: str, value: object, shape: str, size: int) -> NDArray[np.int32]:
    """Return ``value`` as an array of integers in [0, ``size``).

    Examples
    --------
    >>> index_array("indices", [[0, 3]], "(N, n)", 3)
    Traceback (most recent call last):
    ...
    ValueError: indices must be integers in [0, 2]; got 3
    """
    array = _array(argument, value, "iu", f"an array of integers of shape {shape}")
    _check_sizes(argument, array, shape)
    wrong = (array < 0) | (array >= size)
    if wrong.any():
        raise reject(argument, int(array[wrong][0]), f"integers in [0, {size - 1}]")
    return np.ascontiguousarray(array, dtype=np.int32)


def _array(argument: str, value: object, kinds: str, wanted: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # lists of unequal lengths
        raise wrong_object(argument, value, wanted) from None
    if array.dtype.kind not in kinds:
        if array.ndim:
            raise TypeError(f"{argument} must be {wanted}; got dtype {array.dtype}")
        raise wrong_object(argument, value, wanted)
    return array


def _check_sizes(argument: str, array: NDArray[Any], *shapes: str) -> None:
    known = [len(shape.strip("(,)").split(",")) for shape in shapes]
    if array.ndim not in known or 0 in array.shape:
        raise reject(f"{argument}.shape", array.shape, f"{' or '.join(shapes)}, none of them 0")


# Metadata of a field that came later: it is described only where it is not its default, so that
# what was described without it, such as committed experiments, still is the same.
CAME_LATER = MappingProxyType({"described": "unless default"})


def set_fields(instance: object, **values: object) -> None:
    """Store validated values in a frozen dataclass from its ``__post_init__``."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of ``array`` that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


# Kernels number patches, samples and patterns by 32-bit integers.
LARGEST = 2**31 - 1


def countable(field: str, value: object, low: int) -> int:
    """Return ``value`` as ``int`` if it is an integer >= low that kernels can count to.

    Examples
    --------
    >>> countable("n_patches", 2**70, 1)
    Traceback (most recent call last):
    ...
    ValueError: n_patches must be at most 2147483647; got 1180591620717411303424
    """
    number = integer(field, value, low)
    if number > LARGEST:
        raise reject(field, value, f"at most {LARGEST}")
    return number
