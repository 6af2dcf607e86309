"""Consequences of the bounds, derived step by step: computation, savings, regions, router cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from moe_theory._validation import instance, reject
from moe_theory.bounds.bound import TITLES, Bound
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.parameters import ORDERED, SYMBOL, Assumption, check_values
from moe_theory.bounds.printing import latex, plain
from moe_theory.bounds.published import complexity, monomial_powers
from moe_theory.bounds.symbolic_costs import step_flops


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what was done, and what came out."""

    text: str
    result: sp.Basic

    def __str__(self) -> str:
        return f"{self.text}: {plain(self.result)}"


@dataclass(frozen=True)
class Derivation:
    """A result with the steps that lead to it; prints as text, and as LaTeX in a notebook."""

    title: str
    steps: tuple[Step, ...]
    result: Formula

    def __str__(self) -> str:
        lines = [f"{number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([self.title, *lines, f"Result: {self.result}"])

    def _repr_markdown_(self) -> str:
        lines = [f"{i}. {s.text}: ${latex(s.result)}$" for i, s in enumerate(self.steps, 1)]
        return "\n".join([f"**{self.title}**", "", *lines, "", f"Result: ${self.result.latex()}$"])


@dataclass(frozen=True)
class Region:
    """Where one bound is at most another: a relation in the parameters.

    Examples
    --------
    >>> region = wins(complexity("sample complexity", "joint"),
    ...               complexity("sample complexity", "separate"))
    >>> print(region, region.contains(n_experts=2, n_routed=5))
    k² ≤ l True
    """

    smaller: sp.Expr
    larger: sp.Expr

    def contains(self, **values: Any) -> bool | NDArray[np.bool_]:
        """Return whether the relation holds at numbers or arrays, given by name in code.

        Raises
        ------
        ValueError
            As `Formula.evaluate` does.
        """
        check_values(values)
        used = {p.name for side in (self.smaller, self.larger) for p in Formula(side).parameters}
        given = {name: value for name, value in values.items() if name in used}
        left = Formula(self.smaller).evaluate(**given) if self.smaller.free_symbols else 1
        right = Formula(self.larger).evaluate(**given) if self.larger.free_symbols else 1
        holds = np.less_equal(left, right)
        return holds if holds.ndim else bool(holds)

    def latex(self) -> str:
        """Return the relation as LaTeX."""
        return rf"{latex(self.smaller)} \leq {latex(self.larger)}"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def __str__(self) -> str:
        return f"{plain(self.smaller)} ≤ {plain(self.larger)}"


def wins(first: Formula, second: Formula) -> Region:
    """Return the region where ``first`` is at most ``second``; constants count as 1.

    For monomials, Π x_i^{e_i} ≤ 1 is brought to its simplest form: exponents are divided by
    their greatest common divisor, and negative ones go to the other side.

    Raises
    ------
    ValueError
        If the ratio is no monomial.

    Examples
    --------
    >>> print(wins(complexity("sample complexity", "joint"),
    ...            complexity("sample complexity", "dense")))
    k² l³ ≤ n⁴
    """
    for name, given in (("first", first), ("second", second)):
        instance(name, given, Formula, "a Formula")
    powers = monomial_powers(sp.simplify(first.expression / second.expression))
    divisor = sp.gcd_list(list(powers.values())) if powers else sp.Integer(1)
    smaller = sp.Mul(*(x ** (e / divisor) for x, e in powers.items() if e > 0))
    larger = sp.Mul(*(x ** (-e / divisor) for x, e in powers.items() if e < 0))
    return Region(smaller, larger)


def dominant_monomials(expression: sp.Expr) -> tuple[sp.Expr, ...]:
    """Return the monomials of a polynomial that no other one exceeds, without their constants.

    All symbols are ≥ 1, so that a monomial which divides another one is never larger; and l ≤ n
    and k ≤ m, so that n and m count as multiples of l and k.

    Examples
    --------
    >>> n, l, m = SYMBOL["n_patches"], SYMBOL["n_routed"], SYMBOL["n_hidden"]
    >>> dominant_monomials(4 * n * m + 3 * l * m + 8)
    (m*n,)
    """
    multiples = {SYMBOL[big]: SYMBOL[small] * SYMBOL[big] for small, big in ORDERED}
    terms = [sp.Mul(*monomial_factors) for monomial_factors in _monomials(expression)]

    def exceeded(term: sp.Expr, other: sp.Expr) -> bool:
        quotient = sp.simplify((other / term).subs(multiples, simultaneous=True))
        return term != other and all(power >= 0 for power in monomial_powers(quotient).values())

    largest = [term for term in terms if not any(exceeded(term, other) for other in terms)]
    return tuple(sorted(largest, key=str))


def _monomials(expression: sp.Expr) -> list[list[sp.Expr]]:
    symbols = sorted(expression.free_symbols, key=str)
    powers = sp.Poly(expression, *symbols).monoms()
    return [[x**e for x, e in zip(symbols, term, strict=True)] for term in powers]


def derive_computation(architecture: str) -> Derivation:
    """Derive the computational complexity: iterations × operations of one step.

    The operations come from `moe_theory.costs`, which counts those of the simulator. In joint
    training two monomials survive, for experts and for routers; the published entry has the
    first alone, and the derived bound therefore requires n k ≤ l m.

    Returns
    -------
    Derivation
        Its result is a `Bound`.

    Notes
    -----
    Source: derived from P23's iteration complexity in docs/theory/bounds.md.

    Examples
    --------
    >>> print(derive_computation("separate"))
    computational complexity of pMoE, separate
    1. operations of one step: 4 B m l d + 2 B m l + 2 B m + 2 m d + 8 B
    2. dominant: B m l d
    3. iterations that suffice: l⁴/ε⁸
    4. product: B m l⁵ d/ε⁸
    Result: O(B m l⁵ d/ε⁸)
    """
    exact = step_flops(architecture).expression
    iterations = complexity("iteration complexity", architecture)
    terms = dominant_monomials(exact)
    steps = [
        Step("operations of one step", exact),
        Step("dominant", sp.Add(*terms)),
        Step("iterations that suffice", iterations.expression),
    ]
    experts = [term for term in terms if term.has(SYMBOL["n_hidden"])]
    others = [term for term in terms if term not in experts]
    if len(experts) != 1:
        raise reject("dominant terms", terms, "one of which holds n_hidden")
    requires = iterations.requires
    for term in others:
        relation = wins(Formula(term), Formula(experts[0]))
        steps.append(Step("routers' part, not larger under the next line", term))
        steps.append(Step("condition", sp.Le(relation.smaller, relation.larger, evaluate=False)))
        requires = (*requires, Assumption(sp.Le(relation.smaller, relation.larger), str(relation)))
    product = sp.expand(experts[0] * iterations.expression)
    steps.append(Step("product", product))
    result = replace(
        iterations,
        expression=product,
        quantity="computational complexity",
        requires=requires,
        source="iterations stated in P23 × operations of one step, docs/theory/bounds.md",
    )
    return Derivation(f"computational complexity of {TITLES[architecture]}", tuple(steps), result)


def derive_savings(cheap: Bound, dear: Bound) -> Derivation:
    """Derive how many times less ``cheap`` asks for than ``dear``, and where that is ≥ 1.

    Parameters
    ----------
    cheap, dear : Bound
        Bounds of the same kind on the same quantity.

    Raises
    ------
    ValueError
        If the bounds speak of different quantities or kinds.

    Examples
    --------
    >>> print(derive_savings(complexity("sample complexity", "separate"),
    ...                      complexity("sample complexity", "dense")))
    savings in sample complexity, pMoE, separate over dense CNN
    1. dense CNN: n⁸/ε¹⁶
    2. pMoE, separate: l⁸/ε¹⁶
    3. at least 1 where: l ≤ n
    Result: n⁸/l⁸
    """
    for name, given in (("cheap", cheap), ("dear", dear)):
        instance(name, given, Bound, "a Bound, such as complexity gives")
    if (cheap.quantity, cheap.kind) != (dear.quantity, dear.kind):
        quantity = f"{cheap.quantity} ({cheap.kind})"
        raise reject("cheap", quantity, f"a bound on {dear.quantity} ({dear.kind})")
    names = [TITLES.get(str(bound.architecture), "?") for bound in (cheap, dear)]
    region = wins(cheap, dear)
    steps = (
        Step(names[1], dear.expression),
        Step(names[0], cheap.expression),
        Step("at least 1 where", sp.Le(region.smaller, region.larger, evaluate=False)),
    )
    title = f"savings in {cheap.quantity}, {names[0]} over {names[1]}"
    return Derivation(title, steps, dear.ratio(cheap))
