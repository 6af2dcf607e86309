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
