"""Numbers that one step holds."""

from __future__ import annotations

from typing import Any

from moe_theory.costs.counting import counted


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
    *, batch_size: Any, n_patches: Any, n_routed: Any, n_experts: Any, n_hidden: Any, patch_dim: Any
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
