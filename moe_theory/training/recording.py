"""Loss and error of a network in training."""

from __future__ import annotations

import numpy as np

from moe_theory.kernels.losses import mean_loss
from moe_theory.kernels.state import DONE
from moe_theory.training.problems import Inputs, Trainee
from moe_theory.training.run import History
from moe_theory.training.sgd import LOSS_CODES

Record = tuple[int, float, float, float, float]


def measure(trainee: Trainee, test: Inputs | None) -> Record:
    """Return steps done, training loss and error, test loss and error."""
    values = [_loss_and_error(trainee, trainee.inputs)]
    values.append((np.nan, np.nan) if test is None else _loss_and_error(trainee, test))
    return (int(trainee.state[DONE]), *values[0], *values[1])


def _loss_and_error(trainee: Trainee, inputs: Inputs) -> tuple[float, float]:
    f = trainee.outputs(inputs)
    loss = mean_loss(f, inputs.labels, LOSS_CODES[trainee.sgd.loss])
    return float(loss), float(np.mean(~(inputs.labels * f > 0)))


def history(records: list[Record], has_test: bool) -> History:
    """Collect records, in the order of their steps, into a `History`."""
    steps, *columns = zip(*records, strict=True)
    train_loss, train_error, test_loss, test_error = (np.array(column) for column in columns)
    return History(
        steps=np.array(steps),
        train_loss=train_loss,
        train_error=train_error,
        test_loss=test_loss if has_test else None,
        test_error=test_error if has_test else None,
    )
