"""Losses as functions of the margin y·f."""

from moe_theory.kernels.codes import HINGE
from moe_theory.kernels.elementary import exp, log1p
from moe_theory.kernels.jit import kernel


@kernel
def loss_value(margin, loss):
    """Return log(1 + e^{−margin}), or max(0, 1 − margin), in double precision."""
    margin = float(margin)
    if loss == HINGE:
        return max(0.0, 1.0 - margin)
    if margin > 0.0:
        return log1p(exp(-margin))
    return log1p(exp(margin)) - margin


@kernel
def loss_slopes(margins, loss):
    """Replace margins by the derivatives of the loss; the hinge has slope 0 at margin 1."""
    zero, one = margins.dtype.type(0), margins.dtype.type(1)
    if loss == HINGE:
        for i in range(len(margins)):
            margins[i] = -one if margins[i] < one else zero
    else:
        for i in range(len(margins)):
            margins[i] = -one / (one + exp(margins[i]))


@kernel
def mean_loss(f, labels, loss):
    """Return the mean loss over samples, summed in double precision."""
    total = 0.0
    for i in range(len(f)):
        total += loss_value(float(labels[i]) * float(f[i]), loss)
    return total / len(f)
