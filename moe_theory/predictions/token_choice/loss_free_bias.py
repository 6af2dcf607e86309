"""Where the loss-free bias comes to rest if routers are fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import integer, read_only, real, reject
from moe_theory.predictions.token_choice.checks import affinity_array, share_array

Array = NDArray[np.float64]
# A fraction of a pattern that is further from 0 and 1 than this is split.
WHOLE = 1e-9
# Beyond this, steps are not told apart.
MOST_STEPS = 2**53


@dataclass(frozen=True, eq=False)
class BalancedChoice:
    """The best choice of experts with equal loads, and the bias that makes patterns choose so.

    Attributes
    ----------
    bias : array, shape (k,)
        b*, with the largest equal to minus the smallest.
    fractions : array, shape (P, k)
        Which part of the patches of each pattern every expert takes.
    split : bool array, shape (P,)
        Patterns of which an expert takes a part only. They are tied at b*, and flip in training.
    """

    bias: Array
    fractions: Array
    split: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, read_only(value))

    def least_steps(self, bias_rate: float) -> float:
        """Return the number of steps in which the bias can reach b* at the earliest, max b*/γ."""
        rate = real("bias_rate", bias_rate, 0.0, open_low=True)
        return float(self.bias.max()) / rate


@typed
def balanced_bias(affinities: ArrayLike, shares: ArrayLike, n_chosen: int = 1) -> BalancedChoice:
    """Return the bias at which the loads of all experts can be equal.

    Parameters
    ----------
    affinities : array, shape (P, k)
        A, the gates that the k experts would have for each of P patterns; routers are fixed.
    shares : array, shape (P,)
        q, how often each pattern occurs; their sum does not matter.
    n_chosen : int
        c, the number of experts that every patch chooses, in [1, k].

    Returns
    -------
    BalancedChoice
        The solution of max Σ q_p A_ps x_ps over fractions x with Σ_s x_ps = c and equal loads, and
        the prices of loads, which are the bias. At most k − 1 patterns are split.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    Training flips whole patterns, so that its loads are equal up to the shares of those that flip,
    and its bias is near b* up to gaps of a few patterns. Where a solution splits fewer than k − 1
    patterns, b* is not unique, and one is returned.

    Source: derived in docs/theory/balance.md. That the bias solves this problem of assignment is
    known from Han, Zhong, A Theoretical Framework for Auxiliary-Loss-Free Load Balancing, 2025.

    Examples
    --------
    Three patterns prefer expert 0. The one that does so least leaves it, and the next is split.

    >>> found = balanced_bias([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]], [1, 1, 1])
    >>> found.bias.round(3).tolist(), found.split.tolist(), round(found.least_steps(0.001))
    ([-0.3, 0.3], [False, False, True], 300)
    """
    matrix = affinity_array(affinities)
    n_patterns, n_experts = matrix.shape
    share = share_array(shares, n_patterns)
    chosen = integer("n_chosen", n_chosen, 1, n_experts)
    per_pattern = sparse.kron(sparse.eye(n_patterns), np.ones((1, n_experts)))
    per_expert = sparse.kron(share[None, :], sparse.eye(n_experts))
    # Only leads count; at their own size they are far above the tolerances of the solver.
    leads = share[:, None] * (matrix - matrix.mean(axis=1, keepdims=True))
    scale = float(np.abs(leads).max()) or 1.0
    solved = optimize.linprog(
        -(leads / scale).ravel(),
        A_eq=sparse.vstack([per_pattern, per_expert]),
        b_eq=np.r_[np.full(n_patterns, chosen), np.full(n_experts, chosen / n_experts)],
        bounds=(0, 1),
        method="highs-ds",
    )
    bias = scale * solved.eqlin.marginals[n_patterns:]
    fractions = solved.x.reshape(matrix.shape)
    split = ((fractions > WHOLE) & (fractions < 1 - WHOLE)).any(axis=1)
    return BalancedChoice(bias - (bias.max() + bias.min()) / 2, fractions, split)


@dataclass(frozen=True, eq=False)
class BiasCycle:
    """The states between which the bias of two experts goes to and fro for ever.

    Attributes
    ----------
    bias : array, shape (1,) or (2,)
        The bias of expert 0 in each state; that of expert 1 is its negative. One state if
        loads are exactly equal there, so that the bias rests.
    steps : int
        Steps from bias 0 until the first of them.
    first : bool array, shape (1 or 2, P)
        Patterns that choose expert 0 in each state.
    loads : array, shape (1,) or (2,)
        The load of expert 0 in each state, a share of all patches.
    flips : bool array, shape (P,)
        Patterns that change their expert in every step.
    """

    bias: Array
    steps: int
    first: NDArray[np.bool_]
    loads: Array
    flips: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("bias", "first", "loads", "flips"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@typed
@single_blas_thread()
def bias_cycle(affinities: ArrayLike, shares: ArrayLike, bias_rate: float) -> BiasCycle:
    """Return how the loss-free bias of two experts ends, and after how many steps.

    Parameters
    ----------
    affinities : array, shape (P, 2)
        Gates that the experts would have for each pattern; routers are fixed.
    shares : array, shape (P,)
        How often each pattern occurs in every batch. Counts are best, as equal loads are then told.
    bias_rate : float
        γ.

    Returns
    -------
    BiasCycle
        Exact for batches with the same shares, such as full ones. It is that of `train` up to
        rounding.

    Raises
    ------
    ValueError
        If a value is impossible, or there are not two experts.

    Notes
    -----
    The bias walks in one direction until expert 0 has half of the patches: the pattern there,
    the weighted median of the gaps A_p1 − A_p0, flips, and others with gaps less than 2γ away.

    Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> cycle = bias_cycle([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]], [1, 1, 1], bias_rate=0.004)
    >>> cycle.steps, cycle.bias.round(3).tolist(), cycle.flips.tolist()
    (75, [-0.3, -0.304], [False, False, True])
    >>> cycle.loads.round(3).tolist()
    [0.667, 0.333]
    """
    matrix = affinity_array(affinities)
    if matrix.shape[1] != 2:
        raise reject("affinities.shape", matrix.shape, "(P, 2), of two experts")
    share = share_array(shares, len(matrix), scaled=False)
    rate = real("bias_rate", bias_rate, 0.0, open_low=True)
    # A pattern chooses expert 0 once the bias has been raised so many times.
    with np.errstate(over="ignore"):
        needed = np.ceil((matrix[:, 1] - matrix[:, 0]) / (2 * rate))
    if np.abs(needed).max() > MOST_STEPS:
        raise reject("bias_rate", rate, f"large enough for at most {MOST_STEPS} steps")
    places = _last_places(needed, share)
    first = needed <= places[:, None]
    return BiasCycle(
        bias=rate * places,
        steps=int(abs(places[0])),
        first=first,
        loads=first @ share / share.sum(),
        flips=first[0] != first[-1],
    )


def _last_places(needed: Array, share: Array) -> Array:
    """Return how often the bias has been raised in the states of the cycle, in order."""
    order = np.argsort(needed, kind="stable")
    below, half = np.cumsum(share[order]), share.sum() / 2
    start = share[needed <= 0].sum()
    if start == half:
        return np.zeros(1)
    if start < half:
        end = needed[order[np.argmax(below >= half)]]
        before = end - 1
    else:
        end = needed[order[np.argmax(below > half)]] - 1
        before = end + 1
    balanced = share[needed <= end].sum() == half
    return np.array([end] if balanced else [before, end])
