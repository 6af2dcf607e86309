"""Committed results: tables beside the figures, and the configuration that made each of them."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FULL = ROOT / "figures" / "full"
MNIST = ROOT / "figures" / "mnist" / "quick"
SPEED = ROOT / "benchmarks" / "against.csv"

Row = dict[str, str]


class MissingNumberError(LookupError):
    """A number that the article shows is not in the committed results."""


_READ: set[Path] = set()


def files_read() -> set[Path]:
    """Return the tables that were read so far."""
    return set(_READ)


@cache
def read(path: Path) -> tuple[Row, ...]:
    """Return the rows of a table."""
    _READ.add(path)
    if not path.is_file():
        raise MissingNumberError(f"{path.relative_to(ROOT)} is missing: draw its figure first")
    with path.open(newline="") as file:
        return tuple(csv.DictReader(file))


def table(figure: str, **labels: object) -> list[Row]:
    """Return the rows of a full-scale figure that carry all labels; None stands for empty."""
    return matching(read(FULL / f"{figure}.csv"), labels)


def row(figure: str, **labels: object) -> Row:
    """Return the one row that carries the labels."""
    return only(table(figure, **labels), f"figures/full/{figure}.csv", labels)


def matching(rows: tuple[Row, ...], labels: dict[str, object]) -> list[Row]:
    """Return the rows that carry all labels."""
    return [row for row in rows if all(_same(row.get(k), v) for k, v in labels.items())]


def only(rows: list[Row], where: str, labels: dict[str, object]) -> Row:
    """Return the one row, or say what is missing."""
    if len(rows) != 1:
        raise MissingNumberError(f"{where}: {len(rows)} rows at {labels}, not 1")
    return rows[0]


def _same(cell: str | None, label: object) -> bool:
    if label is None:
        return not cell
    if isinstance(label, int | float) and not isinstance(label, bool):
        return bool(cell) and float(str(cell)) == label
    return cell == str(label)


@cache
def made_of(path: Path) -> dict[str, Any]:
    """Return the configuration beside a figure's table."""
    loaded: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return loaded


def setting(figure: str, part: str, simulation: str | None = None, **labels: object) -> Any:
    """Return ``data``, ``model`` or ``sgd`` of the first setting that carries all labels."""
    made = made_of(FULL / f"{figure}.csv")
    experiment = (made[simulation] if simulation else made)["experiment"]
    for found in experiment["settings"]:
        known = {**found["labels"], "n_train": found["n_train"]}
        if all(known.get(name) == label for name, label in labels.items()):
            return experiment[part][found[part]]
    raise MissingNumberError(f"figures/full/{figure}.json: no setting with {labels}")
