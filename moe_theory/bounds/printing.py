"""Formulas in plain text, ``n⁸/ε¹⁶``, and in LaTeX."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from moe_theory.bounds.parameters import LATEX, PARAMETERS, PLAIN

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# The order of factors in the papers: B m n⁵ d.
_FIRST = ("B", "B_r", "N", "N_r", "T", "T_r", "V", "V_r", "m", "k", "n", "l", "d", "p")
_ORDER = {name: place for place, name in enumerate(_FIRST)}


class _PlainPrinter(StrPrinter):  # type: ignore[misc]
    """Products by juxtaposition, integer powers as superscripts."""

    def _print_Symbol(self, expr: Any) -> str:
        return PLAIN.get(expr.name, str(expr.name))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if exponent.is_Integer and exponent > 0:
            return self._atom(base) + str(exponent).translate(_RAISED)
        if exponent.is_Integer:
            return self._print_Mul(sp.Mul(1, expr, evaluate=False))
        if exponent == sp.Rational(1, 2):
            return "√" + self._atom(base)
        if exponent == -sp.Rational(1, 2):
            return "1/√" + self._atom(base)
        return str(super()._print_Pow(expr, rational))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        """Print positive terms before negative ones, and each of them from the highest degree."""
        text = ""
        for term in sorted(sp.Add.make_args(expr), key=_weight):
            negative = term.could_extract_minus_sign()
            sign = ("−" if negative else "") if not text else (" − " if negative else " + ")
            text += sign + self._print(-term if negative else term)
        return text

    def _print_Relational(self, expr: Any) -> str:
        symbol = {"<=": "≤", ">=": "≥"}.get(expr.rel_op, expr.rel_op)
        return f"{self._print(expr.lhs)} {symbol} {self._print(expr.rhs)}"

    def _print_Mul(self, expr: Any) -> str:
        top, bottom = sp.fraction(expr)
        if bottom == 1:
            return self._product(top)
        above = f"({self._print(top)})" if top.is_Add else self._product(top)
        below = self._product(bottom)
        return f"{above}/({below})" if " " in below and below[0] != "(" else f"{above}/{below}"

    def _product(self, expr: Any) -> str:
        factors = sorted(sp.Mul.make_args(expr), key=_place)
        if factors[0] == -1 and len(factors) > 1:
            return "−" + self._product(sp.Mul(*factors[1:]))
        return " ".join(
            self._atom(f) if f.is_Add and len(factors) > 1 else self._print(f) for f in factors
        )

    def _atom(self, expr: Any) -> str:
        text = self._print(expr)
        return str(text) if expr.is_Atom else f"({text})"


class _LatexPrinter(LatexPrinter):  # type: ignore[misc]
    """Factors in the order of the papers."""

    def _print_Mul(self, expr: Any) -> str:
        top, bottom = sp.fraction(expr)
        if bottom == 1:
            return self._product(top)
        return rf"\frac{{{self._product(top)}}}{{{self._product(bottom)}}}"

    def _product(self, expr: Any) -> str:
        factors = sorted(sp.Mul.make_args(expr), key=_place)
        if factors[0] == -1 and len(factors) > 1:
            return "- " + self._product(sp.Mul(*factors[1:]))
        if len(factors) == 1:
            return str(self._print(expr))
        return " ".join(
            rf"\left({self._print(f)}\right)" if f.is_Add else self._print(f) for f in factors
        )


def _place(factor: sp.Expr) -> tuple[int, int, str]:
    base = factor.as_base_exp()[0]
    return (0 if factor.is_number else 1), _ORDER.get(str(base), 99), str(factor)


def _weight(term: sp.Expr) -> tuple[bool, sp.Expr, list[tuple[int, int, str]], str]:
    powers = term.as_powers_dict()
    degree = sum(power for base, power in powers.items() if base.is_Symbol)
    places = sorted(_place(factor) for factor in sp.Mul.make_args(term) if not factor.is_number)
    return term.could_extract_minus_sign(), -degree, places, str(term)


def plain(expression: sp.Expr) -> str:
    """Return ``expression`` as one line of text.

    Examples
    --------
    >>> from moe_theory.bounds.parameters import SYMBOL
    >>> B, n, m, d = (SYMBOL[s] for s in ("batch_size", "n_patches", "n_hidden", "patch_dim"))
    >>> plain(4 * d * n**5 * m * B / SYMBOL["epsilon"]**8)
    '4 B m n⁵ d/ε⁸'
    """
    return str(_PlainPrinter({"order": "none"}).doprint(expression))


def latex(expression: sp.Expr) -> str:
    r"""Return ``expression`` as LaTeX.

    Examples
    --------
    >>> from moe_theory.bounds.parameters import SYMBOL
    >>> latex(SYMBOL["n_patches"] ** 8 / SYMBOL["epsilon"])
    '\\frac{n^{8}}{\\varepsilon}'
    """
    names = {p.symbol: LATEX[p.symbol.name] for p in PARAMETERS if p.symbol.name in LATEX}
    return str(_LatexPrinter({"symbol_names": names}).doprint(sp.sympify(expression)))
