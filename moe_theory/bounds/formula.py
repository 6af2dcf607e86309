"""`Formula`: an expression in the parameters of the theory that can be asked about itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from moe_theory._validation import instance, reject
from moe_theory.bounds.parameters import (
    BY_SYMBOL,
    PARAMETERS,
    Assumption,
    Parameter,
    as_sums_of_positives,
    check_values,
    compiled,
    parameter,
)
from moe_theory.bounds.printing import latex, plain

Key: TypeAlias = "str | sp.Symbol"


@dataclass(frozen=True)
class Formula:
    """A positive quantity as a sympy expression.

    Parameters
    ----------
    expression : sympy.Expr
        In the symbols of `PARAMETERS` alone.

    Raises
    ------
    ValueError
        If the expression holds another symbol.

    Examples
    --------
    >>> n, eps = parameter("n_patches").symbol, parameter("epsilon").symbol
    >>> formula = Formula(n**8 / eps**16)
    >>> print(formula, formula.exponent("n_patches"), formula.exponent("epsilon"))
    n⁸/ε¹⁶ 8 -16
    >>> formula.evaluate(n_patches=2, epsilon=0.5)
    16777216.0
    """

    expression: sp.Expr

    def __post_init__(self) -> None:
        instance("expression", self.expression, sp.Expr, "a sympy expression")
        expression = sp.sympify(self.expression)
        object.__setattr__(self, "expression", expression)
        unknown = expression.free_symbols - set(BY_SYMBOL)
        if unknown:
            known = "symbols of bounds.PARAMETERS only"
            raise reject("expression", str(expression), known)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters on which the value depends, in the order of the notation table."""
        return tuple(p for p in PARAMETERS if p.symbol in self.expression.free_symbols)

    @property
    def conditions(self) -> tuple[Assumption, ...]:
        """Relations that must hold beside the assumptions on the parameters."""
        return ()

    def evaluate(self, **values: Any) -> Any:
        """Return the value at numbers or arrays, given by name in code.

        Parameters
        ----------
        **values : number or array
            All parameters of the formula; others are only checked. Arrays broadcast.

        Returns
        -------
        int, float or array
            An exact integer where the formula is a polynomial and all values are integers.

        Raises
        ------
        ValueError
            If a value is missing or not known, or an assumption fails: it is named. If the result
            is larger than a floating-point number can be.

        Examples
        --------
        >>> Formula(parameter("n").symbol * parameter("l").symbol).evaluate(
        ...     n_patches=[4, 8], n_routed=2)
        array([ 8., 16.])
        """
        checked = check_values(values, self.conditions)
        missing = [p.name for p in self.parameters if p.symbol not in checked]
        if missing:
            raise reject("values", sorted(values), f"complete; {', '.join(missing)} is missing")
        used = [p.symbol for p in self.parameters]
        found = None
        with np.errstate(all="ignore"), suppress(ZeroDivisionError, OverflowError):
            found = compiled(self.expression, tuple(used))(*(checked[symbol] for symbol in used))
        if not isinstance(found, int) and (found is None or not np.isfinite(found).all()):
            given = {p.name: checked[p.symbol] for p in self.parameters}
            raise reject("values", given, f"such that {self} is a floating-point number")
        return found.item() if isinstance(found, np.generic) else found

    def exponent(self, key: Key) -> sp.Expr:
        """Return lim ∂log(formula)/∂log(parameter) in the regime that the parameter goes to.

        That is n → ∞ for sizes, ε → 0, and for δ_d → 1 the exponent of 1 − δ_d.

        Examples
        --------
        >>> n, delta = parameter("n").symbol, parameter("delta_d").symbol
        >>> Formula(n**2 / (1 - delta) ** 2).exponent("delta_d")
        -2
        """
        return _exponent(self.expression, parameter(key))

    def is_power(self, key: Key) -> bool:
        """Return whether the formula is a power of the parameter, times what does not hold it.

        Examples
        --------
        >>> clusters, d = parameter("n_clusters").symbol, parameter("d").symbol
        >>> formula = Formula(d * clusters * sp.log(clusters))
        >>> formula.is_power("d"), formula.is_power("n_clusters"), formula.exponent("n_clusters")
        (True, False, 1)
        """
        over = parameter(key)
        return over.symbol not in _log_slope(self.expression, over).free_symbols

    @cached_property
    def exponents(self) -> dict[str, sp.Expr]:
        """The exponent in every parameter of the formula, by name in code."""
        return {p.name: self.exponent(p.symbol) for p in self.parameters}

    def ratio(self, other: Formula) -> Formula:
        """Return this formula over ``other``.

        Examples
        --------
        >>> n, l = parameter("n").symbol, parameter("l").symbol
        >>> print(Formula(n**8).ratio(Formula(l**8)))
        n⁸/l⁸
        """
        instance("other", other, Formula, "a Formula")
        return Formula(sp.simplify(self.expression / other.expression))

    def crossover(self, other: Formula, key: Key) -> tuple[sp.Expr, ...]:
        """Return the positive values of a parameter at which both formulas are equal.

        Examples
        --------
        >>> k, l = parameter("k").symbol, parameter("l").symbol
        >>> Formula(k**4 * l**6).crossover(Formula(l**8), "n_experts")
        (sqrt(l),)
        """
        instance("other", other, Formula, "a Formula")
        symbol = parameter(key).symbol
        # An integer symbol would hide crossings that lie between two integers.
        free = sp.Dummy(symbol.name, positive=True)
        difference = sp.together((self.expression - other.expression).subs(symbol, free))
        roots = sp.solve(sp.numer(difference), free)
        return tuple(sp.simplify(root) for root in roots if root.is_positive is not False)

    def monotone(self, key: Key) -> int | None:
        """Return +1 if the formula never falls as the parameter grows, −1 if it never rises.

        It is 0 where it does not depend on the parameter, and None where the sign of the
        derivative cannot be told from the assumptions.

        Examples
        --------
        >>> n, eps = parameter("n").symbol, parameter("epsilon").symbol
        >>> formula = Formula(n**8 / eps**16)
        >>> formula.monotone("n"), formula.monotone("epsilon"), formula.monotone("k")
        (1, -1, 0)
        """
        symbol = parameter(key).symbol
        slope = as_sums_of_positives(sp.diff(self.expression, symbol))
        top, bottom = sp.fraction(sp.together(slope))
        signs = _sign(top), _sign(bottom)
        return None if None in signs else signs[0] * signs[1]  # type: ignore[operator]

    def latex(self) -> str:
        """Return the expression as LaTeX, without delimiters."""
        return latex(self.expression)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return plain(self.expression)


@lru_cache(maxsize=512)
def _exponent(expression: sp.Expr, over: Parameter) -> sp.Expr:
    log_slope = _log_slope(expression, over)
    if over.symbol not in log_slope.free_symbols:
        return log_slope
    side = "-" if over.limit == 1 else "+"
    return sp.simplify(sp.limit(log_slope, over.symbol, over.limit, side))


@lru_cache(maxsize=512)
def _log_slope(expression: sp.Expr, over: Parameter) -> sp.Expr:
    slope = sp.diff(expression, over.symbol) / sp.diff(over.scale, over.symbol)
    return sp.simplify(slope * over.scale / expression)


def _sign(expression: sp.Expr) -> int | None:
    """Return the sign that a polynomial keeps where all its variables are ≥ 0, if it keeps one."""
    expanded = sp.expand(expression)
    signs = {1 if term.is_nonnegative else -1 if term.is_nonpositive else None
             for term in sp.Add.make_args(expanded) if term != 0}  # fmt: skip
    if not signs:
        return 0
    return signs.pop() if len(signs) == 1 else None
