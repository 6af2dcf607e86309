"""Checks of values: every failure is a ``ValueError`` naming field, value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    number = float(value)
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if not math.isfinite(number) or below or above:
        raise reject(field, value, allowed)
    return number


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
