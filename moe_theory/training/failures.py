"""How a training fails: what is not finite any more, and a network that is dead."""

from __future__ import annotations

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
        warnings.warn(
            f"the outputs are exactly 0 on {dead} of {len(f)} inputs, which count as errors: the "
            "network is dead there, as too large a learning_rate or too much pruning make it",
            DeadNetworkWarning,
            stacklevel=3,
        )
