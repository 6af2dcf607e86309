"""`History`: loss, error and load along a training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from numpy.typing import NDArray

from moe_theory._validation import read_only, reject

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class History:
    """Loss and error at the recorded steps, and the load of the experts if `SGD` asks for it.

    Attributes
    ----------
    steps : integer array, shape (R,)
        SGD steps done.
    train_loss, train_error : array, shape (R,)
        Mean loss and fraction with y f ≤ 0 over the samples that train the experts.
    test_loss, test_error : array, shape (R,), or None
        The same over the test samples, where they were given.
    load : array, shape (R, k), or None
        Share of the pairs of a training patch and an expert that serves it which are of each
        expert, as ``patches`` of `Load`, without noise in the scores; where
        ``SGD.record_load`` asks for it.
    """

    steps: Array
    train_loss: Array
    train_error: Array
    test_loss: Array | None
    test_error: Array | None
    load: Array | None = None

    def __post_init__(self) -> None:
        for name, value in self.arrays().items():
            n_steps, one_each = len(self.steps), (2 if name == "load" else 1)
            if value.ndim != one_each or len(value) != n_steps:
                allowed = f"({n_steps}, k)" if name == "load" else f"({n_steps},)"
                raise reject(f"{name}.shape", value.shape, f"{allowed}, one per step")
            object.__setattr__(self, name, read_only(value))

    def arrays(self) -> dict[str, Array]:
        """Return the arrays that there are, by name."""
        named = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: array for name, array in named.items() if array is not None}
