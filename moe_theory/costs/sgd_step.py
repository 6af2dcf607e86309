"""Operations of one step of SGD."""

from __future__ import annotations

from typing import Any

from moe_theory._validation import choice, instance
from moe_theory.costs.counting import counted
from moe_theory.costs.forward import fixed_forward, joint_forward, sample_forward
from moe_theory.costs.options import PLAIN_STEP, StepParts

LOSS_SLOPE = {"logistic": 4, "hinge": 1}
# Operations that multiply a slope by φ′ of one pre-activation.
ACTIVATION_SLOPE = {"relu": 0, "cubic": 3, "linear": 0}


@counted
def fixed_step(
    *,
    batch_size: Any,
    n_routed: Any,
    n_hidden: Any,
    patch_dim: Any,
    loss: str = "logistic",
    activation: str = "relu",
    normalize_experts: bool = False,
) -> Any:
    """Operations of one SGD step of m units that each receive l patches of every input.

    Parameters
    ----------
    batch_size, n_routed, n_hidden, patch_dim : int or sympy expression
        B; l, which is n for a dense network; m; d.
    loss : {"logistic", "hinge"}
        The training loss.
    activation : {"relu", "cubic", "linear"}
        φ.
    normalize_experts : bool
        Whether the gradient, as that of one expert, is divided by its norm.

    Notes
    -----
    Forward: pre-activations 2Blmd, pooling Blm, output 2Bm, scale B. Backward: slope of the loss
    and its three factors, slopes of the units Blm, gradient 2Blmd, update 2md. With z³ 5Blm more,
    of which 3 are those of 3z². Normalising: squares and their sums 2md, root 1, quotients md.

    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> fixed_step(batch_size=1, n_routed=1, n_hidden=1, patch_dim=1)
    18
    """
    pooled = batch_size * n_routed * n_hidden
    forward = fixed_forward(
        batch_size=batch_size,
        n_routed=n_routed,
        n_hidden=n_hidden,
        patch_dim=patch_dim,
        activation=activation,
    )
    slope = loss_slope(loss) * batch_size
    unit_slopes = (1 + ACTIVATION_SLOPE[activation]) * pooled
    backward = unit_slopes + 2 * pooled * patch_dim + 2 * n_hidden * patch_dim
    if normalize_experts:
        backward += 3 * n_hidden * patch_dim + 1
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
    slope = loss_slope(loss) * batch_size
    backward = pooled + 5 * gated + 2 * (pooled + gated + n_hidden + n_experts) * patch_dim
    return forward + slope + backward


@counted
def sample_step(
    *,
    batch_size: Any,
    n_patches: Any,
    n_experts: Any,
    units_per_expert: Any,
    patch_dim: Any,
    loss: str = "logistic",
    activation: str = "relu",
    gated: bool = True,
    noisy: bool = True,
    parts: StepParts = PLAIN_STEP,
) -> Any:
    """Operations of one step of training in which whole inputs choose one expert each.

    Parameters
    ----------
    batch_size, n_patches, n_experts, patch_dim : int or sympy expression
        B, n, k, d.
    units_per_expert : int or sympy expression
        u = m/k.
    loss : {"logistic", "hinge"}
        The training loss.
    activation : {"relu", "cubic", "linear"}
        φ.
    gated, noisy : bool
        Whether the expert is multiplied by its gate, and noise is added to scores. Drawing it is
        not counted.
    parts : StepParts
        Whether gradients are divided by their norm, and there is a balance loss.

    Notes
    -----
    Forward as in `sample_forward`, and noise Bk. Backward: slope of the loss and its three factors,
    of the unit slopes Bnu, of the gate 2B for the slopes in units and value and B(k + 1) for those
    in scores, gradients 2Bnud and, of routers, 2Bkd, updates 2kud and 2kd. z³ and normalising as in
    `fixed_step`. The balance loss: softmax 4Bk if there is no gate, weighted shares 2k + 2, slopes
    5Bk. Without gate and balance loss routers have no gradient.

    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> sample_step(batch_size=1, n_patches=1, n_experts=1, units_per_expert=1, patch_dim=1)
    35
    """
    instance("parts", parts, StepParts, "StepParts")
    scored = batch_size * n_experts
    pooled = batch_size * n_patches * units_per_expert
    weights = n_experts * units_per_expert * patch_dim
    total = sample_forward(
        batch_size=batch_size,
        n_patches=n_patches,
        n_experts=n_experts,
        units_per_expert=units_per_expert,
        patch_dim=patch_dim,
        activation=activation,
        gated=gated,
    )
    total += loss_slope(loss) * batch_size
    total += (1 + ACTIVATION_SLOPE[activation]) * pooled + 2 * pooled * patch_dim + 2 * weights
    if noisy:
        total += scored
    if gated:
        total += 3 * batch_size + scored
    if parts.balanced:
        total += 5 * scored + 2 * n_experts + 2 + (0 if gated else 4 * scored)
    if gated or parts.balanced:
        total += 2 * scored * patch_dim + 2 * n_experts * patch_dim
    if parts.normalize_experts:
        total += 3 * weights + n_experts
    return total


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


def loss_slope(loss: str) -> int:
    """Return the operations of the slope of the loss of one input, and of its three factors."""
    return LOSS_SLOPE[choice("loss", loss, tuple(LOSS_SLOPE))] + 3
