"""Operations of one step of SGD."""

from __future__ import annotations

from typing import Any

from moe_theory._validation import choice
from moe_theory.costs.counting import counted
from moe_theory.costs.forward import fixed_forward, joint_forward, token_forward

LOSS_SLOPE = {"logistic": 4, "hinge": 1}


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


def _slope(loss: str) -> int:
    """Return the operations of the slope of the loss of one input, and of its three factors."""
    return LOSS_SLOPE[choice("loss", loss, tuple(LOSS_SLOPE))] + 3
