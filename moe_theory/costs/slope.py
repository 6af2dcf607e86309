"""Operations of the slope of the loss."""

from __future__ import annotations

from moe_theory._validation import choice

LOSS_SLOPE = {"logistic": 4, "hinge": 1}


def loss_slope(loss: str) -> int:
    """Return the operations of the slope of the loss of one input, and of its three factors."""
    return LOSS_SLOPE[choice("loss", loss, tuple(LOSS_SLOPE))] + 3
