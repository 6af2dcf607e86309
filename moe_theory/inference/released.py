"""Mixed precision by the rules of the code that P26 released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arguments import check_samples
from moe_theory._arithmetic import norms
from moe_theory._random import Seed, seed_sequence
from moe_theory._validation import choice, index_array, integer, real, real_array, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.allocation import bit_widths
from moe_theory.inference.quantizer import MAX_BITS
from moe_theory.inference.received import check_run, expert_slices
from moe_theory.inference.scores import check_ranking, expert_scores
from moe_theory.training import TrainingRun

Array = NDArray[Any]

ROUTER_ORDERS = ("router_norm_change", "router_norm")
RELEASED_ORDERS = (*ROUTER_ORDERS, "activation_frequency", "gate_mass", "curvature")
VARIANCES = ("largest", "largest_norm")


def released_bits(
    run: TrainingRun,
    average_bits: float,
    order: str | ArrayLike = "router_norm_change",
    *,
    levels: Sequence[int] = (3, 2, 1),
    zeta: float | None = 3.0,
    variance: str = "largest",
    data: PatchData | None = None,
    seed: Seed = 0,
) -> NDArray[np.int64]:
    """Return the bits of each expert as the released code of P26 gives them out.

    Parameters
    ----------
    run : TrainingRun
        A network with routers.
    average_bits : float
        b̄, asked of the average; counts are rounded, so that it may be met on either side.
    order : str, or array of shape (k,)
        Who gets most bits: the largest of your own numbers first; or by name.
        ``router_norm_change``: smallest signed change Λ_s of the router's norm first.
        ``router_norm``: smallest final norm first, as where no weights before fine-tuning are at
        hand. The competitors, largest first: ``activation_frequency``,
        ``gate_mass`` (the activation weight), ``curvature`` (the Hessian); see `expert_scores`.
    levels : sequence of two or three int
        Bit-widths; three are equally spaced. See `released_counts`.
    zeta : float, optional
        ζ of `released_lift`, which the two orders by routers go through; None for no lift.
    variance : {"largest", "largest_norm"}
        What ζ compares, see `unit_variances`.
    data, seed
        As for `expert_scores`.

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
    Source: released code of P26.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))
    >>> sorted(released_bits(run, 2.5).tolist())
    [1, 3, 3, 3]
    """
    check_run(run)
    run.check_usable()
    seed_sequence(seed)
    if data is not None:
        check_samples(data)
    order = check_ranking("order", order, RELEASED_ORDERS, run.model.n_experts)
    choice("variance", variance, VARIANCES)
    counts = released_counts(run.model.n_experts, average_bits, levels)
    by_router = isinstance(order, str) and order in ROUTER_ORDERS
    if isinstance(order, str) and order == "router_norm":
        scores = run.router_norm
    else:
        scores = expert_scores(run, order, data=data, seed=seed)
    first = np.argsort(scores if by_router else -scores, kind="stable")
    if zeta is not None:
        zeta = real("zeta", zeta, 0, open_low=True)
        if by_router:
            first = released_lift(first, unit_variances(run, variance), zeta)
    bits = np.empty(run.model.n_experts, np.int64)
    bits[first] = np.repeat(list(counts), list(counts.values()))
    return bits


def released_lift(order: ArrayLike, variances: ArrayLike, zeta: float = 3.0) -> NDArray[np.int64]:
    """Let experts of large variance overtake those of small variance in a queue for bits.

    Taken from the last to the first, an expert of variance v moves to directly before the first
    of those ahead of it whose variance is below v/ζ, if there is one.

    Parameters
    ----------
    order : array of int, shape (k,)
        Experts, the one that gets most bits first.
    variances : array, shape (k,)
        Of each expert, by its number.
    zeta : float
        ζ > 0.

    Returns
    -------
    array of int64, shape (k,)
        The experts in their new order.

    Raises
    ------
    ValueError
        If the order is none of k experts, or a number is impossible.

    Notes
    -----
    Experts of tiny variance, idle ones above all, fall back. Experts that overtake the same one
    reverse their order, as each is put directly before it: the last of them comes first.
    Source: released code of P26.

    Examples
    --------
    >>> released_lift([0, 1, 2], [1.0, 2.0, 4.0])
    array([2, 0, 1])
    """
    values = real_array("variances", variances, "(k,)")
    zeta = real("zeta", zeta, 0, open_low=True)
    given = index_array("order", order, "(k,)", len(values))
    if sorted(given.tolist()) != list(range(len(values))):
        raise reject("order", order, f"the numbers of {len(values)} experts, each once")
    queue = [int(s) for s in given]
    for s in reversed(queue.copy()):
        here = queue.index(s)
        behind = (i for i, t in enumerate(queue[:here]) if zeta * values[t] < values[s])
        if (place := next(behind, None)) is not None:
            queue.insert(place, queue.pop(here))
    return np.array(queue, np.int64)


def unit_variances(run: TrainingRun, form: str = "largest") -> NDArray[np.float64]:
    """Return the unbiased variance of the weights of one unit of each expert, shape (k,).

    Parameters
    ----------
    run : TrainingRun
        The network.
    form : {"largest", "largest_norm"}
        The unit: the one whose variance is largest, or the one whose ℓ₂ norm is.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))
    >>> bool((unit_variances(run) >= unit_variances(run, "largest_norm")).all())
    True
    """
    check_run(run)
    run.check_usable()
    choice("form", form, VARIANCES)
    weights = run.weights.experts.astype(np.float64)
    if weights.shape[1] < 2:
        raise reject("patch_dim", weights.shape[1], "at least 2, for weights to have a variance")
    variances = weights.var(axis=1, ddof=1)
    ranked = variances if form == "largest" else norms(weights)
    return np.array([variances[own][np.argmax(ranked[own])] for own in expert_slices(run)])


def released_counts(n_experts: int, average_bits: float, levels: Sequence[int]) -> dict[int, int]:
    """Return how many experts get each number of bits, the largest number first.

    Parameters
    ----------
    n_experts : int
        k.
    average_bits : float
        b̄, between the levels.
    levels : sequence of two or three int
        Bit-widths; three must be equally spaced.

    Returns
    -------
    dict of int to int
        Number of experts by bits.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    Two levels: round((b̄ − b_l)/(b_h − b_l)·k) get b_h. Three: the two next to b̄ share the experts
    in this way; then pairs leave the middle, one up and one down. With Δ = b_h − b_l: above
    b_h − Δ/3 as long as there are pairs; from b_h − 2Δ/3 on while the middle keeps at least as many
    as moved up; below, none. Half an expert is rounded to the even number; at
    thirds that are no binary fractions the last bit of b̄ decides. Source: released
    code of P26.

    Examples
    --------
    >>> released_counts(16, 2.0, (3, 2, 1))
    {3: 5, 2: 6, 1: 5}
    """
    k = integer("n_experts", n_experts, 1)
    average = real("average_bits", average_bits, 1, MAX_BITS)
    widths = bit_widths(levels, average)
    if len(widths) == 2:
        n_high = _upper(k, average, *widths)
        return dict(zip(widths, (n_high, k - n_high), strict=True))
    high, middle, low = widths
    if high - middle != middle - low:
        raise reject("levels", levels, "equally spaced where there are three")
    if average >= middle:
        n_high = _upper(k, average, high, middle)
        n_middle, n_low = k - n_high, 0
    else:
        n_high, n_middle = 0, _upper(k, average, middle, low)
        n_low = k - n_middle
    moved = _moved(n_middle, average, high, high - low)
    return {high: n_high + moved, middle: n_middle - 2 * moved, low: n_low + moved}


def _upper(k: int, average: float, high: int, low: int) -> int:
    return round((average - low) / (high - low) * k)


def _moved(n_middle: int, average: float, high: int, span: int) -> int:
    """Return how many pairs leave the middle."""
    if average > high - span / 3:
        return n_middle // 2
    if average >= high - 2 * span / 3:
        # The middle keeps n − 2p, which is at least p.
        return n_middle // 3
    return 0
