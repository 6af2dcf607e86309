"""Markdown pages whose numbers come from the committed tables.

Below a paragraph, a list or a table stands a comment, which readers do not see, with a line for
each number in it, in order, and the query that gives the number::

    The dense network needs 90.3 [86.5, 96.7] samples at n = 64.
    <!-- numbers
    90.3 [86.5, 96.7] = nstar(0.05, arm=dense, n_patches=64)
    -->

A query is Python with the functions of `queries`, `compression`, `text` and `markdown`. The name of
a full-scale figure is its table, and any other name is itself, as text. A whole table has one line,
such as ``table = verdicts_table()``. A number that is not known yet is written ``??``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from prose import compression, markdown, queries, text
from prose.tables import FULL, MNIST, ROOT, SPEED, MissingNumberError, Table, read, setting

COMMENT = re.compile(r"^ *<!-- numbers\s(.*?)-->", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"^ *(\S.*?) = (.*(?:\n +\S.*)*)$", re.MULTILINE)
PIPES = re.compile(r"^(?: *\|.*\|\n?)+", re.MULTILINE)
OTHER_TABLES = {
    "mnist": MNIST / "digit_accuracy.csv",
    "speed": SPEED,
    "costs": ROOT / "figures" / "theory" / "costs.csv",
}


def pages() -> list[Path]:
    """Return the pages of the project that hold prose."""
    docs = ROOT / "docs"
    folders = (docs, docs / "theory", docs / "howto", docs / "api")
    return [ROOT / "README.md", *(page for at in folders for page in sorted(at.glob("*.md")))]


class Names(dict[str, Any]):
    """What names in a query stand for."""

    def __init__(self) -> None:
        super().__init__(min=min, max=max, len=len, sum=sum, median=median, setting=setting)
        for module in (text, queries, compression, markdown):
            self |= {k: v for k, v in vars(module).items() if callable(v) and k[0].islower()}

    def __missing__(self, name: str) -> Table | str:
        """Return the table of that name, or the name."""
        path = OTHER_TABLES.get(name, FULL / f"{name}.csv")
        return read(path) if path.exists() else name


def answer(query: str) -> str:
    """Return what the committed tables say.

    Raises
    ------
    MissingNumberError
        If they do not say it, or the query is none.

    Examples
    --------
    >>> answer("nstar(0.05, arm=dense, n_patches=64)"), answer("len(units)")
    ('90.3 [86.5, 96.7]', '15')
    """
    try:
        found = eval(" ".join(query.split()), {"__builtins__": {}}, Names())
    except MissingNumberError as error:
        raise MissingNumberError(f"{query}: {error}") from error
    except Exception as error:
        raise MissingNumberError(f"{query}: {type(error).__name__}: {error}") from error
    if isinstance(found, Table):
        return queries.span(found)
    if isinstance(found, int):
        return text.whole(found)
    return text.number(found) if isinstance(found, float) else str(found)


@dataclass(frozen=True)
class Quoted:
    """A number or a table of a page: as shown, its query, and where both stand."""

    shown: str
    query: str
    label: tuple[int, int]
    place: tuple[int, int] | None  # None if it does not stand there


def quoted(page: str) -> Iterator[Quoted]:
    """Return the numbers of a page that have a query."""
    last = 0
    for comment in COMMENT.finditer(page):
        at = max(last, page.rfind("\n\n", 0, len(page[: comment.start()].rstrip())))
        for line in LINE.finditer(page, comment.start(1), comment.end(1)):
            shown, query = line.groups()
            found = _pattern(shown).search(page, at, comment.start())
            if found:
                at = found.end()
            yield Quoted(shown, query, line.span(1), found.span() if found else None)
        last = comment.end()


def _pattern(shown: str) -> re.Pattern[str]:
    if shown == "table":
        return PIPES
    parts = r"\s+".join(map(re.escape, shown.split()))
    return re.compile(rf"(?<![\w.,−]){parts}(?!\w|[.,]\d)")


def renewed(page: str) -> tuple[str, list[str]]:
    """Return a page with the present numbers, and what was wrong in it, by line."""
    edits, wrong = [], []
    for comment in COMMENT.finditer(page):
        if left := LINE.sub("", comment[1]).strip():
            line = page.count("\n", 0, comment.start()) + 1
            wrong.append(f"{line}: not a number and its query: {left}")
    for number in quoted(page):
        line = page.count("\n", 0, number.label[0]) + 1
        try:
            now = answer(number.query)
        except MissingNumberError as error:
            wrong.append(f"{line}: {error}")
            continue
        if number.place is None:
            wrong.append(f"{line}: {number.shown} does not stand above, or not in this order")
            continue
        before = page[slice(*number.place)]
        if number.shown == "table":
            same = before == now + "\n"
            edits += [] if same else [(number.place, now + "\n")]
        else:
            same = number.shown == now
            edits += [] if same else [(number.place, now), (number.label, now)]
        if not same:
            wrong.append(f"{line}: {number.shown} is {'stale' if '|' in now else now}")
    for (start, end), new in sorted(edits, reverse=True):
        page = page[:start] + new + page[end:]
    return page, wrong
