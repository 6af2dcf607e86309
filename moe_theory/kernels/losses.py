"""Losses as functions of the margin y·f."""

import math

from moe_theory.kernels.jit import kernel

LOGISTIC = 0
HINGE = 1


@kernel
def loss_value(margin, loss):
    """Return log(1 + e^{−margin}), or max(0, 1 − margin)."""
    if loss == HINGE:
        return max(0.0, 1.0 - margin)
    if margin > 0.0:
        return math.log1p(math.exp(-margin))
    return math.log1p(math.exp(margin)) - margin


@kernel
def loss_slope(margin, loss):
    """Return the derivative of the loss in the margin; the hinge has slope 0 at margin 1."""
    if loss == HINGE:
        return -1.0 if margin < 1.0 else 0.0
    if margin > 0.0:
        decay = math.exp(-margin)
        return -decay / (1.0 + decay)
    return -1.0 / (1.0 + math.exp(margin))


@kernel
def mean_loss(f, labels, loss):
    """Return the mean loss over samples, summed in double precision."""
    total = 0.0
    for i in range(len(f)):
        total += loss_value(float(labels[i]) * float(f[i]), loss)
    return total / len(f)


@kernel
def fails(margin, n_samples, loss, target, total):
    """Return whether a sample fails the test of its set, and the sum of losses so far.

    A negative ``target`` tests that the sample is classified rightly; another one, that the mean
    loss is at most ``target``, which fails as soon as the sum is larger than N·target.
    """
    if target < 0:
        return not margin > 0, total
    total += loss_value(margin, loss)
    return not total <= target * n_samples, total
