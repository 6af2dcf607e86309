"""Sizes in formulas of operations: exact, whatever kind of number they come as."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from moe_theory._validation import boolean, reject, wrong_object

F = TypeVar("F", bound=Callable[..., Any])
# Arguments that are no sizes.
NAMES = {"loss", "activation", "options", "parts"}
FLAGS = {"gated", "noisy", "normalize_experts", "biased"}
WANTED = "a number >= 0 or a sympy expression"


def counted(function: F) -> F:
    """Return ``function`` with all arguments made a `size` but names, truth values and options.

    Examples
    --------
    >>> @counted
    ... def area(*, height, width):
    ...     return height * width
    >>> area(height=np.int32(100_000), width=np.int32(100_000))
    10000000000
    """

    @wraps(function)
    def exact(**sizes: Any) -> Any:
        return function(**{name: _checked(name, value) for name, value in sizes.items()})

    return exact  # type: ignore[return-value]


def _checked(name: str, value: Any) -> Any:
    if name in NAMES:
        return value
    return boolean(name, value) if name in FLAGS else size(name, value)


def size(argument: str, value: Any) -> Any:
    """Return a number >= 0 as Python's own, which does not overflow; a sympy expression as it is.

    Examples
    --------
    >>> size("batch_size", np.int8(20)), size("batch_size", 12.5)
    (20, 12.5)
    """
    if hasattr(value, "free_symbols"):
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise wrong_object(argument, value, WANTED)
    number = int(value) if isinstance(value, Integral) else float(value)
    if not 0 <= number < math.inf:
        raise reject(argument, value, WANTED)
    return number
