"""What is wrong with the article's text: typed numbers, references, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PAPER = Path(__file__).resolve().parents[1]
# Errors ε and ρ at which results are shown, and sizes of the published experiment.
ALLOWED = {"0.2", "0.1", "0.05", "0.02", "0.15", "0.8", "784", "100", "160", "1000", "128"}
NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d+|\d{3,})(?![\w.]*\d)")
# Drawings, lengths, files and keys hold numbers that are no results.
NO_PROSE = re.compile(
    r"\\begin\{tikzpicture\}(?s:.*?)\\end\{tikzpicture\}|"
    r"\\(?:includegraphics|usepackage|documentclass|geometry|setlength|captionsetup|label|ref|cite\w*"
    r"|input|wide|drawn|from)(?:\[[^\]]*\])?\{[^}]*\}(?:\{[^}]*\})?|\\emergencystretch=\S+|\\d\{\S+\}"
)


def sources() -> dict[str, str]:
    """Return the article's own files without comments."""
    files = [PAPER / "main.tex", *sorted((PAPER / "sections").glob("*.tex"))]
    strip = re.compile(r"(?<!\\)%.*")
    return {file.name: strip.sub("", file.read_text()) for file in files}


def typed_numbers(texts: dict[str, str]) -> list[str]:
    """Return numbers that were typed, not generated."""
    return [
        f"{name}: typed number {number}"
        for name, text in texts.items()
        for number in NUMBER.findall(NO_PROSE.sub(" ", text))
        if number not in ALLOWED
    ]


def reference_problems(texts: Iterable[str], bibliography: str) -> list[str]:
    """Return citations without an entry, entries without a citation, and doubles."""
    cited = {
        key.strip()
        for keys in re.findall(r"\\cite\w*(?:\[[^\]]*\])*\{([^}]*)\}", "\n".join(texts))
        for key in keys.split(",")
    }
    entries = re.findall(r"@\w+\{([^,]+),", bibliography)
    return (
        [f"citation {key} has no entry" for key in sorted(cited - set(entries))]
        + [f"entry {key} is not cited" for key in sorted(set(entries) - cited)]
        + [f"entry {key} stands twice" for key in sorted(set(entries)) if entries.count(key) > 1]
    )


def table_problems(texts: Iterable[str], tables: Iterable[str]) -> list[str]:
    """Return tables that the text shows and nothing writes, and the reverse."""
    shown = set(re.findall(r"\\wide\{(\w+)\}", "\n".join(texts)))
    return [f"table {name} is not written" for name in sorted(shown - set(tables))] + [
        f"table {name} is not shown" for name in sorted(set(tables) - shown)
    ]


def figure_problems(texts: Iterable[str], figures: Iterable[str]) -> list[str]:
    """Return figures that the text shows and nothing draws, and the reverse."""
    found = re.findall(r"\\drawn\{(\w+)\}", "\n".join(texts))
    shown, drawn = set(found), set(figures)
    return [f"figure {name} is not drawn" for name in sorted(shown - drawn)] + [
        f"figure {name} is not shown" for name in sorted(drawn - shown)
    ]


def problems(tables: Iterable[str], figures: Iterable[str]) -> list[str]:
    """Return everything that is wrong with the text."""
    texts = sources()
    parts = list(texts.values())
    return [
        *typed_numbers(texts),
        *reference_problems(parts, (PAPER / "references.bib").read_text()),
        *table_problems(parts, tables),
        *figure_problems(parts, figures),
    ]
