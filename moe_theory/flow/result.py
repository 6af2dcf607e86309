"""`Flow`: the curves of one training, from an ODE or from SGD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import read_only
from moe_theory.models import Model, Weights

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flow:
    """Order parameters of a network in training, at T times.

    Attributes
    ----------
    model : DenseCNN, SeparateMoE or JointMoE
        The architecture.
    times : array, shape (T,)
        τ = learning rate × steps of the experts.
    loss : array, shape (T,)
        Mean loss over what the flow descends: the training samples, or the population.
    loss_error : array, shape (T,)
        Standard error of ``loss`` where the population is a Monte-Carlo sample; 0 otherwise.
    test_loss, test_error : array, shape (T,), or None
        Mean loss and fraction with y f ≤ 0 of the test samples, where given.
    positive, negative : array, shape (T, k)
        h_s(o₁) and h_s(o₂), where h_s(q) = Σ_{r in s} a_r relu⟨w_r, q⟩ over the units of expert s.
    alignment : array, shape (T, k), or None
        Cosine between router w_s and o₁ − o₂; None for a dense network, NaN where w_s = 0.
    gate_positive, gate_negative : array, shape (T, k), or None
        Mean gate of the discriminative patch in expert s, over inputs with y = +1 and y = −1 of
        what the flow descends; 0 where the patch is not received. Gates are 1 in separate
        training. None for a dense network.
    weights : Weights
        Parameters at the last time.
    n_evaluations : int
        Gradients that the solver computed, or steps of SGD.

    Notes
    -----
    Source: derived in docs/theory/dynamics.md.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> from moe_theory.flow import gradient_flow
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> flow = gradient_flow(DenseCNN(10), data, SGD(0.1, batch_size=20, n_steps=400))
    >>> bool((np.diff(flow.loss) < 0).all()), flow.positive.shape
    (True, (101, 1))
    """

    model: Model
    times: Array
    loss: Array
    loss_error: Array
    test_loss: Array | None
    test_error: Array | None
    positive: Array
    negative: Array
    alignment: Array | None
    gate_positive: Array | None
    gate_negative: Array | None
    weights: Weights
    n_evaluations: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))

    @property
    def contrast(self) -> NDArray[Any]:
        """h(o₁) − h(o₂) of the whole network, shape (T,)."""
        difference: NDArray[Any] = (self.positive - self.negative).sum(axis=1)
        return difference
