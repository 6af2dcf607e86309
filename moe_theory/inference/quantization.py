"""`quantize`: store the weights of experts in fewer bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._random import Seed
from moe_theory._validation import real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.allocation import allocate_bits
from moe_theory.inference.moments import received_moments
from moe_theory.inference.quantizer import (
    MAX_BITS,
    Quantizer,
    grid_of,
    is_sequence,
    widths,
)
from moe_theory.inference.received import check_run, expert_slices
from moe_theory.training import TrainingRun


@dataclass(frozen=True)
class Quantization:
    """How expert weights are stored.

    Attributes
    ----------
    bits : tuple of int
        Bits per weight of each expert.
    quantizer : Quantizer
        The grids.
    """

    bits: tuple[int, ...]
    quantizer: Quantizer

    @property
    def average_bits(self) -> float:
        """Mean over experts, which are all of one size."""
        return float(np.mean(self.bits))


def quantize(
    run: TrainingRun,
    bits: float | Sequence[int],
    *,
    allocation: str | ArrayLike = "uniform",
    levels: Sequence[int] | None = None,
    lift: float | None = None,
    data: PatchData | None = None,
    seed: Seed = 0,
    quantizer: Quantizer | str | None = None,
) -> TrainingRun:
    """Round the hidden weights of every expert to its grid; routers and output weights stay.

    Parameters
    ----------
    run : TrainingRun
        The network; a dense one counts as one expert.
    bits : float, or sequence of int of length k
        Bits per weight, 1 to 16: the average over experts, or the bits of each.
    allocation, levels, lift, seed
        How an average is spent, see `allocate_bits`; not with bits given per expert.
    data : PatchData, optional
        Inputs over which `allocate_bits` averages, and from which compensated rounding takes
        what experts receive.
    quantizer : Quantizer or str, optional
        The grids, or their name, one of `QUANTIZERS`; by default symmetric over the range of the
        weights, with one grid per neuron.

    Returns
    -------
    TrainingRun
        The network with rounded weights; its history is that of the training. What was done
        stands in its ``compression``.

    Raises
    ------
    TypeError
        If an argument is another object than it should be.
    ValueError
        If the bits are below 1 or above 16 or not one per expert, data are missing, or as
        `allocate_bits` does.
    DivergenceError
        If the training diverged.

    Notes
    -----
    Source: P26, where weights are quantized by GPTQ and by HQQ.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))
    >>> small = quantize(run, 2.5, allocation="router_norm_change", levels=(4, 2))
    >>> small.compression[-1].average_bits
    2.5
    >>> gptq = quantize(run, 2, quantizer="gptq", data=data)
    >>> gptq.compression[-1].quantizer.rounding
    'compensated'
    """
    check_run(run)
    run.check_usable()
    grid = grid_of(quantizer)
    if is_sequence(bits):
        other = not (isinstance(allocation, str) and allocation == "uniform")
        asked = {"allocation": other, "levels": levels is not None, "lift": lift is not None}
        if given := [name for name, value in asked.items() if value]:
            raise reject("bits", bits, f"an average where {given[0]} is given")
        each = widths(bits, run.model.n_experts)
    else:
        average = real("bits", bits, 1, MAX_BITS)
        each = allocate_bits(
            run, average, allocation, levels=levels, lift=lift, data=data, seed=seed, quantizer=grid
        ).tolist()
    experts = rounded_experts(run, each, grid, calibrated(run, grid, data))
    return replace(
        run,
        weights=replace(run.weights, experts=experts),
        compression=(*run.compression, Quantization(tuple(each), grid)),
    )


def rounded_experts(
    run: TrainingRun,
    bits: Sequence[int],
    quantizer: Quantizer,
    moments: NDArray[np.float64] | None,
) -> NDArray[np.floating[Any]]:
    """Return the hidden weights of all experts, shape (m, d), each rounded with its bits.

    ``moments`` are those of `calibrated`.
    """
    experts = run.weights.experts.copy()
    for s, (own, width) in enumerate(zip(expert_slices(run), bits, strict=True)):
        experts[own] = quantizer.apply(experts[own], width, None if moments is None else moments[s])
    return experts


def calibrated(
    run: TrainingRun, quantizer: Quantizer, data: PatchData | None
) -> NDArray[np.float64] | None:
    """Return the second moments, shape (k, d, d), that a quantizer needs, or None if it needs none.

    Raises
    ------
    ValueError
        If they are needed, and there are no data.
    """
    if not quantizer.compensates:
        return None
    if data is None:
        raise reject("data", None, "given, for compensated rounding: what experts receive")
    return received_moments(run, data)
