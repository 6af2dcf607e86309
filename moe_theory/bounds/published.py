"""`Bound`: a published bound with its direction, its conditions and where it was seen.

All published amounts are *sufficient*: with so many samples and units, so many iterations are
enough. A simulation can contradict such a bound, by needing amounts that grow faster, but never
confirm its exponent. Source: P23 and P24; see docs/theory/bounds.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from moe_theory._display import card
from moe_theory._validation import choice, instance, reject
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.parameters import SYMBOL, Assumption, parameter
from moe_theory.bounds.printing import plain

Kind = Literal["sufficient", "upper", "lower"]
Order = Literal["Ω", "O", "Θ"]
READS = {
    "sufficient": "so much is enough; less may do",
    "upper": "at most so much, up to a constant",
    "lower": "at least so much, up to a constant",
}
ARCHITECTURES = ("dense", "separate", "joint")
TITLES = {"dense": "dense CNN", "separate": "pMoE, separate", "joint": "pMoE, joint"}
QUANTITIES = (
    "sample complexity", "iteration complexity", "model complexity", "computational complexity",
)  # fmt: skip


@dataclass(frozen=True)
class Bound(Formula):
    """A bound up to a constant that is not published.

    Parameters
    ----------
    expression : sympy.Expr
        What stands inside Ω(·), O(·) or Θ(·).
    quantity : str
        What is bounded, such as "sample complexity".
    kind : {"sufficient", "upper", "lower"}
        A sufficient amount: so much is enough, less may do. An upper or a lower bound: the
        quantity is at most, at least that.
    order : {"Ω", "O", "Θ"}
        The symbol as published.
    architecture : {"dense", "separate", "joint"}, optional
        The architecture it speaks of.
    requires : tuple of Assumption
        Relations that must hold; evaluation checks them where their parameters are given.
    assumes : tuple of str
        What else is assumed, in words.
    silent : tuple of str
        Parameters that the bound hides in its constant: growth in them says nothing about it.
    source : str
        The paper that states it, and where; or how it was derived.

    Raises
    ------
    ValueError
        If a field is impossible.

    Examples
    --------
    >>> bound = complexity("sample complexity", "dense")
    >>> print(bound)
    Ω(n⁸/ε¹⁶)
    >>> bound.kind, bound.exponent("n_patches")
    ('sufficient', 8)
    """

    quantity: str
    kind: Kind
    order: Order
    architecture: str | None = None
    requires: tuple[Assumption, ...] = ()
    assumes: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("quantity", "source"):
            instance(name, getattr(self, name), str, "a string")
        for name in ("requires", "assumes", "silent"):
            instance(name, getattr(self, name), tuple, "a tuple")
        choice("kind", self.kind, list(READS))
        choice("order", self.order, ("Ω", "O", "Θ"))
        if self.architecture is not None:
            choice("architecture", self.architecture, ARCHITECTURES)

    @property
    def conditions(self) -> tuple[Assumption, ...]:
        """Relations that evaluation checks."""
        return self.requires

    def latex(self) -> str:
        """Return the bound as LaTeX, with its order symbol."""
        symbol = {"Ω": r"\Omega", "O": r"\mathcal{O}", "Θ": r"\Theta"}[self.order]
        return rf"{symbol}\left({super().latex()}\right)"

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {"reads": READS[self.kind]}
        if self.requires:
            rows["requires"] = "; ".join(relation.text for relation in self.requires)
        if self.assumes:
            rows["assumes"] = "; ".join(self.assumes)
        if self.silent:
            hidden = [plain(parameter(name).symbol) for name in self.silent]
            rows["hidden in the constant"] = ", ".join(hidden)
        if self.source:
            rows["source"] = self.source
        return card(self.title, rows, formula=self)

    @property
    def title(self) -> str:
        """What is bounded, and for which architecture."""
        return ", ".join(filter(None, (self.quantity, self.architecture)))

    def __str__(self) -> str:
        return f"{self.order}({plain(self.expression)})"


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
