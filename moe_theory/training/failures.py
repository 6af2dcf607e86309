"""How a training fails: what is not finite any more, and a network that is dead."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DivergenceError(ArithmeticError):
    """Training produced a weight or an output that is not finite."""


class DeadNetworkWarning(RuntimeWarning):
    """The outputs of a network are exactly 0 on most inputs, which its error counts as wrong."""


def warn_if_dead(f: NDArray[Any]) -> None:
    """Warn if more than half of the outputs ``f`` are exactly 0.

    Examples
    --------
    >>> warn_if_dead(np.array([0.0, 0.1]))
    """
    if (dead := int(np.sum(f == 0))) > len(f) / 2:
        level, in_experiment = _caller()
        # In an experiment the text is always the same, so that Python shows it once.
        where = "most" if in_experiment else f"{dead} of {len(f)}"
        warnings.warn(
            f"the outputs are exactly 0 on {where} inputs, which count as errors: the network is "
            "dead there, as too large a learning_rate or too much pruning make it",
            DeadNetworkWarning,
            stacklevel=level,
        )


def _caller() -> tuple[int, bool]:
    """Return how far up the code of the user is, and whether an experiment lies in between."""
    level, in_experiment = 2, False
    frame = sys._getframe(2)
    while frame.f_back and (name := frame.f_globals["__name__"]).startswith("moe_theory."):
        in_experiment |= name.startswith("moe_theory.experiments.")
        level, frame = level + 1, frame.f_back
    return level, in_experiment
