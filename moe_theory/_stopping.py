"""Asking threads to stop: Python delivers Ctrl-C to the main thread alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[threading.Event | None] = ContextVar("asked", default=None)


class Stopped(BaseException):
    """A thread ends because it was asked to; no error, so that no ``except Exception`` hides it."""


@contextmanager
def heeding(asked: threading.Event | None) -> Iterator[None]:
    """Let `stop_if_asked` look at ``asked``, in the calling thread and while inside."""
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def stop_if_asked() -> None:
    """Raise `Stopped` if this thread was asked to stop.

    Examples
    --------
    >>> stop_if_asked()
    """
    asked = _asked.get()
    if asked is not None and asked.is_set():
        raise Stopped
