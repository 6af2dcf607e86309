"""Data loss against balance loss: which of them moves the gate of a pattern."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.predictions.token_choice.checks import expert_array, share_array

Array = NDArray[np.float64]
# Beyond this lead a hyperbolic sine is infinite.
LARGEST_LEAD = 700.0


class ScoreForces(NamedTuple):
    """What moves the scores of one pattern, per unit of η_r and of its share of the patches.

    Attributes
    ----------
    data, balance : array, shape (k,)
        The change of each score by the data loss and by the balance loss of weight 1.
    """

    data: Array
    balance: Array


@typed
@single_blas_thread()
def score_forces(gates: ArrayLike, values: ArrayLike, load: ArrayLike, slope: float) -> ScoreForces:
    """Return how data loss and balance loss move the scores of a pattern at every expert.

    Parameters
    ----------
    gates : array, shape (k,)
        G, softmax of the scores of the pattern, over all experts; scaled to the sum 1.
    values : array, shape (k,)
        y·V_s, what each expert adds for the pattern, in the direction of its label; 0 for experts
        that it has not chosen, or that had no room for it.
    load : array, shape (k,)
        F, the share of all choices that are of each expert.
    slope : float
        ℓ̄, the mean of −∂ℓ/∂(y f) over the inputs that hold the pattern.

    Returns
    -------
    ScoreForces
        In one step of plain gradient descent the score of a pattern of unit norm that is
        orthogonal to all others, and has the share q of the patches, changes by
        η_r·q·(data + λ·balance).

    Raises
    ------
    ValueError
        If shapes disagree or a value is impossible.

    Notes
    -----
    data_s = ℓ̄ G_s (V_s − Σ G V) and balance_s = −k G_s (F_s − Σ F G). The share is a factor of
    both. Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> forces = score_forces([0.75, 0.25], [8.0, 0.0], load=[0.9, 0.1], slope=0.05)
    >>> forces.data.round(3).tolist(), forces.balance.round(3).tolist()
    ([0.075, -0.075], [-0.3, 0.3])
    """
    gate = expert_array("gates", gates)
    gate = share_array(gate, len(gate), name="gates")
    value = expert_array("values", values, len(gate))
    share = share_array(load, len(gate), name="load")
    slope = real("slope", slope, 0.0)
    return ScoreForces(
        data=slope * gate * (value - gate @ value),
        balance=-len(gate) * gate * (share - gate @ share),
    )


@typed
@single_blas_thread()
def balance_threshold(
    gates: ArrayLike, values: ArrayLike, load: ArrayLike, slope: float, expert: int
) -> float:
    """Return the weight λ* of the balance loss above which it takes a pattern from an expert.

    Parameters
    ----------
    gates, values, load, slope
        As for `score_forces`.
    expert : int
        Number s of the expert, in [0, k − 1].

    Returns
    -------
    float
        λ* = ℓ̄ (V_s − Σ G V) / (k (F_s − Σ F G)): with more weight the score of the pattern there
        falls. Infinite if the expert has no more load than the pattern sees in the mean; 0 if it
        has and the data loss holds nothing.

    Raises
    ------
    ValueError
        If shapes disagree or a value is impossible.

    Notes
    -----
    Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> round(balance_threshold([0.75, 0.25], [8.0, 0.0], [0.9, 0.1], slope=0.05, expert=0), 3)
    0.25
    >>> balance_threshold([0.75, 0.25], [8.0, 0.0], [0.4, 0.6], slope=0.05, expert=0)
    inf
    """
    forces = score_forces(gates, values, load, slope)
    expert = integer("expert", expert, 0, len(forces.data) - 1)
    pull, push = float(forces.data[expert]), -float(forces.balance[expert])
    if push <= 0:
        return math.inf
    return max(pull, 0.0) / push


@typed
def resting_gate(
    value: float, excess: float, balance_weight: float, n_experts: int, n_patches: int
) -> float:
    """Return the gate at which data loss and balance loss hold a discriminative pattern.

    Parameters
    ----------
    value : float
        y·V, what the only expert that serves the pattern adds for it, positive.
    excess : float
        F_s − F_r, its load less that of each of the others, which are alike.
    balance_weight : float
        λ of the balance loss.
    n_experts, n_patches : int
        k and n.

    Returns
    -------
    float
        g* = (n/V) log(V/(λ k e) − 1), cut to [0, 1]. 1 means that the balance loss never wins at
        this value, 0 that it wins from the start. The pattern is lost once g* is below the
        gate of another expert, at most 1/2.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    For the logistic loss, one chosen expert, and inputs of which no other patch adds anything.
    While V grows, g* falls at last. Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> round(resting_gate(60.0, excess=0.5, balance_weight=1.0, n_experts=2, n_patches=16), 3)
    1.0
    >>> round(resting_gate(120.0, excess=0.5, balance_weight=1.0, n_experts=2, n_patches=16), 3)
    0.637
    """
    value = real("value", value, 0.0, open_low=True)
    excess = real("excess", excess, 0.0, 1.0)
    weight = real("balance_weight", balance_weight, 0.0)
    pull = weight * integer("n_experts", n_experts, 2) * excess
    n_patches = integer("n_patches", n_patches, 1)
    if pull == 0:
        return 1.0
    if value <= 2 * pull:
        return 0.0
    return min(1.0, n_patches * math.log(value / pull - 1) / value)


@typed
def push_to_leave(lead: float, share: float) -> float:
    """Return how much push of a balance loss takes a pattern that nothing holds from an expert.

    Parameters
    ----------
    lead : float
        h_0 − h_1, by how much the fuller of two experts scores the pattern higher.
    share : float
        q, the share of the patches that are of the pattern.

    Returns
    -------
    float
        (lead + sinh lead)/(2q). The pattern changes its expert when the sum of η_r λ (F_0 − F_1)
        over the steps reaches it; those with less go first.

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    For small steps, softmax gates, and a pattern orthogonal to the others that has no data loss.
    Source: derived in docs/theory/balance.md.

    Examples
    --------
    A pattern that is twice as frequent leaves after half the push.

    >>> push_to_leave(0.5, share=0.01) / push_to_leave(0.5, share=0.02)
    2.0
    """
    lead = real("lead", lead, 0.0, LARGEST_LEAD)
    share = real("share", share, 0.0, 1.0, open_low=True)
    return (lead + math.sinh(lead)) / (2 * share)
