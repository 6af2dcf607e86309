"""What rounding of weights does to the output, predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import integer
from moe_theory.data.patch_data import PatchData
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
    quantizer: Quantizer | None = None,
) -> NDArray[np.float64]:
    """Predict how much of the output's mean squared change each expert causes when quantized.

    Parameters
    ----------
    run : TrainingRun
        The network.
    bits : int, or sequence of int of length k
        Bits per weight of all experts, or of each.
    data : PatchData
        Inputs over which the change is averaged.
    quantizer : Quantizer, optional
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
    small enough that no unit switches: E (δf)² = Σ_w E(∂f/∂w)² Δ_w²/12. Weights at the ends of a
    grid, its largest and smallest, are not rounded. With few bits neither
    holds. Since Δ falls as 1/(2ᵇ − 1), the bits that minimise the sum at a given average are
    b_s = const + ½ log₂ of what expert s causes at equal bits: large weights and large gates need
    more. Source: derived in docs/theory/inference.md.

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
    squares = mean_squared_slopes(run, data)
    noise = np.empty(k)
    for s, own in enumerate(expert_slices(run)):
        variances = grid.error_variances(run.weights.experts[own], each[s])
        noise[s] = (squares[own] * variances).sum()
    return noise
