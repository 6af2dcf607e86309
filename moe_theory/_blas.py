"""One BLAS thread in predictions and measurements: the number of cores must not change digits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

_lock = threading.Lock()
_users = 0
_before: list[int] = []


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread while any caller, in whatever thread, is inside.

    Most libraries have one pool for the whole process: its size comes back when the last caller
    leaves. Pools of OpenMP belong to the calling thread.
    """
    global _users, _before  # noqa: PLW0603
    libraries = _libraries()
    with _lock:
        found = [library.get_num_threads() for library in libraries]
        _set(libraries, [1] * len(libraries))
        if _users == 0:
            _before = found
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            shared = _before if _users == 0 else [1] * len(libraries)
            own = [getattr(library, "threading_layer", "") == "openmp" for library in libraries]
            _set(libraries, [f if o else s for o, f, s in zip(own, found, shared, strict=True)])


@cache
def _libraries() -> list[Any]:
    found = ThreadpoolController().select(user_api="blas")
    return list(found.lib_controllers)


def _set(libraries: list[Any], sizes: list[int]) -> None:
    """Set the sizes of the pools, whichever thread set them last.

    From 3.8 on, threadpoolctl lets only the first thread that set a size change it, and says
    nothing to others; it gives control back where asked to.
    """
    give_back = getattr(OpenBLASController, "clear_controlling_thread", lambda **_: None)
    give_back(force=True)
    for library, size in zip(libraries, sizes, strict=True):
        library.set_num_threads(size)
    give_back(force=True)
