"""`Results`: a tidy table with everything that made it."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._display import table
from moe_theory._validation import reject
from moe_theory.experiments.kept import read_rows
from moe_theory.experiments.store import Row

# Rows that a notebook shows.
SHOWN = 10


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of labels and measurements.

    Tidy rows, one per training, rather than a labelled array: arms have axes of their own (a
    dense network has no l), grids are ragged, and rows can be appended to a file one by one.
    ``pandas.DataFrame(results.rows)`` makes a data frame of them.

    Attributes
    ----------
    config : dict
        Configuration, seeds and versions, as JSON values.
    rows : list of dict
        In the order of the grid.

    Examples
    --------
    >>> results = Results({}, [{"arm": "dense", "n": 8, "error": 0.5},
    ...                        {"arm": "dense", "n": 8, "error": 0.25}])
    >>> results.mean_std("error", arm="dense", n=8)
    (0.375, 0.1767766952966369, 2)
    """

    config: dict[str, Any]
    rows: list[Row]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Results:
        """Return the rows that a run kept in the file ``path``, finished or not.

        They come in the order of the settings and draws. It does not matter which machine and
        versions made them; ``config["versions"]`` names these.

        Raises
        ------
        StoreError
            If the file cannot be read, or is damaged; see `salvage`.
        """
        return cls(*read_rows(path))

    def select(self, **labels: object) -> Results:
        """Return the rows that carry all ``labels``; None also stands for a missing column."""
        kept = [row for row in self.rows if all(row.get(k) == v for k, v in labels.items())]
        return Results(self.config, kept)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in the order in which they come."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    @property
    def n_diverged(self) -> int:
        """Number of trainings that diverged; their measurements are missing."""
        return sum(bool(row.get("diverged")) for row in self.rows)

    def converged(self) -> Results:
        """Return the rows of trainings that did not diverge."""
        return Results(self.config, [row for row in self.rows if not row.get("diverged")])

    def setting(self, **labels: object) -> dict[str, Any]:
        """Return the configuration of the first setting that carries all ``labels``.

        Returns
        -------
        dict
            ``labels``, ``n_train``, ``n_router``, and the descriptions ``data``, ``model`` and
            ``sgd``.

        Raises
        ------
        ValueError
            If there is none.
        """
        parts = self.config["experiment"]
        for setting in parts["settings"]:
            known = {"n_train": setting["n_train"], **setting["labels"]}
            if all(known.get(name) == value for name, value in labels.items()):
                described = {name: parts[name][setting[name]] for name in ("data", "model", "sgd")}
                return {**setting, **described}
        raise reject("labels", labels, "those of a setting")

    def unique(self, name: str) -> list[Any]:
        """Return the values of column ``name``, in the order in which they come."""
        return list(dict.fromkeys(row[name] for row in self.rows))

    def column(self, name: str) -> NDArray[Any]:
        """Return column ``name``; None and gaps become NaN."""
        if name not in self.columns:
            raise reject("column", name, f"one of {sorted(self.columns)}")
        values = [row.get(name) for row in self.rows]
        return np.array([np.nan if value is None else value for value in values])

    def mean_std(self, name: str, **labels: object) -> tuple[float, float, int]:
        """Return mean, sample standard deviation and count of ``name`` where ``labels`` hold.

        One missing value, as of a training that diverged, makes mean and deviation NaN; drop
        such rows by `converged` if that is what you mean.
        """
        values = self.select(**labels).column(name)
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        return float(values.mean()), spread, len(values)

    def to_csv(self) -> str:
        """Return the rows as comma-separated text with a header, without columns of lists."""
        nested = {name for row in self.rows for name, value in row.items() if _is_nested(value)}
        names = [name for name in self.columns if name not in nested]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def __repr__(self) -> str:
        return f"Results({len(self.rows)} rows; columns: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        names, n_rows = self.columns, len(self.rows)
        shown = [[_brief(row.get(name)) for name in names] for row in self.rows[:SHOWN]]
        caption = f"{n_rows} rows" if n_rows <= SHOWN else f"{n_rows} rows, the first {SHOWN}"
        if self.n_diverged:
            caption += f"; {self.n_diverged} trainings diverged"
        return table(names, shown, caption=caption)


def _brief(value: Any) -> Any:
    return f"[{len(value)} values]" if _is_nested(value) else value


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | dict)
