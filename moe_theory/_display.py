"""What notebooks show of the package's objects: small tables, the same everywhere.

Text is escaped; formulas, which are objects with ``latex()``, go between dollar signs, as notebooks
typeset them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Rendered(Protocol):
    """What notebooks typeset."""

    def latex(self) -> str:
        """Return the formula as LaTeX, without delimiters."""


LEFT = ' style="text-align: left"'


@dataclass(frozen=True)
class Latex:
    """A formula that is not more than its source."""

    source: str

    def latex(self) -> str:
        """Return the source, without delimiters."""
        return self.source


def cell(value: object) -> str:
    """Return a value as HTML.

    Examples
    --------
    >>> cell(0.123456), cell(12345), cell(None), cell("a < b")
    ('0.1235', '12345', '–', 'a &lt; b')
    >>> cell(Latex(r"n^8"))
    '$n^8$'
    """
    if hasattr(value, "latex"):
        return f"${html.escape(value.latex(), quote=False)}$"
    if value is None:
        return "–"
    # NumPy's float64 is a float, too.
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    # A dollar sign in a text of its own opens no formula.
    return html.escape(text, quote=False).replace("$", "<span>$</span>")


def table(
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    notes: Iterable[str] = (),
) -> str:
    """Return a table with a header, and lines of text below it.

    Examples
    --------
    >>> table(["l"], [[2]])
    '<table><thead><tr><th>l</th></tr></thead><tbody><tr><td>2</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{cell(value)}</th>" for value in header)
    lines = ("".join(_data(value) for value in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f"<table>{_caption(caption)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        + "".join(f"<p>{cell(note)}</p>" for note in notes)
    )


def card(title: str, rows: Mapping[str, object], *, formula: Rendered | None = None) -> str:
    """Return what is known of one object: its formula, then a line for each entry.

    Examples
    --------
    >>> card("a network", {"l": 2}).count("<tr>")
    1
    """
    body = "".join(
        f"<tr><th{LEFT}>{cell(name)}</th><td{LEFT}>{cell(value)}</td></tr>"
        for name, value in rows.items()
    )
    if formula is None:
        return f"<table>{_caption(title)}<tbody>{body}</tbody></table>"
    # Typesetters break formulas to the width of their cell: a line of its own has room.
    top = f"<p><b>{cell(title)}</b></p><p>{cell(formula)}</p>"
    return f"{top}<table><tbody>{body}</tbody></table>"


def _data(value: object) -> str:
    # As above: a formula in a narrow column would be broken.
    room = ' style="min-width: 9em"' if hasattr(value, "latex") else ""
    return f"<td{room}>{cell(value)}</td>"


def _caption(text: str) -> str:
    return f"<caption{LEFT}><b>{cell(text)}</b></caption>" if text else ""
