"""Numbers of a page that look measured and have no query."""

from __future__ import annotations

import re

from prose.pages import NO_PROSE, blanked, quoted

MEASURED = re.compile(
    r"\d*\.\d+|±\s?\d|\d ?%|\[−?\d[\d.]*, −?\d|\d of \d|\de[+-]?\d|\d·10|10⁻|\?\?"
)
# What stands above is compared, number by number, by this test.
CHECKED = re.compile(r"<!-- checked: (\S+)::(\w+) -->")
# Kinds of numbers that are no results; a space stands for a line's end, too.
ALLOWED = (
    r"Python 3\.\d+",
    r"95 %",  # the confidence of every interval
    # Tolerances, labels, sections.
    r"(?:error|loss) of less than 1 %|or 15 %|10⁻⁶ of|at most 10⁻⁶|rejected at 1 %|by default 2 %",
    r"±1\b|§\d\.\d|(?:Theorem|Lemma) \d\.\d",
    # Settings: what a simulation or a prediction was given.
    r"(?:ε|η|η_r|α|ρ|σ|σ₀|L₀|δ_d|γ|rate|rate is|(?:mean|a) loss of|certainty of) ?[=≤≥<>]? ?"
    r"−?\d*\.?\d+(?: %)?",
    r"0\.2 ?\*?[nl]\*?",  # learning rates
    r"ε from 0\.02 to 0\.2|lie in \[0, 1\]|in \[[\d.n]+, [\d.n]+\]",
)
ANY_KIND = re.compile("|".join(ALLOWED).replace(" ?", r"\s?").replace(" ", r"\s"))


def typed(page: str) -> list[str]:
    """Return the lines of a page that hold a number without a query."""
    bare = page
    for number in quoted(page):
        if number.place:
            bare = _blank(bare, *number.place)
    for found in CHECKED.finditer(page):
        bare = _blank(bare, page.rfind("\n\n", 0, found.start()), found.start())
    for kind in (NO_PROSE, ANY_KIND):
        bare = blanked(bare, kind)
    return [
        f"{place}: typed {', '.join(found)} in {line.strip()[:60]}"
        for place, line in enumerate(bare.splitlines(), 1)
        if (found := MEASURED.findall(line))
    ]


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
