"""The inner loop of the theory of networks on images: SGD on outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import loss_slopes

Array = NDArray[Any]


class Learner(NamedTuple):
    """Samples that learn by a kernel.

    ``gram`` (N, N) is the change of all outputs by a unit pull of each sample, ``labels`` (N,) is
    ±1, ``outputs`` (N,) and ``pulls`` (N,) are changed in place.
    """

    gram: Array
    labels: Array
    outputs: Array
    pulls: Array


@kernel
def descend_outputs(learner: Learner, order: Array, bounds: Array, rate: float, loss: int) -> None:
    """Take the steps of SGD on the batches order[bounds[t]:bounds[t+1]]."""
    for t in range(len(bounds) - 1):
        batch = order[bounds[t] : bounds[t + 1]]
        slopes = np.empty(len(batch))
        for place, i in enumerate(batch):
            slopes[place] = learner.labels[i] * learner.outputs[i]
        loss_slopes(slopes, loss)
        for place, i in enumerate(batch):
            pull = -rate / len(batch) * slopes[place] * learner.labels[i]
            learner.pulls[i] += pull
            row = learner.gram[i]
            for j in range(len(row)):
                learner.outputs[j] += pull * row[j]
