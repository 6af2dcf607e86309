"""Mixed precision: which expert gets how many bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arguments import check_samples
from moe_theory._random import Seed, seed_sequence
from moe_theory._validation import integer, real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.quantization_noise import rounding_noise
from moe_theory.inference.quantizer import MAX_BITS, Quantizer, grid_of, is_sequence
from moe_theory.inference.received import check_run, expert_slices
from moe_theory.inference.scores import SCORES, check_ranking, expert_scores
from moe_theory.training import TrainingRun

ALLOCATIONS = ("uniform", "rounding_noise", *SCORES)


def allocate_bits(
    run: TrainingRun,
    average_bits: float,
    allocation: str | ArrayLike = "router_norm_change",
    *,
    levels: Sequence[int] | None = None,
    lift: float | None = None,
    data: PatchData | None = None,
    seed: Seed = 0,
    quantizer: Quantizer | str | None = None,
) -> NDArray[np.int64]:
    """Return the bits of each expert, at most ``average_bits`` on average.

    Parameters
    ----------
    run : TrainingRun
        The network.
    average_bits : float
        Bits per expert weight.
    allocation : str, or array of shape (k,)
        ``uniform``, the same for all; or a score that ranks experts, see `expert_scores`. A
        larger score gets more bits, except that of ``router_norm_change``: experts whose router
        changed *least* get most, as they are held to carry rare features; or
        ``rounding_noise``, what the expert would add to the output's noise at equal bits.
    levels : sequence of two or three int
        Bit-widths to choose from; not for ``uniform``. Of all ways to spend the bits, the one
        that wastes least; among these, with three levels, the one whose middle level is nearest
        to a third of the experts.
    lift : float, optional
        ζ > 0: experts whose largest variance within a neuron exceeds ζ times the median over
        experts are served before all others, since their grids are coarsest. This is a rule of
        our own; that of P26 is `released_lift`.
    data, seed
        As for `expert_scores`.
    quantizer : Quantizer or str, optional
        The grids, for ``rounding_noise``; by default as for `quantize`.

    Returns
    -------
    array of int64, shape (k,)

    Raises
    ------
    ValueError
        If a value is impossible, or as `expert_scores` does.
    DivergenceError
        If the training diverged.

    Notes
    -----
    Orders, lift and counts of P26's released code are those of `released_bits`. Source: P26, for
    what experts are ranked by; the form of the threshold ζ is a modelling choice.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))
    >>> sorted(allocate_bits(run, 2.5, levels=(4, 2)).tolist())
    [2, 2, 2, 4]
    """
    check_run(run)
    seed_sequence(seed)
    grid = grid_of(quantizer)
    if data is not None:
        check_samples(data)
    allocation = check_ranking("allocation", allocation, ALLOCATIONS, run.model.n_experts)
    named = allocation if isinstance(allocation, str) else None
    if lift is not None:
        lift = real("lift", lift, 0, open_low=True)
    k = run.model.n_experts
    average = real("average_bits", average_bits, 1, MAX_BITS)
    if named == "uniform":
        if average != int(average):
            raise reject("average_bits", average_bits, "an integer where all experts get the same")
        if levels is not None or lift is not None:
            raise reject("(levels, lift)", (levels, lift), "None where all experts get the same")
        return np.full(k, int(average))
    widths = bit_widths(levels, average)
    if named == "rounding_noise":
        if data is None:
            raise reject("data", None, "given, to predict rounding_noise")
        ranked = rounding_noise(run, widths[-1], data, grid)
    else:
        ranked = expert_scores(run, allocation, data=data, seed=seed)
    if named == "router_norm_change":
        ranked = -ranked
    order = np.argsort(-ranked, kind="stable")
    if lift is not None:
        order = large_first(order, largest_variances(run), lift)
    bits = np.empty(k, np.int64)
    bits[order] = np.repeat(widths, _counts(k, average, widths))
    return bits


def large_first(
    order: NDArray[np.int64], variances: NDArray[np.float64], zeta: float
) -> NDArray[np.int64]:
    """Return ``order`` with the experts first whose variance exceeds ζ times the median of all.

    Examples
    --------
    >>> large_first(np.array([0, 1, 2]), np.array([1.0, 1.2, 4.0]), 2.0)
    array([2, 0, 1])
    """
    first = variances > zeta * np.median(variances)
    return np.concatenate([order[first[order]], order[~first[order]]])


def largest_variances(run: TrainingRun) -> NDArray[np.float64]:
    """Return the largest variance of the weights of one neuron, per expert, shape (k,).

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> largest_variances(train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))).shape
    (4,)
    """
    check_run(run)
    run.check_usable()
    variances = run.weights.experts.astype(np.float64).var(axis=1)
    return np.array([variances[own].max() for own in expert_slices(run)])


def bit_widths(levels: Any, average: float) -> list[int]:
    """Return two or three bit-widths around an average, the largest first.

    Examples
    --------
    >>> bit_widths((1, 3), 2.5)
    [3, 1]
    """
    if not is_sequence(levels) or len(levels) not in (2, 3):
        raise reject("levels", levels, "two or three bit-widths")
    widths = sorted({integer("levels", level, 1, MAX_BITS) for level in levels}, reverse=True)
    if len(widths) != len(levels):
        raise reject("levels", levels, "different bit-widths")
    if not widths[-1] <= average <= widths[0]:
        raise reject("average_bits", average, f"in [{widths[-1]}, {widths[0]}], between the levels")
    return widths


def _counts(k: int, average: float, widths: list[int]) -> list[int]:
    """Return how many of k experts get each of the ``widths``, which fall."""
    extra = int(np.floor((average - widths[-1]) * k + 1e-9))
    gains = [width - widths[-1] for width in widths[:-1]]
    if len(gains) == 1:
        n_high = min(k, extra // gains[0])
        return [n_high, k - n_high]
    best = (-1, 0.0, 0, 0)
    for n_middle in range(k + 1):
        left = extra - gains[1] * n_middle
        if left >= 0:
            n_high = min(k - n_middle, left // gains[0])
            used = gains[0] * n_high + gains[1] * n_middle
            best = max(best, (used, -abs(n_middle - k / 3), n_high, n_middle))
    return [best[2], best[3], k - best[2] - best[3]]
