"""What the complexity table omits: the costs of routers, exactly."""

from __future__ import annotations

import sympy as sp

from moe_theory import costs
from moe_theory.bounds.derivations import Derivation, Step
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.parameters import SYMBOL
from moe_theory.bounds.published import complexity, router_bounds
from moe_theory.bounds.symbolic_costs import router_share, step_flops


def derive_router_share() -> Derivation:
    """Derive how much of a joint step the routers cost, where the table is silent about them.

    Returns
    -------
    Derivation
        Its result is the exact share of routers and gates among the operations of one step.

    Examples
    --------
    >>> share = derive_router_share().result
    >>> round(share.evaluate(batch_size=20, n_patches=16, n_routed=6, n_experts=8, n_hidden=40,
    ...                      patch_dim=784), 3)
    0.268
    """
    share = router_share()
    scores = sp.Integer(2) * sp.Mul(
        *(SYMBOL[s] for s in ("batch_size", "n_patches", "n_experts", "patch_dim"))
    )
    experts = 4 * sp.Mul(*(SYMBOL[s] for s in ("batch_size", "n_routed", "n_hidden", "patch_dim")))
    steps = (
        Step("operations of one step", step_flops("joint").expression),
        Step("scores of all patches by all routers", scores),
        Step("products of routed patches with hidden units and their gradients", experts),
        Step("the two in ratio", scores / experts),
    )
    return Derivation("what routers cost in joint training", steps, share)


def derive_router_training() -> Derivation:
    """Derive what separate router training costs beside the experts, both by their bounds.

    Returns
    -------
    Derivation
        Its result is the ratio of the two, up to a constant.

    Notes
    -----
    Source: derived in docs/theory/bounds.md from P23's router lemma, in this package's words, and
    its complexity table.

    Examples
    --------
    >>> print(derive_router_training().result)
    n² ε⁸/(B m l⁵ (1 − δ_d)³)
    """
    lemma = router_bounds()
    size, n_steps = lemma["router_batch_size"].expression, lemma["router_n_steps"].expression
    step = costs.router_step(
        batch_size=SYMBOL["router_batch_size"],
        n_experts=SYMBOL["n_experts"],
        patch_dim=SYMBOL["patch_dim"],
    )
    routers = size * n_steps * SYMBOL["patch_dim"]
    experts = complexity("computational complexity", "separate").expression
    steps = (
        Step("operations of one router step", step),
        Step("samples of one batch that suffice", size),
        Step("steps that suffice", n_steps),
        Step("routers: steps × samples × dimension", routers),
        Step("experts", experts),
    )
    ratio = Formula(routers / experts)
    return Derivation("what separate router training costs beside the experts", steps, ratio)
