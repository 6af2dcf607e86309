"""Markdown pages whose numbers come from the committed tables.

Below a paragraph, a list or a table stands a comment, which readers do not see, with a line for
each number in it, in order, and the query that gives the number::

    The dense network needs 90.3 [86.5, 96.7] samples at n = 64.
    <!-- numbers
    90.3 [86.5, 96.7] = nstar(0.05, arm=dense, n_patches=64)
    -->

A query is Python with the functions of `queries`, `advised`, `compression`, `coupled`, `lemma`,
`text` and `markdown`. The name of a full-scale figure is its table, and any other name is itself,
as text. A whole table has one line, such as ``table = verdicts_table()``. A number that is not
known yet is written ``??``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from prose import advised, compression, coupled, lemma, markdown, queries, text
from prose.tables import FULL, MNIST, ROOT, SPEED, MissingNumberError, Table, read, setting

COMMENT = re.compile(r"^ *<!-- numbers\n(.*?)^ *-->", re.DOTALL | re.MULTILINE)
# What was meant as such a comment.
ALMOST = re.compile(r"<!--\s*num", re.IGNORECASE)
# Where no number is looked for: code and its output, formulas, targets of links, comments.
NO_PROSE = re.compile(
    r"^(```+|:::+).*?^\1\s*$|<!--.*?-->|\$\$.*?\$\$|\$[^$\n]+(?:\n[^$\n]+)?\$|`[^`]+`|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
LINE = re.compile(r"^ *(\S.*?) = (.*(?:\n +\S.*)*)$", re.MULTILINE)
PIPES = re.compile(r"^(?: *\|.*\|\n?)+", re.MULTILINE)
OTHER_TABLES = {
    "mnist": MNIST / "digit_accuracy.csv",
    "mnist_predictions": MNIST / "digit_predictions.csv",
    "speed": SPEED,
    "costs": ROOT / "figures" / "theory" / "costs.csv",
}


def pages() -> list[Path]:
    """Return the pages of the project that hold prose."""
    docs = ROOT / "docs"
    folders = (docs, docs / "theory", docs / "howto", docs / "api")
    return [ROOT / "README.md", *(page for at in folders for page in sorted(at.glob("*.md")))]


class Word(str):
    """A name in a query that is no table; it has no length, which nobody asks for by intention."""

    __slots__ = ()

    def __len__(self) -> int:
        """Raise, as a table was meant."""
        raise MissingNumberError(f"no table {self!s}")

    def __iter__(self) -> Iterator[str]:
        """Raise, as a table was meant."""
        raise MissingNumberError(f"no table {self!s}")


class Names(dict[str, Any]):
    """What names in a query stand for."""

    def __init__(self, further: Mapping[str, Any] | None) -> None:
        super().__init__(min=min, max=max, len=len, sum=sum, median=median, setting=setting)
        for module in (text, queries, advised, compression, coupled, lemma, markdown):
            self |= {k: v for k, v in vars(module).items() if callable(v) and k[0].islower()}
        self |= further or {}

    def __missing__(self, name: str) -> Table | str:
        """Return the table of that name, or the name."""
        path = OTHER_TABLES.get(name, FULL / f"{name}.csv")
        return read(path) if path.exists() else Word(name)


def answer(query: str, further: Mapping[str, Any] | None = None) -> str:
    """Return what the committed tables say; a query may hold further names.

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
        found = eval(" ".join(query.split()), {"__builtins__": {}}, Names(further))
    except MissingNumberError as error:
        raise MissingNumberError(f"{query}: {error}") from error
    except Exception as error:
        raise MissingNumberError(f"{query}: {type(error).__name__}: {error}") from error
    if isinstance(found, bool):
        raise MissingNumberError(f"{query}: {found} is no number")
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
    last, bare = 0, blanked(page, NO_PROSE)
    for comment in COMMENT.finditer(page):
        at = max(last, page.rfind("\n\n", 0, len(page[: comment.start()].rstrip())))
        for line in LINE.finditer(page, comment.start(1), comment.end(1)):
            shown, query = line.groups()
            text = page if shown == "table" else bare
            found = _pattern(shown).search(text, at, comment.start())
            if found:
                at = found.end()
            yield Quoted(shown, query, line.span(1), found.span() if found else None)
        last = comment.end()


def blanked(page: str, kind: re.Pattern[str]) -> str:
    """Return a page of the same length, spaces in the place of what is of a kind."""
    return kind.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), page)


def ambiguous(page: str) -> Iterator[tuple[int, str]]:
    """Return line and text of numbers that stand more often above than they have queries."""
    last, bare = 0, blanked(page, NO_PROSE)
    for comment in COMMENT.finditer(page):
        at = max(last, page.rfind("\n\n", 0, len(page[: comment.start()].rstrip())))
        shown = [line[1] for line in LINE.finditer(page, comment.start(1), comment.end(1))]
        block = bare[at : comment.start()]
        for number in sorted(set(shown) - {"table"}, key=len, reverse=True):
            found = _pattern(number)
            if len(found.findall(block)) > shown.count(number):
                yield page.count("\n", 0, comment.start()) + 1, number
            block = found.sub("", block)  # a shorter number may be a part of it
        last = comment.end()


def _pattern(shown: str) -> re.Pattern[str]:
    if shown == "table":
        return PIPES
    parts = r"\s+".join(map(re.escape, shown.split()))
    return re.compile(rf"(?<![\w.,\[−–-]){parts}(?!\w|[.,]\d|[\]×·])")


def renewed(page: str) -> tuple[str, list[str]]:
    """Return a page with the present numbers, and what was wrong in it, by line."""
    edits, wrong = [], []
    wrong += [f"{line}: {text} stands there more often than it is asked for"
              for line, text in ambiguous(page)]  # fmt: skip
    whole = {comment.start() + comment[0].index("<") for comment in COMMENT.finditer(page)}
    wrong += [f"{page.count(chr(10), 0, at) + 1}: no comment of numbers: their lines, then -->"
              for found in ALMOST.finditer(page) if (at := found.start()) not in whole]  # fmt: skip
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
