"""Floating-point operations of training, counted for the algorithm in ℝᵈ.

Every addition, multiplication, division and exponential of floating-point numbers counts one, so
that a multiply-add counts two; comparisons, selections and moving data count nothing. The
functions use only + and ·, so that integers give an exact count and sympy symbols a formula. Sizes
below 0 are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moe_theory._counting import counted, size
from moe_theory._validation import choice, wrong_object
from moe_theory.forward_costs import fixed_forward, joint_forward, token_forward

LOSS_SLOPE = {"logistic": 4, "hinge": 1}


@dataclass(frozen=True)
class Flops:
    """Floating-point operations by what they were spent on.

    Attributes
    ----------
    experts : int
        Training steps: of the network, in joint training with its routers.
    routers : int
        Separate training of the routers.
    routing : int
        Scoring every patch of the training inputs once by the frozen routers.

    Examples
    --------
    >>> Flops(experts=10, routers=2, routing=1).total
    13
    """

    experts: int
    routers: int = 0
    routing: int = 0

    @property
    def total(self) -> int:
        """All operations of the training."""
        return self.experts + self.routers + self.routing


@counted
def fixed_step(
    *, batch_size: Any, n_routed: Any, n_hidden: Any, patch_dim: Any, loss: str = "logistic"
) -> Any:
    """Operations of one SGD step of m units that each receive l patches of every input.

    Parameters
    ----------
    batch_size, n_routed, n_hidden, patch_dim : int or sympy expression
        B; l, which is n for a dense network; m; d.
    loss : {"logistic", "hinge"}
        The training loss.

    Notes
    -----
    Forward: pre-activations 2Blmd, pooling Blm, output 2Bm, scale B. Backward: slope of the loss
    and its three factors, slopes of the units Blm, gradient 2Blmd, update 2md.

    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> fixed_step(batch_size=1, n_routed=1, n_hidden=1, patch_dim=1)
    18
    """
    pooled = batch_size * n_routed * n_hidden
    forward = fixed_forward(
        batch_size=batch_size, n_routed=n_routed, n_hidden=n_hidden, patch_dim=patch_dim
    )
    slope = _slope(loss) * batch_size
    backward = pooled + 2 * pooled * patch_dim + 2 * n_hidden * patch_dim
    return forward + slope + backward


@counted
def joint_step(
    *,
    batch_size: Any,
    n_patches: Any,
    n_routed: Any,
    n_experts: Any,
    n_hidden: Any,
    patch_dim: Any,
    loss: str = "logistic",
) -> Any:
    """Operations of one step of joint training.

    Parameters
    ----------
    batch_size, n_patches, n_routed, n_experts, n_hidden, patch_dim : int or sympy expression
        B, n, l, k, m, d.
    loss : {"logistic", "hinge"}
        The training loss.

    Notes
    -----
    Forward: scores 2Bnkd, softmax 4Bkl, pre-activations 2Blmd, patch values 2Blm, gating 2Bkl,
    scale B. Backward: slope of the loss and its three factors, slopes of units Blm and of gates
    5Bkl, gradients 2Bl(m + k)d, updates 2(m + k)d.

    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> joint_step(batch_size=1, n_patches=1, n_routed=1, n_experts=1, n_hidden=1, patch_dim=1)
    34
    """
    gated = batch_size * n_routed * n_experts
    pooled = batch_size * n_routed * n_hidden
    forward = joint_forward(
        batch_size=batch_size,
        n_patches=n_patches,
        n_routed=n_routed,
        n_experts=n_experts,
        n_hidden=n_hidden,
        patch_dim=patch_dim,
    )
    slope = _slope(loss) * batch_size
    backward = pooled + 5 * gated + 2 * (pooled + gated + n_hidden + n_experts) * patch_dim
    return forward + slope + backward


@counted
def token_step(
    *,
    batch_size: Any,
    n_patches: Any,
    n_pairs: Any,
    n_experts: Any,
    units_per_expert: Any,
    patch_dim: Any,
    loss: str = "logistic",
) -> Any:
    """Operations of one step of training in which patches choose experts.

    Parameters
    ----------
    batch_size, n_patches, n_experts, patch_dim : int or sympy expression
        B, n, k, d.
    n_pairs : int or sympy expression
        E, the number of patches of one input that all experts receive together: n times the number
        of experts that a patch chooses, where no patch is dropped.
    units_per_expert : int or sympy expression
        u = m/k.
    loss : {"logistic", "hinge"}
        The training loss.

    Notes
    -----
    Forward: scores 2Bnkd, softmax 4Bnk, pre-activations 2BEud, patch values 2BEu, gating 2BE,
    sum over patches Bn, scale B. Backward: slope of the loss and its three factors, slopes of
    units BEu, of gates 2Bnk + BE, gradients 2BEud + 2Bnkd, updates 2k(u + 1)d.

    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> token_step(
    ...     batch_size=1, n_patches=1, n_pairs=1, n_experts=1, units_per_expert=1, patch_dim=1
    ... )
    33
    """
    scored = batch_size * n_patches * n_experts
    paired = batch_size * n_pairs
    pooled = paired * units_per_expert
    forward = token_forward(
        batch_size=batch_size,
        n_patches=n_patches,
        n_pairs=n_pairs,
        n_experts=n_experts,
        units_per_expert=units_per_expert,
        patch_dim=patch_dim,
    )
    slope = _slope(loss) * batch_size
    backward = pooled + 2 * scored + paired + 2 * (pooled + scored) * patch_dim
    return forward + slope + backward + 2 * n_experts * (units_per_expert + 1) * patch_dim


def over_steps(step: Callable[[Any], Any], *, n_visits: Any, n_steps: Any) -> Any:
    """Operations of many steps, given those of one as a function of its batch size.

    One step costs α B + β, so that T steps whose batches hold V samples in all cost α V + β T.

    Parameters
    ----------
    step : callable
        Batch size → operations of one step.
    n_visits, n_steps : int or sympy expression
        V, the sum of the batch sizes; T.

    Examples
    --------
    >>> over_steps(lambda size: 3 * size + 5, n_visits=7, n_steps=2)
    31
    """
    if not callable(step):
        raise wrong_object("step", step, "a function of a batch size")
    n_visits, n_steps = size("n_visits", n_visits), size("n_steps", n_steps)
    per_step = step(0)
    return step(n_visits) - per_step + per_step * n_steps


@counted
def router_step(*, batch_size: Any, n_experts: Any, patch_dim: Any) -> Any:
    """Operations of one router step on the linear loss, given each input's sum of patches.

    Notes
    -----
    Signed sum over the batch 2Bd, one factor, update 2kd.

    Examples
    --------
    >>> router_step(batch_size=1, n_experts=2, patch_dim=1)
    7
    """
    return 2 * batch_size * patch_dim + 1 + 2 * n_experts * patch_dim


@counted
def patch_sums(*, n_samples: Any, n_patches: Any, patch_dim: Any) -> Any:
    """Operations of summing the patches of every input once, before router training.

    Examples
    --------
    >>> patch_sums(n_samples=10, n_patches=4, patch_dim=3)
    120
    """
    return n_samples * n_patches * patch_dim


@counted
def routing(*, n_samples: Any, n_patches: Any, n_experts: Any, patch_dim: Any) -> Any:
    """Operations of scoring every patch of every input once.

    Examples
    --------
    >>> routing(n_samples=10, n_patches=4, n_experts=2, patch_dim=3)
    480
    """
    return 2 * n_samples * n_patches * n_experts * patch_dim


@counted
def fixed_memory(
    *, batch_size: Any, n_patches: Any, n_routed: Any, n_hidden: Any, patch_dim: Any
) -> Any:
    """Count the numbers that one step of m units with fixed routing holds.

    Notes
    -----
    Weights and their gradient 2md, output weights m, patches of the batch Bnd, pre-activations
    Blm, outputs B. Labels and places of patches are no floating-point numbers.

    Examples
    --------
    >>> fixed_memory(batch_size=1, n_patches=2, n_routed=1, n_hidden=3, patch_dim=5)
    47
    """
    weights = 2 * n_hidden * patch_dim + n_hidden
    activations = batch_size * n_routed * n_hidden + batch_size
    return weights + batch_size * n_patches * patch_dim + activations


@counted
def joint_memory(
    *,
    batch_size: Any,
    n_patches: Any,
    n_routed: Any,
    n_experts: Any,
    n_hidden: Any,
    patch_dim: Any,
) -> Any:
    """Count the numbers that one step of joint training holds.

    Notes
    -----
    Beside those of `fixed_memory`: routers and their gradient 2kd, scores Bnk, and of every
    routed patch its gate and its value, 2Bkl.

    Examples
    --------
    >>> joint_memory(batch_size=1, n_patches=2, n_routed=1, n_experts=1, n_hidden=3, patch_dim=5)
    61
    """
    network = fixed_memory(
        batch_size=batch_size,
        n_patches=n_patches,
        n_routed=n_routed,
        n_hidden=n_hidden,
        patch_dim=patch_dim,
    )
    scores = batch_size * n_patches * n_experts
    return network + 2 * n_experts * patch_dim + scores + 2 * batch_size * n_routed * n_experts


def _slope(loss: str) -> int:
    """Return the operations of the slope of the loss of one input, and of its three factors."""
    return LOSS_SLOPE[choice("loss", loss, tuple(LOSS_SLOPE))] + 3
