"""The one set of compiler options that all kernels share."""

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function``, cache it on disk and release the GIL while it runs.

    Fast-math stays off: it may reorder sums, and it assumes that NaN never occurs.
    """
    compiled: Callable[..., Any] = numba.njit(function, cache=True, nogil=True, error_model="numpy")
    return compiled
