"""What a training kernel remembers between calls.

``marks[DONE]`` counts the steps taken; ``marks[FITTED]`` is the step at the end of the first epoch
with zero training error, or NEVER; ``marks[CURSOR]`` is the sample at which the last check for
zero training error failed, where the next one starts because it is likely to fail there again;
``marks[REACHED]`` is the step at the end of the first epoch whose mean loss is at most the target.

Where a call ends before the look at all samples does, ``marks[SCAN]`` says what it looked for,
ERRORS or LOSSES, and else it is NEVER; ``marks[PASSED]`` counts the samples that passed, and
``total[0]`` is the sum of their losses.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEVER = -1
DONE, FITTED, CURSOR, REACHED, SCAN, PASSED = 0, 1, 2, 3, 4, 5
ERRORS, LOSSES = 0, 1


class State(NamedTuple):
    """Integers ``marks`` (6,), and a sum ``total`` (1,)."""

    marks: NDArray[np.int64]
    total: NDArray[np.float64]


def new_state() -> State:
    """Return the state before the first step."""
    return State(np.array([0, NEVER, 0, NEVER, NEVER, 0], dtype=np.int64), np.zeros(1))
