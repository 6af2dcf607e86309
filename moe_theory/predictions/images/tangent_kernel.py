"""Kernels between inputs: sums over pairs of images of how alike units see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from moe_theory.predictions.assumptions import MOST_NUMBERS

Array = NDArray[Any]
# From images u, shape (U, d), and v, shape (V, d), to the kernel of all pairs, shape (U, V).
ImageKernel = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Sent:
    """What inputs send to one expert.

    ``counts`` (N, images) tells how often, times the gate, and ``images`` (images, d) which.
    """

    counts: sparse.csr_array
    images: Array

    @classmethod
    def of(cls, dictionary: Array, indices: Array, gates: Array | float = 1.0) -> Sent:
        """Count the images with numbers ``indices``, shape (N, l), in each input."""
        numbers, places = np.unique(indices, return_inverse=True)
        rows = np.repeat(np.arange(len(indices)), indices.shape[1])
        weights = np.broadcast_to(gates, indices.shape).ravel().astype(np.float64)
        counts = sparse.csr_array(
            (weights, (rows, places.ravel())), shape=(len(indices), len(numbers))
        )
        return cls(counts, dictionary[numbers].astype(np.float64))

    def sum_over(self, values: Array) -> Array:
        """Return for each input the sum of its images' ``values``, shape (images, …)."""
        total: Array = self.counts @ values
        return total


def between_inputs(kernel: ImageKernel, left: Sent, right: Sent) -> Array:
    """Return Σ_jj' κ(x⁽ʲ⁾, x'⁽ʲ'⁾) for all pairs of inputs, in parts that fit into memory."""
    total = np.zeros((left.counts.shape[0], right.counts.shape[0]))
    by_image = right.counts.tocsc()
    step = max(1, MOST_NUMBERS // (4 * len(left.images)))
    for first in range(0, len(right.images), step):
        part = slice(first, first + step)
        sums = left.counts @ kernel(left.images, right.images[part])
        total += (by_image[:, part] @ sums.T).T
    return total


def many_units(u: Array, v: Array) -> Array:
    """Return ⟨u, v⟩ P(⟨w, u⟩ > 0, ⟨w, v⟩ > 0), w Gaussian: ⟨u, v⟩ (π − angle)/2π.

    The kernel by which a unit that keeps its side learns, on average over its start (Cho and Saul,
    Kernel methods for deep learning, 2009; Jacot, Gabriel, Hongler, Neural tangent kernel, 2018).
    """
    products = u @ v.T
    lengths = np.sqrt((u * u).sum(axis=1))[:, None] * np.sqrt((v * v).sum(axis=1))
    cosines = np.clip(products / np.maximum(lengths, np.finfo(float).tiny), -1.0, 1.0)
    found: Array = products * (0.5 - np.arccos(cosines) / (2 * np.pi))
    return found


def drawn_units(weights: Array, squares: Array) -> ImageKernel:
    """Return the kernel Σ_r a_r² 1[⟨w_r, u⟩ > 0] 1[⟨w_r, v⟩ > 0] ⟨u, v⟩ of the units drawn."""

    def kernel(u: Array, v: Array) -> Array:
        active = (u @ weights.T > 0) * squares
        found: Array = (active @ (v @ weights.T > 0).T) * (u @ v.T)
        return found

    return kernel


def initial_outputs(weights: Array, outputs: Array, sent: Sent) -> Array:
    """Return Σ_r a_r Σ_j relu⟨w_r, x⁽ʲ⁾⟩ for each input."""
    heights = np.maximum(sent.images @ weights.T, 0.0) @ outputs
    return sent.sum_over(heights)
