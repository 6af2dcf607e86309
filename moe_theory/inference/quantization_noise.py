"""What rounding of weights does to the output, predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import norms
from moe_theory._validation import integer
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.grids import FINEST
from moe_theory.inference.moments import compensation, received_moments
from moe_theory.inference.quantizer import (
    MAX_BITS,
    Quantizer,
    grid_of,
    is_sequence,
    widths,
)
from moe_theory.inference.received import check_run, expert_slices, received_gates
from moe_theory.inference.slopes import mean_squared_slopes, slopes_along
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
    takes the place of Δ²/12; those of least squares have no part along the weights, where a
    trained unit's slopes lie. With compensated rounding the
    error of a neuron is Uᵀe, where U is that of `compensation` and e_q has the variance
    Δ²/(12 U_qq²): then the slopes that are squared are those of U·∂f/∂w. With few bits none of
    this holds. Since Δ falls as 1/(2ᵇ − 1), the bits that minimise the sum at a given average
    are b_s = const + ½ log₂ of what expert s causes at equal bits: large weights and large gates
    need more. Source: derived in docs/theory/inference.md.

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
    if grid.compensates:
        return _compensated(run, each, data, grid)
    squares = mean_squared_slopes(run, data)
    fitted = grid.scale == "least_squares" and min(each) <= FINEST
    gates = received_gates(run, data) if fitted else None
    noise = np.empty(k)
    for s, own in enumerate(expert_slices(run)):
        weights = run.weights.experts[own]
        variances = grid.error_variances(weights, each[s])
        if gates is not None and each[s] <= FINEST:
            rounded = grid.apply(weights, each[s]).astype(np.float64)
            for group in grid.groups(run.patch_dim):
                directions = _directions(rounded, group)
                along = slopes_along(run, s, data, gates, directions)
                squares[own, group] = _across(squares[own, group], along)
        noise[s] = (squares[own] * variances).sum()
    return noise


def _compensated(
    run: TrainingRun, each: list[int], data: PatchData, grid: Quantizer
) -> NDArray[np.float64]:
    factors = [
        grid.passed_on(compensation(moments), bits)
        for moments, bits in zip(received_moments(run, data), each, strict=True)
    ]
    squares = mean_squared_slopes(run, data, turned=factors)
    noise = np.empty(len(each))
    for s, own in enumerate(expert_slices(run)):
        steps = grid.grids(run.weights.experts[own], each[s])[1]
        variances = steps**2 / 12 / np.diagonal(factors[s]) ** 2
        noise[s] = (squares[own] * variances).sum()
    return noise


def _directions(rounded: NDArray[np.float64], group: slice) -> NDArray[np.float64]:
    """Return the rounded weights of one grid as unit vectors, 0 elsewhere, shape (units, d)."""
    directions = np.zeros_like(rounded)
    lengths = norms(rounded[:, group])[:, None]
    np.divide(rounded[:, group], lengths, out=directions[:, group], where=lengths > 0)
    return directions


def _across(squares: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared slopes of one grid without their part along its rounded weights.

    Errors of a least-squares fit are at right angles to what was fitted, and share the other
    directions: what is left is multiplied by d/(d − 1).
    """
    size = squares.shape[1]
    left: NDArray[np.float64] = (squares - along[:, None] / size) * (size / max(1, size - 1))
    return left
