"""The one set of compiler options that all kernels share."""

from collections.abc import Callable
from typing import Any

import numba
from numba.core.dispatcher import Dispatcher

from moe_theory.kernels.cache import KernelCache

# The GIL is released while a kernel runs; division follows IEEE.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function``, and keep what is compiled.

    Fast-math stays off: it may reorder sums, and it assumes that NaN never occurs.
    """
    return _kept(numba.njit(function, **OPTIONS))


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` as a part of the kernels that call it, for the inside of hot loops."""
    return _kept(numba.njit(function, forceinline=True, **OPTIONS))


def higher_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function``, which takes kernels as arguments, as a part of those that call it."""
    compiled: Callable[..., Any] = numba.njit(function, inline="always", **OPTIONS)
    return compiled


def _kept(compiled: Any) -> Callable[..., Any]:
    made: Any = compiled
    # Under NUMBA_DISABLE_JIT it is the function itself.
    if isinstance(compiled, Dispatcher):
        made._cache = KernelCache(made.py_func)
    return made  # type: ignore[no-any-return]
