"""`Quantizer`: weights rounded to a uniform grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import (
    boolean,
    choice,
    instance,
    integer,
    read_only,
    real_array,
    reject,
    set_fields,
)
from moe_theory.inference.grids import SCALES, grid, levels
from moe_theory.inference.moments import compensation
from moe_theory.kernels.rounding import round_columns

Array = NDArray[Any]
MAX_BITS = 16
ROUNDINGS = ("nearest", "compensated", "released")
# As P26's copy of GPTQ has it: weights of a block, and the bits above which they compensate there.
BLOCK, COARSE = 128, 3


@dataclass(frozen=True)
class Quantizer:
    """Uniform quantization after training, one grid per neuron or per group of its weights.

    With b bits a grid has 2ᵇ points, spaced evenly.

    Parameters
    ----------
    symmetric : bool
        Whether the grid is symmetric about 0; it then needs one stored number, otherwise two.
    group_size : int, optional
        Consecutive weights of a neuron that share a grid; by default all of them.
    scale : {"range", "least_squares", "half_quadratic"}
        Where the grid lies, up to 8 bits; with more it spans the range of the weights.
        ``range``: from −max|w| to max|w| if symmetric, from min w to max w otherwise.
        ``least_squares``: with the least sum of squared errors; with one symmetric bit, the points
        are ± the mean of |w|. Not symmetric, it is the best that a local search finds.
        ``half_quadratic``: HQQ, which has outliers count less than their squares do. It moves the
        grid of the range without changing its step; a symmetric grid, which cannot move, gets
        another step.
    rounding : {"nearest", "compensated", "released"}
        ``nearest``: to the nearest point.
        ``compensated``: as GPTQ does, one weight after the other, where those still to come make up
        for what the outputs have lost so far. This needs the second moments of what the expert
        receives.
        ``released``: as P26's copy of GPTQ does. With up to 3 bits, weights make up only for what
        earlier blocks of 128 have lost, not for their own block: with d ≤ 128 it is ``nearest``.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    A symmetric grid has no point at 0, so that one bit leaves the sign. Source: Frantar and others
    (2023) for compensated rounding, in their order of columns and with their damping of 1 %;
    Badri and Shaji (2023) for half-quadratic scales.

    Examples
    --------
    >>> Quantizer().apply(np.array([[-1.0, -0.2, 0.1, 0.5]]), bits=2).round(2)
    array([[-1.  , -0.33,  0.33,  0.33]])
    >>> Quantizer(scale="least_squares").apply(np.array([[-1.0, -0.2, 0.1, 0.5]]), bits=1)
    array([[-0.45, -0.45,  0.45,  0.45]])
    """

    symmetric: bool = True
    group_size: int | None = None
    scale: str = "range"
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        set_fields(
            self,
            symmetric=boolean("symmetric", self.symmetric),
            scale=choice("scale", self.scale, SCALES),
            rounding=choice("rounding", self.rounding, ROUNDINGS),
        )
        if self.group_size is not None:
            set_fields(self, group_size=integer("group_size", self.group_size, 1))

    @property
    def compensates(self) -> bool:
        """Whether it needs the second moments of what an expert receives."""
        return self.rounding != "nearest"

    def apply(self, weights: Array, bits: int, moments: ArrayLike | None = None) -> Array:
        """Return the weights, shape (units, d), rounded with the given number of bits.

        Parameters
        ----------
        weights : array, shape (units, d)
            Of one expert.
        bits : int
            1 to 16.
        moments : array, shape (d, d)
            Second moments of what the expert receives, see `received_moments`; needed for
            compensated rounding, and not used otherwise.

        Raises
        ------
        TypeError
            If weights are no array of numbers.
        ValueError
            If bits are not in [1, 16], weights are not finite, or moments are missing.
        """
        weights, bits = _checked(weights, bits)
        whole = weights.astype(np.float64)
        if self.compensates:
            factor = self.passed_on(_factor(moments, weights.shape[1]), bits)
            rounded = self._compensated(whole, bits, factor)
        else:
            low, step = self.grids(whole, bits)
            rounded = low + levels(whole, bits, low, step) * step
        same: Array = rounded.astype(weights.dtype)
        return same

    def error_variances(self, weights: Array, bits: int) -> Array:
        """Return the expected squared error of rounding each weight alone, shape (units, d).

        With the range as its scale it is step²/12, as for a weight anywhere between two points, but
        0 for weights at an end of their grid. Other scales go by the weights: it is the mean of
        the squared errors over the weights that share a grid.

        Raises
        ------
        ValueError
            As `apply` does.

        Examples
        --------
        >>> Quantizer().error_variances(np.array([[-1.0, 0.5]]), bits=1).round(3)
        array([[0.   , 0.333]])
        """
        weights, bits = _checked(weights, bits)
        whole = weights.astype(np.float64)
        low, step = self.grids(whole, bits)
        if self.scale == "range":
            top = low + step * (2**bits - 1)
            # The grid begins and ends at weights, up to rounding.
            at_end = np.minimum(whole - low, top - whole) <= 1e-9 * (top - low)
            variances: Array = np.where(at_end, 0.0, step**2 / 12)
            return variances
        gaps: Array = whole - (low + levels(whole, bits, low, step) * step)
        for own in self.groups(weights.shape[1]):
            gaps[:, own] = np.mean(gaps[:, own] ** 2, axis=1, keepdims=True)
        return gaps

    def grids(self, weights: Array, bits: int) -> tuple[Array, Array]:
        """Return the lowest point and the spacing of the grid of each weight, shape (units, d)."""
        lowest, step = np.empty(weights.shape), np.empty(weights.shape)
        for own in self.groups(weights.shape[1]):
            group = weights[:, own].astype(np.float64)
            lowest[:, own], step[:, own] = grid(group, bits, self.symmetric, self.scale)
        return lowest, step

    def passed_on(self, factor: Array, bits: int) -> Array:
        """Return U of `compensation` without what weights do not make up for.

        Examples
        --------
        >>> Quantizer(rounding="released").passed_on(np.array([[2.0, 1.0], [0.0, 3.0]]), bits=3)
        array([[2., 0.],
               [0., 3.]])
        """
        if self.rounding != "released" or bits > COARSE:
            return factor
        block = np.arange(len(factor)) // BLOCK
        kept: Array = np.where(block[:, None] < block, factor, 0.0)
        np.fill_diagonal(kept, np.diagonal(factor))
        return kept

    def _compensated(self, weights: Array, bits: int, factor: Array) -> Array:
        left, rounded = weights.copy(), np.empty_like(weights)
        for own in self.groups(weights.shape[1]):
            # As in GPTQ, the grid is that of what the weights have become.
            low, step = grid(left[:, own].copy(), bits, self.symmetric, self.scale)
            ends = low[:, 0].copy(), step[:, 0].copy(), float(2**bits - 1)
            round_columns(left, *ends, read_only(factor), (own.start, own.stop), rounded)
        return rounded

    def groups(self, patch_dim: int) -> list[slice]:
        """Return which weights of a neuron share a grid."""
        size = self.group_size or patch_dim
        return [slice(at, min(at + size, patch_dim)) for at in range(0, patch_dim, size)]

    def stored_numbers(self, patch_dim: int) -> int:
        """Return how many numbers one neuron of d weights stores beside them, in full precision.

        Examples
        --------
        >>> Quantizer(symmetric=False, group_size=4).stored_numbers(10)
        6
        """
        n_grids = 1 if self.group_size is None else -(-patch_dim // self.group_size)
        return n_grids * (1 if self.symmetric else 2)


QUANTIZERS = {
    "range": Quantizer(),
    "least_squares": Quantizer(scale="least_squares"),
    "gptq": Quantizer(scale="least_squares", rounding="compensated"),
    "gptq_released": Quantizer(scale="least_squares", rounding="released"),
    "hqq": Quantizer(symmetric=False, scale="half_quadratic"),
}


def grid_of(quantizer: Quantizer | str | None) -> Quantizer:
    """Return ``quantizer``, the one of this name, or the one that is taken where none is given.

    Examples
    --------
    >>> grid_of("hqq")
    Quantizer(symmetric=False, group_size=None, scale='half_quadratic', rounding='nearest')
    """
    if quantizer is None:
        return Quantizer()
    if isinstance(quantizer, str):
        return QUANTIZERS[choice("quantizer", quantizer, tuple(QUANTIZERS))]
    instance("quantizer", quantizer, Quantizer, "a Quantizer, or the name of one")
    return quantizer


def is_sequence(bits: Any) -> bool:
    """Return whether ``bits`` are those of every expert, and not one number for all."""
    return (isinstance(bits, Sequence) and not isinstance(bits, str)) or bool(np.ndim(bits))


def widths(bits: Any, n_experts: int) -> list[int]:
    """Return the bits of every expert, given as a sequence."""
    if len(bits) != n_experts:
        raise reject("len(bits)", len(bits), f"{n_experts}, one per expert")
    return [integer("bits", width, 1, MAX_BITS) for width in bits]


def _factor(moments: ArrayLike | None, patch_dim: int) -> Array:
    """Return U of `compensation`, after a look at the moments."""
    if moments is None:
        raise reject("moments", None, "given, for compensated rounding")
    given = real_array("moments", moments, "(d, d)").astype(np.float64)
    if given.shape != (patch_dim, patch_dim):
        raise reject("moments.shape", given.shape, f"({patch_dim}, {patch_dim})")
    return compensation(given)


def _checked(weights: Any, bits: int) -> tuple[Array, int]:
    return real_array("weights", weights, "(units, d)"), integer("bits", bits, 1, MAX_BITS)
