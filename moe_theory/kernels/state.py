"""What a training kernel remembers between calls, an integer array of four entries.

``state[DONE]`` counts the steps taken; ``state[FITTED]`` is the step at the end of the first epoch
with zero training error, or NEVER; ``state[CURSOR]`` is the sample at which the last check for
zero training error failed, where the next one starts because it is likely to fail there again;
``state[REACHED]`` is the step at the end of the first epoch whose mean loss is at most the target.
"""

import numpy as np
from numpy.typing import NDArray

NEVER = -1
DONE, FITTED, CURSOR, REACHED = 0, 1, 2, 3


def new_state() -> NDArray[np.int64]:
    """Return the state before the first step."""
    return np.array([0, NEVER, 0, NEVER], dtype=np.int64)
