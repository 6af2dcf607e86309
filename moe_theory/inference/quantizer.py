"""`Quantizer`: weights rounded to a uniform grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import boolean, instance, integer, real_array, reject, set_fields

Array = NDArray[Any]
MAX_BITS = 16


@dataclass(frozen=True)
class Quantizer:
    """Uniform quantization after training, one grid per neuron or per group of its weights.

    With b bits a grid has 2ᵇ points, spaced evenly over the range of the weights that share it:
    from −max|w| to max|w| if symmetric, from min w to max w otherwise.

    Parameters
    ----------
    symmetric : bool
        Whether the grid is symmetric about 0; it then needs one stored number, otherwise two.
    group_size : int, optional
        Consecutive weights of a neuron that share a grid; by default all of them.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    A symmetric grid has no point at 0, so that one bit leaves the sign: ±max|w|. Rounding moves a
    weight by at most half a step, range/(2ᵇ − 1)/2. Source: a modelling choice; P26's
    released code uses other quantizers, GPTQ and HQQ.

    Examples
    --------
    >>> Quantizer().apply(np.array([[-1.0, -0.2, 0.1, 0.5]]), bits=2).round(2)
    array([[-1.  , -0.33,  0.33,  0.33]])
    >>> Quantizer(symmetric=False).apply(np.array([[-1.0, -0.2, 0.1, 0.5]]), bits=2)
    array([[-1. ,  0. ,  0. ,  0.5]])
    """

    symmetric: bool = True
    group_size: int | None = None

    def __post_init__(self) -> None:
        set_fields(self, symmetric=boolean("symmetric", self.symmetric))
        if self.group_size is not None:
            set_fields(self, group_size=integer("group_size", self.group_size, 1))

    def apply(self, weights: Array, bits: int) -> Array:
        """Return ``weights``, shape (units, d), rounded to ``bits`` bits.

        Single precision is kept; all else becomes double.

        Raises
        ------
        ValueError
            If ``bits`` is not in [1, 16], or a weight is not finite.
        """
        weights, bits = _checked(weights, bits)
        low, step = self._grids(weights, bits)
        whole = weights.astype(np.float64)
        level = np.rint(np.divide(whole - low, step, out=np.zeros_like(whole), where=step > 0))
        rounded: Array = (low + level * step).astype(weights.dtype)
        return rounded

    def error_variances(self, weights: Array, bits: int) -> Array:
        """Return the expected squared rounding error of each weight, shape (units, d).

        It is step²/12, as for a weight anywhere between two points, but 0 for weights at an end
        of their grid.

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
        low, step = self._grids(weights, bits)
        top = low + step * (2**bits - 1)
        whole = weights.astype(np.float64)
        # The grid begins and ends at weights, up to rounding.
        at_end = np.minimum(whole - low, top - whole) <= 1e-9 * (top - low)
        return np.where(at_end, 0.0, step**2 / 12)

    def _grids(self, weights: Array, bits: int) -> tuple[Array, Array]:
        """Return the lowest point and the spacing of the grid of each weight."""
        lowest, step = np.empty(weights.shape), np.empty(weights.shape)
        size = self.group_size or weights.shape[1]
        for first in range(0, weights.shape[1], size):
            own = slice(first, first + size)
            group = weights[:, own].astype(np.float64)
            low, high = group.min(axis=1, keepdims=True), group.max(axis=1, keepdims=True)
            if self.symmetric:
                high = np.maximum(-low, high)
                low = -high
            lowest[:, own], step[:, own] = low, (high - low) / (2**bits - 1)
        return lowest, step

    def stored_numbers(self, patch_dim: int) -> int:
        """Return how many numbers one neuron of d weights stores beside them, in full precision.

        Examples
        --------
        >>> Quantizer(symmetric=False, group_size=4).stored_numbers(10)
        6
        """
        n_grids = 1 if self.group_size is None else -(-patch_dim // self.group_size)
        return n_grids * (1 if self.symmetric else 2)


def grid_of(quantizer: Quantizer | None) -> Quantizer:
    """Return ``quantizer``, or the one that is taken where none is given."""
    if quantizer is None:
        return Quantizer()
    instance("quantizer", quantizer, Quantizer, "a Quantizer")
    return quantizer


def is_sequence(bits: Any) -> bool:
    """Return whether ``bits`` are those of every expert, and not one number for all."""
    return (isinstance(bits, Sequence) and not isinstance(bits, str)) or bool(np.ndim(bits))


def widths(bits: Any, n_experts: int) -> list[int]:
    """Return the bits of every expert, given as a sequence."""
    if len(bits) != n_experts:
        raise reject("len(bits)", len(bits), f"{n_experts}, one per expert")
    return [integer("bits", width, 1, MAX_BITS) for width in bits]


def _checked(weights: Any, bits: int) -> tuple[Array, int]:
    return real_array("weights", weights, "(units, d)"), integer("bits", bits, 1, MAX_BITS)
