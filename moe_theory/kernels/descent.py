"""The loop that all networks and both engines share: steps, and a look around between epochs."""

import math

import numpy as np

from moe_theory.kernels.jit import higher_order, inlined, kernel
from moe_theory.kernels.losses import loss_slopes, loss_value
from moe_theory.kernels.state import (
    CURSOR,
    DONE,
    ERRORS,
    FITTED,
    LOSSES,
    NEVER,
    PASSED,
    REACHED,
    SCAN,
)

# Neither a sample nor NEVER: the call has looked at as many as it may.
LATER = -2


@higher_order
def descend(step, outputs, network, samples, steps, buffers, state):
    """Take one SGD step per batch; return whether all outputs stayed finite.

    ``step(network, samples, rows, steps, buffers)`` takes one and returns whether f was finite;
    ``outputs(network, samples, rows, buffers)`` writes f of the samples ``rows`` to ``buffers.f``.
    ``state`` carries over calls, see `kernels.state`. Where the last call ended before its look
    around did, this one goes on with that and takes no step; so there an epoch may end with the
    last step of a call alone.
    """
    n_samples = len(samples.labels)
    looking = state.marks[SCAN] != NEVER
    for t in range(len(steps.bounds) - 1):
        if not looking:
            rows = steps.order[steps.bounds[t] : steps.bounds[t + 1]]
            if not step(network, samples, rows, steps, buffers):
                return False
            state.marks[DONE] += 1
        if (looking or steps.bounds[t + 1] % n_samples == 0) and (
            _epoch_ends(outputs, network, samples, steps, buffers, state) or looking
        ):
            return True
    return True


@higher_order
def _epoch_ends(outputs, network, samples, steps, buffers, state):
    """Note zero training error and the loss that was asked for; return whether the call ends."""
    marks = state.marks
    if marks[FITTED] == NEVER and marks[SCAN] != LOSSES:
        failed = _first_failure(outputs, network, samples, steps, buffers, state, -1.0)
        if failed == LATER:
            return True
        if failed == NEVER:
            marks[FITTED] = marks[DONE]
        else:
            marks[CURSOR] = failed
    if steps.target >= 0:
        failed = _first_failure(outputs, network, samples, steps, buffers, state, steps.target)
        if failed == LATER:
            return True
        if failed == NEVER:
            marks[REACHED] = marks[DONE]
    return marks[REACHED] != NEVER or (steps.stop and marks[FITTED] != NEVER)


@higher_order
def _first_failure(outputs, network, samples, steps, buffers, state, target):
    """Return the first sample that fails the test of its set, or NEVER, or LATER if not yet known.

    A negative ``target`` tests that a sample is classified rightly, from the cursor on; another
    one, that the mean loss is at most ``target``, which fails as soon as the sum is larger than
    N·target.
    """
    marks, n_samples = state.marks, len(samples.labels)
    rows = np.empty(len(buffers.f), steps.order.dtype)
    cursor = marks[CURSOR] if target < 0 else 0
    done, total = marks[PASSED], state.total[0]
    marks[SCAN], marks[PASSED], state.total[0] = NEVER, 0, 0.0
    size = 1 if done == 0 else len(rows)  # one sample first, as it is likely to fail again
    end = min(n_samples, done + steps.n_looked)
    while done < end:
        size = min(size, end - done)
        for b in range(size):
            rows[b] = (cursor + done + b) % n_samples
        outputs(network, samples, rows[:size], buffers)
        for b in range(size):
            margin = float(samples.labels[rows[b]]) * float(buffers.f[b])
            if target < 0:
                failed = not margin > 0
            else:
                total += loss_value(margin, steps.loss)
                failed = not total <= target * n_samples
            if failed:
                return rows[b]
        done += size
        size = len(rows)
    if done == n_samples:
        return NEVER
    marks[SCAN] = ERRORS if target < 0 else LOSSES
    marks[PASSED], state.total[0] = done, total
    return LATER


@inlined
def to_slopes(f, rows, labels, loss, factor):
    """Turn outputs into slopes of the mean loss, times ``factor``; return whether f was finite."""
    number = f.dtype.type
    size = number(len(rows))
    finite = True
    for i in range(len(rows)):
        finite &= math.isfinite(f[i])
        f[i] *= number(labels[rows[i]])
    if not finite:
        return False
    loss_slopes(f, loss)
    for i in range(len(rows)):
        f[i] = f[i] * number(labels[rows[i]]) * factor / size
    return True


@kernel
def longest(bounds):
    """Return the largest batch size."""
    size = 0
    for t in range(len(bounds) - 1):
        size = max(size, bounds[t + 1] - bounds[t])
    return size
