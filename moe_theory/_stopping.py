"""Asking threads to stop: Python delivers Ctrl-C to the main thread alone."""

from __future__ import annotations

import threading
from contextvars import ContextVar

_asked: ContextVar[threading.Event | None] = ContextVar("asked", default=None)


class Stopped(BaseException):
    """A thread ends because it was asked to; no error, so that no ``except Exception`` hides it."""


def heed(asked: threading.Event) -> None:
    """Let `check` of the calling thread look at ``asked`` from now on."""
    _asked.set(asked)


def check() -> None:
    """Raise `Stopped` if this thread was asked to stop.

    Examples
    --------
    >>> check()
    """
    asked = _asked.get()
    if asked is not None and asked.is_set():
        raise Stopped
