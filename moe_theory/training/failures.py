"""How a training fails: what is not finite any more, and a network that is dead."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DivergenceError(ArithmeticError):
    """Training produced a weight or an output that is not finite."""


class DeadNetworkWarning(RuntimeWarning):
    """The outputs of a network are exactly 0 on most inputs, which its error counts as wrong."""


# Where trainings of an experiment note outputs that are 0, so that it can tell of all at once.
_noted: ContextVar[list[int] | None] = ContextVar("noted", default=None)


@contextmanager
def noting_dead() -> Iterator[list[int]]:
    """Collect the numbers of outputs that are 0, which `warn_if_dead` would warn of.

    In the calling thread and while inside.

    Examples
    --------
    >>> with noting_dead() as dead:
    ...     warn_if_dead(np.array([0.0, 0.0, 0.1]))
    >>> dead
    [2]
    """
    found: list[int] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def warn_if_dead(f: NDArray[Any]) -> None:
    """Warn if more than half of the outputs ``f`` are exactly 0.

    Examples
    --------
    >>> warn_if_dead(np.array([0.0, 0.1]))
    """
    if (dead := int(np.sum(f == 0))) <= len(f) / 2:
        return
    if (noted := _noted.get()) is not None:
        noted.append(dead)
        return
    warnings.warn(
        f"the outputs are exactly 0 on {dead} of {len(f)} inputs, which count as errors: the "
        "network is dead there, as too large a learning_rate or too much pruning make it",
        DeadNetworkWarning,
        stacklevel=user_level(),
    )


def user_level() -> int:
    """Return how far above the caller of this function the code of the user is."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].startswith("moe_theory."):
        level, frame = level + 1, frame.f_back
    return level
