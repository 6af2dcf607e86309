"""What each expert adds to the output at each width: every allocation of bits at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arguments import check_samples
from moe_theory._arithmetic import products
from moe_theory._validation import index_array, integer, read_only, real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.quantization import calibrated, rounded_experts
from moe_theory.inference.quantizer import MAX_BITS, Quantizer, grid_of, is_sequence
from moe_theory.inference.received import expert_slices, received_gates
from moe_theory.training import TrainingRun

Array = NDArray[Any]

# Widths that are no bits of a grid: pruned, and weights as they are.
PRUNED, EXACT = 0, 32


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each expert adds to f of each input, at each number of bits; see `expert_contributions`.

    Attributes
    ----------
    widths : tuple of int
        Bits, of which 0 stands for a pruned expert and 32 for weights as they are.
    values : array, shape (widths, k, N)
        What expert s adds to f of input i.
    labels : array of int8, shape (N,)
        y of each input.
    """

    widths: tuple[int, ...]
    values: Array
    labels: Array

    def outputs(self, bits: ArrayLike) -> NDArray[np.float64]:
        """Return f of every input, shape (..., N), for the bits of every expert, shape (..., k).

        Raises
        ------
        ValueError
            If there is not one number per expert, or one is none of the ``widths``.
        """
        given = np.asarray(bits)
        n_experts = self.values.shape[1]
        if given.ndim == 0 or given.shape[-1] != n_experts:
            raise reject("bits.shape", given.shape, f"(..., {n_experts}), one per expert")
        if given.dtype.kind not in "iuf":
            raise reject("bits.dtype", given.dtype, "that of numbers")
        if (unknown := given[~np.isin(given, self.widths)]).size:
            raise reject("bits", unknown.flat[0].item(), f"among the widths {self.widths}")
        place = {width: i for i, width in enumerate(self.widths)}
        rows = given.reshape(-1, n_experts)
        out = np.empty((len(rows), self.values.shape[2]))
        for each, f in zip(rows, out, strict=True):
            at = [place[int(width)] for width in each]
            np.sum(self.values[at, np.arange(n_experts)], axis=0, out=f)
        return out.reshape(*given.shape[:-1], out.shape[1])

    def accuracy(self, bits: ArrayLike, threshold: float = 0.0) -> Array:
        """Return the fraction of inputs with y(f − threshold) > 0 for each allocation, shape (...).

        Examples
        --------
        >>> labels, values = np.array([1, -1], np.int8), np.array([[[0.0, 0.0]], [[2.0, -1.0]]])
        >>> Contributions((0, 32), values, labels).accuracy([[0], [32]])
        array([0., 1.])
        """
        threshold = real("threshold", threshold)
        right = self.labels * (self.outputs(bits) - threshold) > 0
        return np.asarray(right.mean(axis=-1))

    def subset(self, rows: ArrayLike) -> Contributions:
        """Return the same for the inputs of these numbers."""
        picked = index_array("rows", rows, "(N,)", len(self.labels))
        return Contributions(self.widths, self.values[:, :, picked], self.labels[picked])


def expert_contributions(
    run: TrainingRun,
    data: PatchData,
    widths: Sequence[int],
    *,
    quantizer: Quantizer | str | None = None,
    calibration: PatchData | None = None,
) -> Contributions:
    """Compute what each expert adds to the output at each width.

    Routing depends on routers alone, and f is a sum over experts. So the output of a network
    whose experts have any of these widths each is the sum of what is computed here once.

    Parameters
    ----------
    run : TrainingRun
        The network.
    data : PatchData
        N inputs.
    widths : sequence of int
        Bits, 1 to 16; 0, an expert that is pruned while its router stays; 32, weights as they
        are. Where experts choose patches, a router without its expert changes nothing.
    quantizer : Quantizer or str, optional
        As for `quantize`.
    calibration : PatchData, optional
        Inputs for compensated rounding.

    Returns
    -------
    Contributions

    Raises
    ------
    TypeError
        If an argument is another object than it should be.
    ValueError
        If a width is impossible, data do not fit, or there is no calibration where it is needed.
    DivergenceError
        If the training diverged.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> from moe_theory.inference import quantize
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=50))
    >>> parts = expert_contributions(run, data, (0, 1, 3, 32))
    >>> parts.values.shape, parts.accuracy([[3, 1], [32, 0]]).shape
    ((4, 2, 20), (2,))
    >>> bool(np.allclose(parts.outputs([3, 1]), quantize(run, [3, 1]).predict(data), atol=1e-6))
    True
    """
    gates = received_gates(run, data)
    if calibration is not None:
        check_samples(calibration, "calibration")
    grid = grid_of(quantizer)
    asked = _widths(widths)
    moments = None
    if any(width not in (PRUNED, EXACT) for width in asked):
        moments = calibrated(run, grid, calibration)
    values = np.zeros((len(asked), run.model.n_experts, data.n_samples))
    for width, out in zip(asked, values, strict=True):
        if width == PRUNED:
            continue
        experts = run.weights.experts
        if width != EXACT:
            experts = rounded_experts(run, [width] * run.model.n_experts, grid, moments)
        by_pattern = _patch_values(run, experts, data)
        out[...] = (gates * by_pattern[data.indices]).sum(axis=1).T
    return Contributions(asked, read_only(values), data.labels)


def _patch_values(run: TrainingRun, experts: Array, data: PatchData) -> NDArray[np.float64]:
    """Return what each expert makes of each pattern, with the output's scale, shape (P, k)."""
    hidden = run.model.activate(products(experts, data.dictionary.astype(experts.dtype)))
    weighted = hidden.astype(np.float64) * run.weights.output[:, None]
    scale = run.model.output_scale(run.n_patches)
    return scale * np.stack([weighted[own].sum(axis=0) for own in expert_slices(run)], axis=1)


def _widths(widths: Sequence[int]) -> tuple[int, ...]:
    if not is_sequence(widths) or not len(widths):
        raise reject("widths", widths, "a sequence of numbers of bits, 0 or 32 among them or not")
    found = tuple(integer("widths", width, PRUNED, EXACT) for width in widths)
    if impossible := [width for width in found if MAX_BITS < width < EXACT]:
        raise reject("widths", impossible[0], f"0, 32, or an integer in [1, {MAX_BITS}]")
    if len(set(found)) != len(found):
        raise reject("widths", widths, "different numbers of bits")
    return found
