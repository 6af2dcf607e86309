"""Loss, error and load of a network in training."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.losses import mean_loss
from moe_theory.kernels.state import DONE, State
from moe_theory.models import Model, Weights
from moe_theory.training.batches import Block
from moe_theory.training.history import History
from moe_theory.training.sgd import LOSS_CODES, SGD


class Trainee(Protocol):
    """A network in training, whatever the space in which it is trained."""

    model: Model
    sgd: SGD
    state: State
    inputs: Any

    def weights(self) -> Weights:
        """Return the present weights in ℝᵈ."""

    def prepare(self, data: PatchData) -> Any:
        """Return other samples in the form that `outputs` takes."""

    def outputs(self, inputs: Any) -> NDArray[Any]:
        """Return f of every input under the present weights."""

    def load(self) -> NDArray[np.float64]:
        """Return the share of the training pairs that each expert serves, shape (k,)."""

    def advance(self, block: Block, n_looked: int) -> bool:
        """Take the steps of ``block``; return whether everything stayed finite.

        At most ``n_looked`` samples are looked at for each of zero error and small loss where an
        epoch ends, which with N larger only the last step may do; while ``state.marks[SCAN]`` is
        not NEVER, further calls go on with that, and take no steps.
        """

    def changing(self) -> list[NDArray[Any]]:
        """Return the arrays that `advance` changes in place."""

    def finite(self) -> bool:
        """Return whether all weights are finite."""


class Record(NamedTuple):
    """What is measured after so many steps; ``load`` (k,) only where it is asked for.

    A loss is NaN where an output is not finite, and without test samples.
    """

    steps: int
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    load: NDArray[np.float64] | None


def measure(trainee: Trainee, test: Any) -> Record:
    """Return what is recorded of the present weights."""
    train = _loss_and_error(trainee, trainee.inputs)
    tested = (np.nan, np.nan) if test is None else _loss_and_error(trainee, test)
    load = trainee.load() if trainee.sgd.record_load else None
    return Record(int(trainee.state.marks[DONE]), *train, *tested, load)


def is_finite(record: Record, *, has_test: bool) -> bool:
    """Return whether the losses of a record are finite."""
    return bool(np.isfinite(record.train_loss) and (not has_test or np.isfinite(record.test_loss)))


def _loss_and_error(trainee: Trainee, inputs: Any) -> tuple[float, float]:
    f = trainee.outputs(inputs)
    if not np.isfinite(f).all():
        return np.nan, np.nan
    loss = mean_loss(f, inputs.labels, LOSS_CODES[trainee.sgd.loss])
    return float(loss), float(np.mean(~(inputs.labels * f > 0)))


def history(records: list[Record], has_test: bool) -> History:
    """Collect records, in the order of their steps, into a `History`."""
    steps, *columns, loads = zip(*records, strict=True)
    train_loss, train_error, test_loss, test_error = (np.array(column) for column in columns)
    return History(
        steps=np.array(steps),
        train_loss=train_loss,
        train_error=train_error,
        test_loss=test_loss if has_test else None,
        test_error=test_error if has_test else None,
        load=None if loads[0] is None else np.array(loads),
    )
