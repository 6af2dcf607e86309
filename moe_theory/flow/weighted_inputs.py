"""Inputs with weights: a data set, a sample of a population, or all that can occur."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from moe_theory._validation import reject
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns

Array = NDArray[np.float64]

MAX_INPUTS = 20_000


@dataclass(frozen=True, eq=False)
class WeightedInputs:
    """Inputs as rows of pattern numbers, with weights whose sum is 1.

    Attributes
    ----------
    indices : integer array, shape (M, n)
        Pattern at each place.
    labels, weights : array, shape (M,)
        Labels ±1 and weights.
    positions : integer array, shape (M,)
        Place of the discriminative patch.
    """

    indices: NDArray[np.int32]
    labels: Array
    weights: Array
    positions: NDArray[np.int32]


def check_finite_law(patterns: PatchPatterns) -> None:
    """Raise ``ValueError`` unless irrelevant patches are independent draws of a finite set."""
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the flow lives on a finite dictionary")
    if patterns.max_closer is not None:
        allowed = 'None: a limit makes patches dependent; take method="sample"'
        raise reject("max_closer", patterns.max_closer, allowed)


def of_data(data: PatchData) -> WeightedInputs:
    """Return the samples of ``data`` with equal weights.

    Raises
    ------
    ValueError
        If the places of the discriminative patches are not known.
    """
    if data.positions is None:
        allowed = "given: h(o₁), h(o₂) and the gates are those of the discriminative patches"
        raise reject("data.positions", None, allowed)
    labels = data.labels.astype(np.float64)
    weights = np.full(data.n_samples, 1.0 / data.n_samples)
    return WeightedInputs(data.indices, labels, weights, data.positions)


def n_possible(patterns: PatchPatterns) -> int:
    """Return how many inputs can occur, up to the order of their patches.

    Examples
    --------
    >>> n_possible(PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10))
    240
    """
    n, p = patterns.n_patches, patterns.n_irrelevant
    return 2 * (math.comb(n - 1 + p - 1, n - 1) if n > 1 else 1)


def enumerate_inputs(patterns: PatchPatterns) -> WeightedInputs:
    """Return all inputs that can occur, up to the order of their patches, with their chances.

    The discriminative patch stands first. Order does not matter to any network here.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and without ``max_closer``.

    Raises
    ------
    ValueError
        If an assumption fails, or there are more than 20,000 inputs.

    Notes
    -----
    Source: "The population" in docs/theory/dynamics.md.

    Examples
    --------
    >>> inputs = enumerate_inputs(PatchPatterns(n_patches=3, n_irrelevant=2, patch_dim=4))
    >>> inputs.indices[:3].tolist(), inputs.weights[:3].tolist()
    ([[0, 2, 2], [0, 2, 3], [0, 3, 3]], [0.125, 0.25, 0.125])
    """
    check_finite_law(patterns)
    size, n, p = n_possible(patterns), patterns.n_patches, patterns.n_irrelevant
    if size > MAX_INPUTS:
        allowed = f'at most {MAX_INPUTS}; take method="law" or method="sample"'
        raise reject("the number of possible inputs", size, allowed)
    others = np.array(list(combinations_with_replacement(range(p), n - 1)), dtype=np.int64)
    others = others.reshape(size // 2, n - 1)
    counts = np.stack([np.bincount(row, minlength=p) for row in others])
    chances = np.exp(gammaln(n) - gammaln(counts + 1).sum(axis=1) - (n - 1) * math.log(max(p, 1)))
    chances /= chances.sum()
    indices = np.zeros((size, n), dtype=np.int32)
    indices[:, 1:] = np.tile(others + 2, (2, 1))
    indices[size // 2 :, 0] = 1
    labels = np.repeat([1.0, -1.0], size // 2)
    fraction = patterns.positive_fraction
    weights = np.concatenate([fraction * chances, (1 - fraction) * chances])
    return WeightedInputs(indices, labels, weights, np.zeros(size, dtype=np.int32))


def discriminative_rows(inputs: WeightedInputs) -> tuple[int, int]:
    """Return the dictionary rows of o₁ and o₂.

    Raises
    ------
    ValueError
        If a class is missing, or its discriminative patch is not always the same dictionary row.
    """
    shown = inputs.indices[np.arange(len(inputs.indices)), inputs.positions]
    found = []
    for label in (1, -1):
        rows = np.unique(shown[inputs.labels == label])
        if len(rows) != 1:
            allowed = "one dictionary row: the flow follows one pattern o per class"
            name = f"the discriminative patterns of class {label:+d}"
            raise reject(name, f"{len(rows)} rows", allowed)
        found.append(int(rows[0]))
    return found[0], found[1]
