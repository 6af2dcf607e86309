"""Numbers and words as LaTeX."""

from __future__ import annotations

import re

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$",
    "ε": r"$\varepsilon$", "α": r"$\alpha$", "γ": r"$\gamma$", "√": r"$\sqrt{}$", "–": "--",
    "ζ": r"$\zeta$", "≥": r"$\geq$", "≤": r"$\leq$", "<": "$<$", ">": "$>$", "×": r"$\times$",
}  # fmt: skip
NUMBERS = {"−": "$-$", "∞": r"$\infty$", "–": "--", " ± ": r"\,$\pm$\,", " %": r"\,\%"}


def escape(text: str) -> str:
    r"""Return plain text as LaTeX.

    Examples
    --------
    >>> escape("5 % of a_b")
    '5 \\% of a\\_b'
    """
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def latex(text: str) -> str:
    r"""Return numbers in plain text as LaTeX.

    Examples
    --------
    >>> latex("−0.13 [−∞, 1,000] ± 5 %")
    '$-$0.13 [$-$$\\infty$, 1\\,000]\\,$\\pm$\\,5\\,\\%'
    """
    for plain, typeset in NUMBERS.items():
        text = text.replace(plain, typeset)
    return re.sub(r"(?<=\d),(?=\d{3})", r"\\,", text)


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


def tabular(columns: str, header: list[str], body: list[list[str]], above: str = "") -> str:
    """Return a ``tabular`` with booktabs rules, numbers typeset; an empty row is a rule."""
    lines = [r"\begin{tabular}{@{}" + columns + "@{}}", r"\toprule"]
    lines += [above] if above else []
    lines += [" & ".join(header) + r" \\", r"\midrule"]
    lines += [" & ".join(map(latex, cells)) + r" \\" if cells else r"\midrule" for cells in body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
