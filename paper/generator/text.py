"""Numbers and words as LaTeX."""

from __future__ import annotations

import math

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$",
    "ε": r"$\varepsilon$", "α": r"$\alpha$", "γ": r"$\gamma$", "√": r"$\sqrt{}$", "–": "--",
    "ζ": r"$\zeta$", "≥": r"$\geq$", "≤": r"$\leq$", "<": "$<$", ">": "$>$", "×": r"$\times$",
}  # fmt: skip


def escape(text: str) -> str:
    r"""Return plain text as LaTeX.

    Examples
    --------
    >>> escape("5 % of a_b")
    '5 \\% of a\\_b'
    """
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def number(value: float | str, digits: int = 3) -> str:
    r"""Return a number with so many significant digits; without trailing zeros.

    Examples
    --------
    >>> number(0.02540), number(229.4), number(float("inf"))
    ('0.0254', '229', '$\\infty$')
    """
    value = float(value) if value != "" else math.nan
    if math.isnan(value):
        return "--"
    if math.isinf(value):
        return r"$\infty$"
    if value and abs(value) >= 10**digits:
        value = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}g}"
    plain = (
        f"{float(text):,.0f}".replace(",", r"\,") if "e+" in text or abs(value) >= 1000 else text
    )
    return sign(plain)


def inline(formula: str) -> str:
    r"""Return a formula with its fractions on one line.

    Examples
    --------
    >>> inline(r"\Omega\left(\frac{n^{2}}{k l}\right)")
    '\\Omega(n^{2}/(k l))'
    """
    while r"\frac" in formula:
        start = formula.index(r"\frac")
        top, after = _group(formula, start + len(r"\frac"))
        bottom, end = _group(formula, after)
        below = f"({bottom})" if " " in bottom else bottom
        formula = f"{formula[:start]}{top}/{below}{formula[end:]}"
    return formula.replace(r"\left", "").replace(r"\right", "")


def _group(formula: str, start: int) -> tuple[str, int]:
    """Return what stands in the braces at ``start``, and where they end."""
    depth = 0
    for place in range(start, len(formula)):
        depth += {"{": 1, "}": -1}.get(formula[place], 0)
        if depth == 0:
            return formula[start + 1 : place], place + 1
    raise ValueError(f"braces do not close in {formula}")


def whole(value: float | str) -> str:
    """Return a number rounded to a whole one, with thin spaces between thousands."""
    return sign(f"{float(value):,.0f}".replace(",", r"\,"))


def fixed(value: float | str, decimals: int = 2) -> str:
    """Return a number with so many decimals."""
    return sign(f"{float(value):.{decimals}f}")


def percent(value: float | str, decimals: int = 0) -> str:
    """Return a fraction in percent, without a trailing zero after the point."""
    return sign(f"{100 * float(value):.{decimals}f}") + r"\,\%"


def interval(value: float | str, low: float | str, high: float | str, digits: int = 2) -> str:
    """Return a number with its interval, such as 2.8 [2.6, 3.5]."""
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def slope(value: float | str, low: float | str, high: float | str) -> str:
    """Return an exponent with its interval, two decimals each."""
    return f"{fixed(value)} [{fixed(low)}, {fixed(high)}]"


def plus_minus(mean: float, error: float, decimals: int = 3) -> str:
    """Return a mean with its error."""
    return rf"{fixed(mean, decimals)}\,$\pm$\,{fixed(error, decimals)}"


def sign(text: str) -> str:
    """Return a number with a typographic minus; zero has none."""
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return f"$-${text[1:]}" if text.startswith("-") else text


def words(items: list[str]) -> str:
    """Return a list in words.

    Examples
    --------
    >>> words(["a", "b", "c"]), words(["a"]), words([])
    ('a, b and c', 'a', 'none')
    """
    if not items:
        return "none"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def tabular(columns: str, header: list[str], body: list[list[str]], above: str = "") -> str:
    """Return a ``tabular`` with booktabs rules; an empty row is a rule."""
    lines = [r"\begin{tabular}{@{}" + columns + "@{}}", r"\toprule"]
    lines += [above] if above else []
    lines += [" & ".join(header) + r" \\", r"\midrule"]
    lines += [" & ".join(cells) + r" \\" if cells else r"\midrule" for cells in body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
