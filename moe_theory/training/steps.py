"""The steps of a training, in calls that stay short."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moe_theory._progress import progress_bar
from moe_theory._random import Seed, stream
from moe_theory._stopping import stop_if_asked
from moe_theory._validation import all_finite
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.state import DONE, FITTED, NEVER, REACHED, SCAN
from moe_theory.models import Weights
from moe_theory.models.score_noise import NoisyScores
from moe_theory.training.batches import Block, blocks
from moe_theory.training.history import History
from moe_theory.training.recording import Trainee, history, is_finite, measure
from moe_theory.training.sgd import SGD
from moe_theory.training.work import Call


class Recorded(NamedTuple):
    """What was recorded, and after how many steps the training diverged, if it did."""

    history: History
    diverged_at: int | None


def run_steps(
    trainee: Trainee, test: PatchData | None, seed: Seed, call: Call, *, progress: bool = False
) -> Recorded:
    """Take all steps, in calls of the kernel that do no more than ``call``, which changes no bits.

    Training has diverged after the first number of steps at which a weight, an output on the next
    batch, or an output or loss to be recorded is not finite.
    """
    sgd, marks, has_test = trainee.sgd, trainee.state.marks, test is not None
    due = sgd.record_steps(sgd.steps(len(trainee.inputs.labels)))
    shown = None if test is None else trainee.prepare(test)
    records = [measure(trainee, shown)]
    finite = trainee.finite() and finite_weights(trainee.weights())
    finite = finite and is_finite(records[0], has_test=has_test)
    with progress_bar(due[-1], "step", shown=progress, delay=1.0) as bar:
        for part in _parts(trainee, due, seed, call) if finite else ():
            stop_if_asked()
            finite = _advance(trainee, part, call)
            bar.update(int(marks[DONE]) - bar.n)
            while marks[SCAN] != NEVER:
                stop_if_asked()
                trainee.advance(part, call.n_samples)
            ended = marks[REACHED] != NEVER or (sgd.stop_at_zero_error and marks[FITTED] != NEVER)
            if finite and (ended or _is_due(due, int(marks[DONE]))):
                record = measure(trainee, shown)
                if finite := is_finite(record, has_test=has_test):
                    records.append(record)
            if ended or not finite:
                break
    finite = finite and finite_weights(trainee.weights())
    return Recorded(history(records, has_test), None if finite else int(marks[DONE]))


def finite_weights(weights: Weights) -> bool:
    """Return whether all weights are finite."""
    return all_finite(weights.arrays().values())


def cut(block: Block, marks: Iterable[int], per_call: int) -> Iterator[Block]:
    """Split a block after the steps ``marks``, and so that no part has more than ``per_call``.

    Examples
    --------
    >>> import numpy as np
    >>> block, = blocks(6, 2, 9, np.random.default_rng(0))
    >>> [len(part.bounds) - 1 for part in cut(block, [5], 3)]
    [3, 2, 3, 1]
    """
    for first, last in pairwise(sorted({0, *marks, len(block.bounds) - 1})):
        for start in range(first, last, per_call):
            stop = min(start + per_call, last)
            yield block.part(start, stop)


def _is_due(due: list[int], step: int) -> bool:
    place = bisect_left(due, step)
    return place < len(due) and due[place] == step


def _parts(trainee: Trainee, due: list[int], seed: Seed, call: Call) -> Iterator[Block]:
    n_samples, batch_size = len(trainee.inputs.labels), trainee.sgd.batch_size
    model, noise = trainee.model, stream(seed, "routing noise")
    for block in blocks(n_samples, batch_size, due[-1], stream(seed, "batches")):
        done, total = int(trainee.state.marks[DONE]), len(block.bounds) - 1
        first, last = bisect_right(due, done), bisect_left(due, done + total)
        marks = [step - done for step in due[first:last]]
        if n_samples > call.n_samples:
            marks += np.flatnonzero(block.bounds % n_samples == 0).tolist()
        for part in cut(block, marks, call.n_steps):
            # Drawn part by part, so that memory stays small.
            if isinstance(model, NoisyScores) and model.noise != "none":
                drawn = model.next_noise(part.n_visits, trainee.inputs.n_patches, noise)
                yield part._replace(noise=_faded(drawn, part, done, trainee.sgd))
            else:
                yield part
            done += len(part.bounds) - 1


def _faded(noise: NDArray[np.float64], part: Block, done: int, sgd: SGD) -> NDArray[np.float64]:
    """Return the noise of a part that starts after so many steps, by the schedule."""
    if sgd.noise_steps is None:
        return noise
    steps = np.repeat(np.arange(len(part.bounds) - 1), np.diff(part.bounds))
    return noise * sgd.noise_share(done + steps)[:, None]


def _advance(trainee: Trainee, part: Block, call: Call) -> bool:
    """Take the steps of ``part``; where they diverge, only those before, and return False.

    A kernel may see weights that are not finite only at its end, so that the step is looked for
    by bisection: weights that stopped being finite stay so.
    """
    before = [array.copy() for array in trainee.changing()]
    if trainee.advance(part, call.n_samples):
        return True
    good, bad = 0, len(part.bounds) - 1
    while bad - good > 1:
        stop_if_asked()
        middle = (good + bad) // 2
        _restore(trainee, before)
        if trainee.advance(part.part(good, middle), call.n_samples):
            good, before = middle, [array.copy() for array in trainee.changing()]
        else:
            bad = middle
    _restore(trainee, before)
    trainee.advance(part.part(good, bad), call.n_samples)
    return False


def _restore(trainee: Trainee, before: list[NDArray[Any]]) -> None:
    for array, old in zip(trainee.changing(), before, strict=True):
        array[...] = old
