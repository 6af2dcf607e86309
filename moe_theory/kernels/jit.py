"""The one set of compiler options that all kernels share."""

from collections.abc import Callable
from typing import Any

import numba

# Cached on disk; the GIL is released while a kernel runs; division follows IEEE.
OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function``.

    Fast-math stays off: it may reorder sums, and it assumes that NaN never occurs.
    """
    compiled: Callable[..., Any] = numba.njit(function, **OPTIONS)
    return compiled


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` as a part of the kernels that call it, for the inside of hot loops."""
    compiled: Callable[..., Any] = numba.njit(function, forceinline=True, **OPTIONS)
    return compiled


def higher_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function``, which takes kernels as arguments, as a part of those that call it."""
    options = {**OPTIONS, "cache": False, "inline": "always"}
    compiled: Callable[..., Any] = numba.njit(function, **options)
    return compiled
