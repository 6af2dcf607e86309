"""`typed`: arguments are checked against the types in the signature of a function."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from functools import cache, wraps
from numbers import Real
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from moe_theory._arguments import check_samples
from moe_theory._validation import wrong_object
from moe_theory.data.patch_data import PatchData

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = {int: "an integer", float: "a number", str: "a string", bool: "True or False"}


def typed(function: F) -> F:
    """Return ``function`` with a ``TypeError`` naming each argument that is a wrong object.

    Types that are no plain classes, such as those of arrays, and whether a number is whole and
    in range are left to the function.

    Examples
    --------
    >>> @typed
    ... def double(text: str, times: int = 2) -> str:
    ...     return text * times
    >>> double(5)
    Traceback (most recent call last):
    ...
    TypeError: text must be a string; got 5
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        kinds = _kinds(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in kinds and not any(_is(value, kind) for kind in kinds[name]):
                if PatchData in kinds[name]:
                    check_samples(value, name)
                wanted = " or ".join(_NAMES.get(kind, kind.__name__) for kind in kinds[name])
                raise wrong_object(name, value, wanted.replace("NoneType", "None"))
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


@cache
def _kinds(function: Callable[..., Any]) -> dict[str, tuple[type, ...]]:
    """Return the classes of the arguments whose types are classes, or one of several."""
    found = {}
    for name, hint in get_type_hints(function).items():
        several = get_origin(hint) in (Union, types.UnionType)
        kinds = get_args(hint) if several else (hint,)
        if all(
            isinstance(kind, type) and kind is not Any and get_origin(kind) is None
            for kind in kinds
        ):
            found[name] = kinds
    return found


def _is(value: object, kind: type) -> bool:
    truth = isinstance(value, bool | np.bool_)
    if kind is bool:
        return truth
    if kind in (int, float):
        return isinstance(value, Real) and not truth
    return isinstance(value, kind) and not isinstance(value, type)
