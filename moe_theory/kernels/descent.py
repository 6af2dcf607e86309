"""The loop that all networks and both engines share: steps, and a look around between epochs."""

import math

import numpy as np

from moe_theory.kernels.jit import higher_order, inlined, kernel
from moe_theory.kernels.losses import loss_slopes, loss_value
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED


@higher_order
def descend(step, outputs, network, samples, steps, buffers, state):
    """Take one SGD step per batch; return whether all outputs stayed finite.

    ``step(network, samples, rows, steps, buffers)`` takes one and returns whether f was finite;
    ``outputs(network, samples, rows, buffers)`` writes f of the samples ``rows`` to ``buffers.f``.
    ``state`` carries over calls, see `kernels.state`.
    """
    n_samples = len(samples.labels)
    for t in range(len(steps.bounds) - 1):
        rows = steps.order[steps.bounds[t] : steps.bounds[t + 1]]
        if not step(network, samples, rows, steps, buffers):
            return False
        state[DONE] += 1
        if steps.bounds[t + 1] % n_samples == 0 and _epoch_ends(
            outputs, network, samples, steps, buffers, state
        ):
            return True
    return True


@higher_order
def _epoch_ends(outputs, network, samples, steps, buffers, state):
    """Note zero training error and the loss that was asked for; return whether to stop."""
    if state[FITTED] == NEVER:
        failed = _first_failure(outputs, network, samples, steps, buffers, state[CURSOR], -1.0)
        if failed == NEVER:
            state[FITTED] = state[DONE]
        else:
            state[CURSOR] = failed
    if steps.target >= 0:
        failed = _first_failure(outputs, network, samples, steps, buffers, 0, steps.target)
        if failed == NEVER:
            state[REACHED] = state[DONE]
    return state[REACHED] != NEVER or (steps.stop and state[FITTED] != NEVER)


@higher_order
def _first_failure(outputs, network, samples, steps, buffers, cursor, target):
    """Return the first sample from ``cursor`` on that fails the test of its set, or NEVER.

    A negative ``target`` tests that a sample is classified rightly; another one, that the mean
    loss is at most ``target``, which fails as soon as the sum is larger than N·target.
    """
    n_samples = len(samples.labels)
    rows = np.empty(len(buffers.f), steps.order.dtype)
    done, size, total = 0, 1, 0.0  # one sample first, as it is likely to fail again
    while done < n_samples:
        size = min(size, n_samples - done)
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
        size = len(buffers.f)
    return NEVER


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
