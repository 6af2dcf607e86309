"""`Results`: a tidy table with everything that made it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import reject
from moe_theory.experiments.store import Row


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of labels and measurements.

    Attributes
    ----------
    config : dict
        Configuration, seeds and versions, as JSON values.
    rows : list of dict
        One row per training, in the order of the grid.

    Examples
    --------
    >>> results = Results({}, [{"arm": "dense", "n": 8, "error": 0.5},
    ...                        {"arm": "dense", "n": 8, "error": 0.25}])
    >>> results.mean_std("error", arm="dense", n=8)
    (0.375, 0.1767766952966369, 2)
    """

    config: dict[str, Any]
    rows: list[Row]

    def select(self, **labels: object) -> Results:
        """Return the rows that carry all ``labels``."""
        kept = [row for row in self.rows if all(row.get(k) == v for k, v in labels.items())]
        return Results(self.config, kept)

    def unique(self, name: str) -> list[Any]:
        """Return the values of column ``name``, in the order in which they come."""
        return list(dict.fromkeys(row[name] for row in self.rows))

    def column(self, name: str) -> NDArray[Any]:
        """Return column ``name``; None becomes NaN."""
        if not self.rows or name not in self.rows[0]:
            raise reject("column", name, f"one of {sorted(self.rows[0]) if self.rows else []}")
        values = [row[name] for row in self.rows]
        return np.array([np.nan if value is None else value for value in values])

    def mean_std(self, name: str, **labels: object) -> tuple[float, float, int]:
        """Return mean, sample standard deviation and count of ``name`` where ``labels`` hold."""
        values = self.select(**labels).column(name)
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        return float(values.mean()), spread, len(values)

    def to_csv(self) -> str:
        """Return the rows as comma-separated text with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()
