"""Committed results: tables beside the figures, and the configuration that made each of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

from moe_theory.bounds.growth import Verdict

ROOT = Path(__file__).resolve().parents[1]
FULL = ROOT / "figures" / "full"
MNIST = ROOT / "figures" / "mnist" / "quick"
SPEED = ROOT / "benchmarks" / "against.csv"

Row = dict[str, str]

# Labels that a table need not hold: that none is violated is a result.
VERDICTS = {*get_args(Verdict), "within", "undecided", "outside"}


class MissingNumberError(LookupError):
    """A number that a text shows is not in the committed results."""


@dataclass(frozen=True)
class Table:
    """Rows of a committed table; called with labels, those that carry them.

    Examples
    --------
    >>> dense = table("sample_complexity", arm="dense", epsilon=0.05)
    >>> len(dense), dense(n_patches=64)["censored"]
    (8, '')
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)

    def __call__(self, **labels: object) -> Table:
        """Return the rows that carry all labels; None stands for an empty cell."""
        for column, label in labels.items():
            self._check(column)
            known = str(label) in VERDICTS or any(_same(row[column], label) for row in self.rows)
            if self.rows and label is not None and not known:
                raise MissingNumberError(
                    f"{self.name}: 0 rows, not 1 or more; {column} is never {label}"
                )
        rows = (row for row in self.rows if all(_same(row[k], v) for k, v in labels.items()))
        wanted = ", ".join(f"{k}={v}" for k, v in labels.items())
        return Table(f"{self.name} at {wanted}" if wanted else self.name, self.columns, (*rows,))

    def __iter__(self) -> Iterator[Row]:
        """Return the rows, one after the other."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def __contains__(self, column: object) -> bool:
        """Return whether the table has a column of this name."""
        return column in self.columns

    def __getitem__(self, column: str) -> str:
        """Return a cell of the one row."""
        self._check(column)
        return self.one()[column]

    def one(self) -> Row:
        """Return the one row, or say that there are more or none."""
        if len(self.rows) != 1:
            raise MissingNumberError(f"{self.name}: {len(self.rows)} rows, not 1")
        return self.rows[0]

    def numbers(self, column: str) -> list[float]:
        """Return a column, without empty cells."""
        self._check(column)
        return [float(row[column]) for row in self.rows if row[column]]

    def _check(self, column: str) -> None:
        if column not in self.columns:
            raise MissingNumberError(f"{self.name}: no column {column}")


def _same(cell: str, label: object) -> bool:
    if label is None:
        return not cell
    if isinstance(label, int | float) and not isinstance(label, bool):
        return bool(cell) and float(cell) == label
    return cell == str(label)


_READ: set[Path] = set()


def files_read() -> set[Path]:
    """Return the tables that were read so far."""
    return set(_READ)


@cache
def read(path: Path) -> Table:
    """Return a table."""
    _READ.add(path)
    name = str(path.relative_to(ROOT))
    if not path.is_file():
        raise MissingNumberError(f"{name} is missing: draw its figure first")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return Table(name, (*(reader.fieldnames or ()),), (*reader,))


def table(figure: str, **labels: object) -> Table:
    """Return the rows of a full-scale figure that carry all labels."""
    return read(FULL / f"{figure}.csv")(**labels)


def row(figure: str, **labels: object) -> Row:
    """Return the one row that carries the labels."""
    return table(figure, **labels).one()


@cache
def made_of(path: Path) -> dict[str, Any]:
    """Return the configuration beside a figure's table."""
    loaded: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return loaded


def setting(figure: str, part: str, simulation: str | None = None, **labels: object) -> Any:
    """Return ``data``, ``model`` or ``sgd`` of the first setting that carries all labels."""
    experiment, found = _setting(figure, simulation, labels)
    return experiment[part][found[part]]


def samples_of(figure: str, simulation: str | None = None, **labels: object) -> int:
    """Return the number of training samples of the first setting that carries all labels."""
    return int(_setting(figure, simulation, labels)[1]["n_train"])


def _setting(figure: str, simulation: str | None, labels: dict[str, object]) -> tuple[Any, Any]:
    made = made_of(FULL / f"{figure}.csv")
    experiment = (made[simulation] if simulation else made)["experiment"]
    for found in experiment["settings"]:
        known = {**found["labels"], "n_train": found["n_train"]}
        if all(known.get(name) == label for name, label in labels.items()):
            return experiment, found
    raise MissingNumberError(f"figures/full/{figure}.json: no setting with {labels}")
