"""Operations of one forward pass."""

from __future__ import annotations

from typing import Any

from moe_theory._validation import choice
from moe_theory.costs.counting import counted

# Operations of φ of one pre-activation.
ACTIVATE = {"relu": 0, "cubic": 2, "linear": 0}


@counted
def fixed_forward(
    *, batch_size: Any, n_routed: Any, n_hidden: Any, patch_dim: Any, activation: str = "relu"
) -> Any:
    """Operations of m units that each receive l patches of every input.

    Parameters
    ----------
    batch_size, n_routed, n_hidden, patch_dim : int or sympy expression
        B; l, which is n for a dense network; m; d.
    activation : {"relu", "cubic", "linear"}
        φ.

    Notes
    -----
    Pre-activations 2Blmd, z³ 2Blm, pooling Blm, output 2Bm, scale B.
    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> fixed_forward(batch_size=1, n_routed=1, n_hidden=1, patch_dim=1)
    6
    """
    pooled = batch_size * n_routed * n_hidden
    activated = (1 + activate(activation)) * pooled
    return 2 * pooled * patch_dim + activated + 2 * batch_size * n_hidden + batch_size


@counted
def joint_forward(
    *, batch_size: Any, n_patches: Any, n_routed: Any, n_experts: Any, n_hidden: Any, patch_dim: Any
) -> Any:
    """Operations of a network whose experts choose patches through a softmax gate.

    Parameters
    ----------
    batch_size, n_patches, n_routed, n_experts, n_hidden, patch_dim : int or sympy expression
        B, n, l, k, m, d.

    Notes
    -----
    Scores 2Bnkd, softmax 4Bkl, pre-activations 2Blmd, patch values 2Blm, gating 2Bkl, scale B.
    Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> joint_forward(batch_size=1, n_patches=1, n_routed=1, n_experts=1, n_hidden=1, patch_dim=1)
    13
    """
    scored = batch_size * n_patches * n_experts
    gated = batch_size * n_routed * n_experts
    pooled = batch_size * n_routed * n_hidden
    return 2 * scored * patch_dim + 6 * gated + 2 * pooled * patch_dim + 2 * pooled + batch_size


@counted
def sample_forward(
    *,
    batch_size: Any,
    n_patches: Any,
    n_experts: Any,
    units_per_expert: Any,
    patch_dim: Any,
    activation: str = "relu",
    gated: bool = True,
) -> Any:
    """Operations of a network in which whole inputs choose one expert each.

    Parameters
    ----------
    batch_size, n_patches, n_experts, units_per_expert, patch_dim, activation, gated
        As for `moe_theory.costs.sample_step`.

    Notes
    -----
    Sums of patches Bnd, scores 2Bkd, softmax 4Bk and gating B if there is a gate, and one expert of
    u units on n patches as in `fixed_forward`. Source: derived in docs/theory/bounds.md.

    Examples
    --------
    >>> sample_forward(batch_size=1, n_patches=1, n_experts=1, units_per_expert=1, patch_dim=1)
    14
    """
    expert = fixed_forward(
        batch_size=batch_size,
        n_routed=n_patches,
        n_hidden=units_per_expert,
        patch_dim=patch_dim,
        activation=activation,
    )
    scores = batch_size * (n_patches + 2 * n_experts) * patch_dim
    gates = batch_size * (4 * n_experts + 1) if gated else 0
    return scores + gates + expert


def activate(activation: str) -> int:
    """Return the operations of φ of one pre-activation."""
    return ACTIVATE[choice("activation", activation, tuple(ACTIVATE))]


@counted
def patch_scores(*, n_samples: Any, n_patches: Any, n_experts: Any, patch_dim: Any) -> Any:
    """Operations of scoring every patch of every input once.

    Examples
    --------
    >>> patch_scores(n_samples=10, n_patches=4, n_experts=2, patch_dim=3)
    480
    """
    return 2 * n_samples * n_patches * n_experts * patch_dim
