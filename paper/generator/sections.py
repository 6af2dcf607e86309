r"""The article's text with its numbers.

Where a number stands, the text asks for it: ``\from{nstar(0.05, arm=dense, n_patches=64)}``. The
query is one of `prose.pages`, or a formula of `formulas`.
"""

from __future__ import annotations

import re
from pathlib import Path

from generator.formulas import FORMULAS
from generator.text import latex
from prose.pages import answer
from prose.tables import MissingNumberError

SECTIONS = Path(__file__).resolve().parents[1] / "sections"
QUERY = re.compile(r"\\from\{([^{}]*)\}")


def filled() -> dict[str, str]:
    """Return the sections, numbers in the place of queries."""
    return {path.name: with_numbers(path) for path in sorted(SECTIONS.glob("*.tex"))}


def with_numbers(path: Path) -> str:
    """Return one section; an error names the query that has no answer."""
    try:
        return QUERY.sub(lambda at: latex(answer(at[1], FORMULAS)), path.read_text("utf-8"))
    except MissingNumberError as error:
        raise MissingNumberError(f"{path.name}: {error}") from error
