"""Numbers of a page that look measured and have no query."""

from __future__ import annotations

import re

from prose.pages import quoted

# Code and its output, which tests run; formulas; comments; names of files.
NO_PROSE = re.compile(
    r"^(```+|:::+).*?^\1$|<!--.*?-->|\$\$.*?\$\$|\$[^$\n]+(?:\n[^$\n]+)?\$|`[^`]+`|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
MEASURED = re.compile(r"\d*\.\d+|±|\d ?%|\[−?\d[\d.]*, −?\d|\d of \d|\de[+-]?\d|\d·10|10⁻|\?\?")
ALLOWED = (
    r"Python 3\.\d+",
    r"95 %",  # the confidence of every interval
    # Settings: what a simulation was given.
    r"(?:ε|η|η_r|α|ρ|σ|σ₀|L₀|δ_d|γ|rate|loss of|error of) ?[=≤≥<>]? ?−?\d*\.?\d+(?: %)?",
)


def typed(page: str) -> list[str]:
    """Return the lines of a page that hold a number without a query."""
    bare = page
    for number in quoted(page):
        if number.place:
            bare = _blank(bare, *number.place)
    for found in NO_PROSE.finditer(bare):
        bare = _blank(bare, *found.span())
    for found in re.finditer("|".join(ALLOWED), bare):
        bare = _blank(bare, *found.span())
    return [
        f"{place}: typed {', '.join(found)} in {line.strip()[:60]}"
        for place, line in enumerate(bare.splitlines(), 1)
        if (found := MEASURED.findall(line))
    ]


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
