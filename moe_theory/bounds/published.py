"""The bounds of P23 and P24 as objects.

All published amounts are *sufficient*: with so many samples and units, so many iterations are
enough. A simulation can contradict such a bound, by needing amounts that grow faster, but never
confirm its exponent. Source: P23 and P24; see docs/theory/bounds.md.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from moe_theory._validation import choice, reject
from moe_theory.bounds.bound import ARCHITECTURES, Bound, Kind, Order
from moe_theory.bounds.parameters import SYMBOL, Assumption

QUANTITIES = (
    "sample complexity", "iteration complexity", "model complexity", "computational complexity",
)  # fmt: skip

n, d, l, k, m, B, eps, delta, gamma, l_star = (
    SYMBOL[name]
    for name in (
        "n_patches", "patch_dim", "n_routed", "n_experts", "n_hidden", "batch_size", "epsilon",
        "delta_d", "gamma", "l_star",
    )
)  # fmt: skip

KEEPS_PATCH = Assumption(sp.Ge(l, l_star), "l >= l*")
_TABLE = "complexity table of P23"
_PATTERNS = "one discriminative patch among n, irrelevant patterns independent of the label"

# As stated, per quantity: kind, order and the entries for dense, separate and joint.
_ENTRIES: dict[str, tuple[Kind, Order, tuple[sp.Expr, ...]]] = {
    "sample complexity": (
        "sufficient", "Ω", (n**8 / eps**16, l**8 / eps**16, k**4 * l**6 / eps**16),
    ),
    "iteration complexity": (
        "upper", "O", (n**4 / eps**8, l**4 / eps**8, k**2 * l**2 / eps**8),
    ),
    "model complexity": (
        "sufficient", "Ω", (n**10 / eps**16, l**10 / eps**16, k**3 * n**2 * l**6 / eps**16),
    ),
    "computational complexity": (
        "upper", "O",
        (B*m*n**5*d / eps**8, B*m*l**5*d / eps**8, B*m*k**2*l**3*d / eps**8),
    ),
}  # fmt: skip


def complexity(quantity: str, architecture: str) -> Bound:
    """Return one of the twelve entries of the complexity table, as stated.

    Parameters
    ----------
    quantity : str
        One of `QUANTITIES`.
    architecture : {"dense", "separate", "joint"}
        The column.

    Raises
    ------
    ValueError
        If there is no such entry.

    Notes
    -----
    Amounts that reach generalization error ε. For both pMoE columns the routers must keep the
    discriminative patch; stating this as l ≥ l* is a modelling choice.

    Source: the complexity table of P23.

    Examples
    --------
    >>> print(complexity("computational complexity", "joint"))
    O(B m k² l³ d/ε⁸)
    """
    choice("quantity", quantity, QUANTITIES)
    choice("architecture", architecture, ARCHITECTURES)
    kind, order, entries = _ENTRIES[quantity]
    return Bound(
        entries[ARCHITECTURES.index(architecture)],
        quantity,
        kind,
        order,
        architecture,
        () if architecture == "dense" else (KEEPS_PATCH,),
        (_PATTERNS,),
        ("n_irrelevant", "delta_d", "l_star"),
        _TABLE,
    )


def router_bounds() -> dict[str, Bound]:
    """Return what suffices for routers to keep the discriminative patch of every input.

    With these B_r and T_r, learning rate η_r = Θ(1/n) and l ≥ l*, after separate router training
    o₁ is in J₁ for every input of class +1 and o₂ in J₂ for every input of class −1.

    Returns
    -------
    dict
        Bounds on ``router_batch_size`` and ``router_n_steps``.

    Notes
    -----
    Source: the router lemma of P23, in this package's words.

    Examples
    --------
    >>> {name: str(bound) for name, bound in router_bounds().items()}
    {'router_batch_size': 'Ω(n²/(1 − δ_d)²)', 'router_n_steps': 'Ω(1/(1 − δ_d))'}
    """
    shared: dict[str, Any] = {
        "kind": "sufficient",
        "order": "Ω",
        "architecture": "separate",
        "requires": (KEEPS_PATCH,),
        "assumes": (_PATTERNS, "router learning rate η_r = Θ(1/n)", "balanced classes"),
        "source": "router lemma of P23, in this package's words",
    }
    return {
        "router_batch_size": Bound(n**2 / (1 - delta) ** 2, "samples per router batch", **shared),
        "router_n_steps": Bound(1 / (1 - delta), "steps of router training", **shared),
    }


def pruning_bounds() -> dict[str, Bound]:
    """Return the theorems on the change Δ_s of router norms in fine-tuning, and on pruning by it.

    Returns
    -------
    dict
        ``relevant``: Δ_s of experts that learn features of the task, at least of order 1.
        ``irrelevant``: Δ_s of the others, at most of order 1/√d.
        ``kept``: fraction 1 − ρ of experts that suffices without further fine-tuning, 1 − γ.
        ``kept_fine_tuned``: the same with further fine-tuning, of order 1/k.

    Notes
    -----
    Source: stated in P24.

    Examples
    --------
    >>> {name: str(bound) for name, bound in pruning_bounds().items()}
    {'relevant': 'Ω(1)', 'irrelevant': 'O(1/√d)', 'kept': 'Ω(1 − γ)', 'kept_fine_tuned': 'Ω(1/k)'}
    """
    shared: dict[str, Any] = {"architecture": "joint", "source": "stated in P24"}
    ranked = ("experts pruned by smallest Δ_s",)
    entries: dict[str, tuple[sp.Expr, str, Kind, Order, tuple[str, ...]]] = {
        "relevant": (sp.Integer(1), "router-norm change Δ_s", "lower", "Ω", ("relevant expert",)),
        "irrelevant": (
            1 / sp.sqrt(d), "router-norm change Δ_s", "upper", "O", ("irrelevant expert",),
        ),
        "kept": (1 - gamma, "fraction of experts kept", "sufficient", "Ω", ranked),
        "kept_fine_tuned": (
            1 / k, "fraction of experts kept", "sufficient", "Ω",
            (*ranked, "further fine-tuning after pruning"),
        ),
    }  # fmt: skip
    return {
        name: Bound(expression, quantity, kind, order, assumes=assumes, **shared)
        for name, (expression, quantity, kind, order, assumes) in entries.items()
    }


def monomial_powers(expression: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    """Return the powers of a monomial; its constant factor is dropped.

    Raises
    ------
    ValueError
        If the expression is no monomial.

    Examples
    --------
    >>> monomial_powers(3 * n**8 / l**2)
    {l: -2, n: 8}
    """
    powers = dict(sp.factor(expression).as_powers_dict())
    if any(not (base.is_Symbol or base.is_number) for base in powers):
        raise reject("expression", str(expression), "a monomial in the parameters")
    powers = {base: power for base, power in powers.items() if base.is_Symbol}
    return dict(sorted(powers.items(), key=lambda item: str(item[0])))
