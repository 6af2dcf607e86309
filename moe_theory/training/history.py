"""`History`: loss and error along a training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from numpy.typing import NDArray

from moe_theory._validation import read_only, reject

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class History:
    """Loss and error at the recorded steps.

    Attributes
    ----------
    steps : integer array, shape (R,)
        SGD steps done.
    train_loss, train_error : array, shape (R,)
        Mean loss and fraction with y f ≤ 0 over the samples that train the experts.
    test_loss, test_error : array, shape (R,), or None
        The same over the test samples, where they were given.
    """

    steps: Array
    train_loss: Array
    train_error: Array
    test_loss: Array | None
    test_error: Array | None

    def __post_init__(self) -> None:
        for name, value in self.arrays().items():
            if value.shape != self.steps.shape or value.ndim != 1:
                raise reject(f"{name}.shape", value.shape, f"{self.steps.shape}, one per step")
            object.__setattr__(self, name, read_only(value))

    def arrays(self) -> dict[str, Array]:
        """Return the arrays that there are, by name."""
        named = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: array for name, array in named.items() if array is not None}
