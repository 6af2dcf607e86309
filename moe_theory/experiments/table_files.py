"""Tables behind figures: written with as many digits as can be reproduced, and compared.

What is simulated has the same bits on every processor, for the same versions of the dependencies.
Predictions go through SciPy, whose last digits depend on the processor. A figure file names the
columns of its table that hold or contain predictions in ``PREDICTED``; all others are simulated.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from moe_theory._validation import reject

# Bits that differ in SciPy's quantiles, of which intervals are made, are not seen in ten digits.
DIGITS = 10
# One unit in the last of seven digits is at most the tolerance, whatever the number.
PREDICTED_DIGITS = 7
TOLERANCE = 1e-6

Match = Literal["equal bit for bit", "within tolerance", "differs"]


@dataclass(frozen=True)
class TableComparison:
    """How a table computed anew compares with the committed one.

    Attributes
    ----------
    name : str
        The table.
    verdict : {"equal bit for bit", "within tolerance", "differs"}
        Of texts; within tolerance if only predictions differ, by at most 1e-6 of their size or of
        the largest in their column.
    detail : str
        Where they differ most.
    """

    name: str
    verdict: Match
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}" + (f", {self.detail}" if self.detail else "")


def write_table(
    path: Path, table: list[dict[str, Any]], *, predicted: Collection[str] = ()
) -> None:
    """Write rows of equal keys as comma-separated text.

    Parameters
    ----------
    path : path
        The file.
    table : list of dict
        Rows. Floating-point numbers are written with 10 significant digits.
    predicted : collection of str
        Columns of predictions, written with 7 significant digits.

    Raises
    ------
    ValueError
        If there is no column of a name in ``predicted``.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "table.csv"
    >>> write_table(path, [{"n": 8, "error": 1 / 3, "known": 1 / 3}], predicted=["known"])
    >>> print(path.read_text(), end="")
    n,error,known
    8,0.3333333333,0.3333333
    """
    columns = list(table[0])
    if unknown := [name for name in predicted if name not in columns]:
        raise reject("PREDICTED", unknown[0], f"one of {columns}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        for row in table:
            writer.writerow(
                {
                    name: _text(value, PREDICTED_DIGITS if name in predicted else DIGITS)
                    for name, value in row.items()
                }
            )


def _text(value: Any, digits: int) -> Any:
    if isinstance(value, float | np.floating):
        return f"{value + 0.0:.{digits}g}"  # + 0.0: the sign of a zero is not shown
    return value


def compare_tables(
    committed: Path, computed: Path, *, predicted: Collection[str] = (), name: str = ""
) -> TableComparison:
    """Compare two tables, cell by cell.

    Parameters
    ----------
    committed, computed : path
        Two files of comma-separated text.
    predicted : collection of str
        Columns that may differ by `TOLERANCE`, relative to the larger number, or to the largest of
        the column, since a spread that should be 0 is made of rounding.
    name : str
        What to call them; by default as the file.

    Examples
    --------
    >>> import tempfile
    >>> paths = [Path(tempfile.mkdtemp()) / "table.csv" for _ in range(2)]
    >>> for path, known in zip(paths, (0.1234567, 0.1234568)):
    ...     write_table(path, [{"n": 8, "known": known}], predicted=["known"])
    >>> print(compare_tables(*paths, predicted=["known"]))
    table: within tolerance, largest relative difference 8.1e-07 in known, row 1
    >>> print(compare_tables(*paths))
    table: differs, in 1 of 2 cells, most in known, row 1: 0.1234568, committed 0.1234567
    """
    called = name or computed.stem
    if not committed.is_file():
        return TableComparison(called, "differs", f"no {committed.name} is committed")
    if committed.read_bytes() == computed.read_bytes():
        return TableComparison(called, "equal bit for bit")
    theirs, ours = (_read(path) for path in (committed, computed))
    shapes = [(table[0], len(table)) for table in (theirs, ours)]
    if shapes[0] != shapes[1]:
        return TableComparison(called, "differs", _shapes(*shapes))
    near, far = (0.0, ""), []
    largest = {name: _largest(row[i] for row in theirs[1:]) for i, name in enumerate(theirs[0])}
    for place, rows in enumerate(zip(theirs, ours, strict=True)):
        for column, their, our in zip(theirs[0], *rows, strict=True):
            if their == our:
                continue
            gap = _gap(their, our)
            if column in predicted and min(gap, _gap(their, our, largest[column])) <= TOLERANCE:
                near = max(near, (gap, f"{gap:.2g} in {column}, row {place}"))
            else:
                text = f"{column}, row {place}: {our or 'empty'}, committed {their or 'empty'}"
                far.append((gap, -place, text))
    if far:
        n_cells = len(theirs[0]) * (len(theirs) - 1)
        detail = f"in {len(far)} of {n_cells} cells, most in {max(far)[-1]}"
        return TableComparison(called, "differs", detail)
    if near[1]:
        detail = f"largest relative difference {near[1]}"
        return TableComparison(called, "within tolerance", detail)
    return TableComparison(called, "differs", "in line ends or quotes")


def _read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def _shapes(theirs: tuple[list[str], int], ours: tuple[list[str], int]) -> str:
    if theirs[0] != ours[0]:
        return f"columns {','.join(ours[0])}, committed {','.join(theirs[0])}"
    return f"{ours[1] - 1} rows, committed {theirs[1] - 1}"


def _largest(texts: Iterable[str]) -> float:
    """Return the largest size of the numbers among ``texts``, or 0."""
    sizes = [0.0]
    for text in texts:
        with suppress(ValueError):
            sizes.append(abs(float(text)))
    return max(size for size in sizes if math.isfinite(size))


def _gap(their: str, our: str, scale: float = 0.0) -> float:
    """Return the difference relative to ``scale``, or the larger of two numbers if that is more.

    It is infinite for other text.
    """
    try:
        numbers = float(their), float(our)
    except ValueError:
        return math.inf
    if not all(map(math.isfinite, numbers)):
        return math.inf
    size = max(scale, *(abs(number) for number in numbers))
    return abs(numbers[0] - numbers[1]) / size if size else 0.0
