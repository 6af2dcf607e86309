"""`Bound`: a bound with its direction, its conditions and where it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sympy as sp  # noqa: F401 (the type of an inherited field is read in this module)

from moe_theory._display import card
from moe_theory._validation import choice, instance, reject
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.parameters import Assumption, parameter
from moe_theory.bounds.printing import plain

Kind = Literal["sufficient", "upper", "lower"]
Order = Literal["Ω", "O", "Θ", "≥", "≤"]
READS = {
    "sufficient": "so much is enough; less may do",
    "upper": "at most so much, up to a constant",
    "lower": "at least so much, up to a constant",
}
# How each order is written; the last two have no hidden constant, and one kind each.
LATEX_ORDERS = {"Ω": r"\Omega", "O": r"\mathcal{O}", "Θ": r"\Theta", "≥": r"\geq", "≤": r"\leq"}
EXACT = {"≥": "lower", "≤": "upper"}
ARCHITECTURES = ("dense", "separate", "joint")
TITLES = {
    "dense": "dense CNN", "separate": "pMoE, separate", "joint": "pMoE, joint",
    "sample": "MoE of whole inputs",
}  # fmt: skip


@dataclass(frozen=True)
class Bound(Formula):
    """A bound, up to a constant that is not published or, rarely, without one.

    Parameters
    ----------
    expression : sympy.Expr
        What stands inside Ω(·), O(·) or Θ(·), or after ≥ or ≤.
    quantity : str
        What is bounded, such as "sample complexity".
    kind : {"sufficient", "upper", "lower"}
        A sufficient amount: so much is enough, less may do. An upper or a lower bound: the
        quantity is at most, at least that.
    order : {"Ω", "O", "Θ", "≥", "≤"}
        The symbol as published; ≥ for a lower and ≤ for an upper bound whose constant is 1.
    architecture : {"dense", "separate", "joint", "sample"}, optional
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
    >>> from moe_theory.bounds import complexity
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
        choice("order", self.order, list(LATEX_ORDERS))
        if self.is_exact and self.kind != EXACT[self.order]:
            raise reject("kind", self.kind, f"{EXACT[self.order]!r}, as the order is {self.order}")
        if self.architecture is not None:
            choice("architecture", self.architecture, list(TITLES))

    @property
    def conditions(self) -> tuple[Assumption, ...]:
        """Relations that evaluation checks."""
        return self.requires

    @property
    def is_exact(self) -> bool:
        """Whether no constant is hidden, so that amounts and not only growth can be compared."""
        return self.order in EXACT

    @property
    def reads(self) -> str:
        """How to read it, in words."""
        return READS[self.kind].removesuffix(", up to a constant" if self.is_exact else "")

    def latex(self) -> str:
        """Return the bound as LaTeX, with its order symbol."""
        symbol = LATEX_ORDERS[self.order]
        if self.is_exact:
            return f"{symbol} {super().latex()}"
        return rf"{symbol}\left({super().latex()}\right)"

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {"reads": self.reads}
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
        shown = plain(self.expression)
        return f"{self.order} {shown}" if self.is_exact else f"{self.order}({shown})"
