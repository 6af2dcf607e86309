"""What rounding of weights does to the output, predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import integer
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.moments import compensation, received_moments
from moe_theory.inference.quantizer import (
    MAX_BITS,
    Quantizer,
    grid_of,
    is_sequence,
    widths,
)
from moe_theory.inference.received import check_run, expert_slices
from moe_theory.inference.slopes import mean_squared_slopes
from moe_theory.training import TrainingRun


def rounding_noise(
    run: TrainingRun,
    bits: int | Sequence[int],
    data: PatchData,
    quantizer: Quantizer | str | None = None,
) -> NDArray[np.float64]:
    """Predict how much of the output's mean squared change each expert causes when quantized.

    Parameters
    ----------
    run : TrainingRun
        The network.
    bits : int, or sequence of int of length k
        Bits per weight of all experts, or of each.
    data : PatchData
        Inputs over which the change is averaged, and by which rounding is compensated.
    quantizer : Quantizer or str, optional
        By default as for `quantize`.

    Returns
    -------
    array, shape (k,)
        Their sum is the prediction of E (f_quantized − f)².

    Raises
    ------
    ValueError
        If bits are not in [1, 16] or not one per expert, or data do not fit.
    DivergenceError
        If the training diverged.

    Notes
    -----
    Rounding errors are taken as independent and uniform over one step Δ, of variance Δ²/12, and
    small enough that no unit switches: E (δf)² = Σ_w E(∂f/∂w)² Δ_w²/12. Weights at an end of the
    range are not rounded. On grids that were fitted to weights, the mean of the squared errors
    takes the place of Δ²/12. With compensated rounding the
    error of a neuron is Uᵀe, where U is that of `compensation` and e_q has the variance
    Δ²/(12 U_qq²): then the slopes that are squared are those of U·∂f/∂w. With few bits none of
    this holds. Since Δ falls as 1/(2ᵇ − 1), the bits that minimise the sum at a given average
    are b_s = const + ½ log₂ of what expert s causes at equal bits: large weights and large gates
    need more. See docs/theory/inference.md.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5))
    >>> fine, coarse = (rounding_noise(run, bits, data).sum() for bits in (4, 3))
    >>> round(float(coarse / fine), 6) == round((15 / 7) ** 2, 6)
    True
    """
    check_run(run)
    k, grid = run.model.n_experts, grid_of(quantizer)
    each = widths(bits, k) if is_sequence(bits) else [integer("bits", bits, 1, MAX_BITS)] * k
    weights = [run.weights.experts[own] for own in expert_slices(run)]
    if grid.compensates:
        factors = [compensation(moments) for moments in received_moments(run, data)]
        squares = mean_squared_slopes(run, data, turned=factors)
        variances = [
            grid.grids(own, bits)[1] ** 2 / 12 / np.diagonal(factor) ** 2
            for own, bits, factor in zip(weights, each, factors, strict=True)
        ]
    else:
        squares = mean_squared_slopes(run, data)
        variances = [
            grid.error_variances(own, bits) for own, bits in zip(weights, each, strict=True)
        ]
    return np.array(
        [(squares[own] * variances[s]).sum() for s, own in enumerate(expert_slices(run))]
    )
