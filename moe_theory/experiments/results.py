"""`Results`: a tidy table with everything that made it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._display import table
from moe_theory._paths import PathLike
from moe_theory._validation import reject
from moe_theory.experiments.frames import data_frame, data_set, is_nested
from moe_theory.experiments.kept import read_rows
from moe_theory.experiments.mean_std import MeanStd
from moe_theory.experiments.store import Row
from moe_theory.files import write_whole

# Rows that a notebook shows, and values that an error names.
SHOWN, NAMED = 10, 20


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of labels and measurements.

    Tidy rows, one per training, rather than a labelled array: arms have axes of their own (a
    dense network has no l), grids are ragged, and rows can be appended to a file one by one.
    ``len`` counts them, and a loop gives them one by one.

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
    MeanStd(mean=0.375, std=0.1767766952966369, n=2)
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

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def select(self, **labels: object) -> Results:
        """Return the rows that carry all ``labels``, of which there is at least one.

        None also stands for a column that a row has not.

        Raises
        ------
        ValueError
            If there is no such column, or no such row; the message names those that there are.

        Examples
        --------
        >>> results = Results({}, [{"arm": "dense", "n": 8}, {"arm": "joint", "n": 8, "l": 2}])
        >>> results.select(n=8, l=None).rows
        [{'arm': 'dense', 'n': 8}]
        >>> results.select(arm="joint", l=4)
        Traceback (most recent call last):
        ValueError: l must be 2 where arm='joint'; got 4
        """
        kept = self.rows
        for name, value in labels.items():
            before, kept = kept, [row for row in kept if row.get(name) == value]
            if not kept or value is None:
                self._check_known(name)
            if not kept:
                chosen = {other: labels[other] for other in labels if other != name}
                raise reject(name, value, _values(before, name) + _where(chosen, before))
        return Results(self.config, kept)

    def _check_known(self, name: str) -> None:
        """Raise ``ValueError`` unless ``name`` is a column, or a label of another part."""
        if any(name in row for row in self.rows):
            return
        if any(name in setting["labels"] for setting in self._settings()):
            return
        raise reject("label", name, f"a column: {', '.join(self.columns) or 'there are no rows'}")

    def _settings(self) -> list[dict[str, Any]]:
        settings: list[dict[str, Any]] = self.config.get("experiment", {}).get("settings", [])
        return settings

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
            If there is none, or these results have no configuration.
        """
        known = [{"n_train": one["n_train"], **one["labels"]} for one in self._settings()]
        if not known:
            raise reject("config", self.config, "that of an experiment, with its settings")
        found = Results(self.config, known).select(**labels).rows[0]
        setting = self._settings()[next(i for i, row in enumerate(known) if row is found)]
        parts = self.config["experiment"]
        described = {name: parts[name][setting[name]] for name in ("data", "model", "sgd")}
        return {**setting, **described}

    def unique(self, name: str) -> list[Any]:
        """Return the values of column ``name``, in the order in which they come.

        None is among them where a row has no such column. Raises ``ValueError`` if none has, or
        if it holds lists.
        """
        self._check_known(name)
        if any(is_nested(row.get(name)) for row in self.rows):
            raise reject("column", name, "one of single values, not of lists")
        return list(dict.fromkeys(row.get(name) for row in self.rows))

    def column(self, name: str) -> NDArray[Any]:
        """Return column ``name``; None and gaps become NaN."""
        if name not in self.columns:
            raise reject("column", name, f"one of {sorted(self.columns)}")
        values = [row.get(name) for row in self.rows]
        return np.array([np.nan if value is None else value for value in values])

    def mean_std(self, name: str, **labels: object) -> MeanStd:
        """Return mean, sample standard deviation and count of ``name`` where ``labels`` hold.

        One missing value, as of a training that diverged, makes mean and deviation NaN; drop
        such rows by `converged` if that is what you mean.

        Raises
        ------
        ValueError
            If ``name`` is no column of numbers, or as `select` does.
        """
        values = self.select(**labels).column(name)
        if values.dtype.kind not in "biuf" or values.ndim > 1:
            raise reject("column", name, f"one of numbers; {name} holds {values[0]!r}")
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        return MeanStd(float(values.mean()), spread, len(values))

    def to_csv(self, path: PathLike | None = None) -> str:
        """Return the rows as comma-separated text with a header, without columns of lists.

        Parameters
        ----------
        path : path, optional
            Where to write the text too, in UTF-8; "~" is your home.

        Examples
        --------
        >>> print(Results({}, [{"arm": "dense", "n": 8}, {"arm": "joint", "n": None}]).to_csv())
        arm,n
        dense,8
        joint,
        """
        nested = {name for row in self.rows for name, value in row.items() if is_nested(value)}
        names = [name for name in self.columns if name not in nested]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        if path is not None:
            write_whole(path, text.getvalue().encode())
        return text.getvalue()

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``, the configuration in its ``attrs``.

        Raises
        ------
        ImportError
            If pandas is missing; ``pip install pandas`` brings it.

        Examples
        --------
        >>> results = Results({}, [{"arm": "dense", "n": 8, "error": 0.5}])
        >>> float(results.to_pandas()["error"].mean())
        0.5
        """
        return data_frame(self.rows, self.columns, self.config)

    def to_xarray(self, dims: Sequence[str] | None = None) -> Any:
        """Return the measurements as an ``xarray.Dataset`` with the labels as dimensions.

        Cells without a row are NaN, or None in columns of text, and columns of lists are left
        out. Where a label is None, as l of a dense network, so is its coordinate, or NaN.

        Parameters
        ----------
        dims : sequence of str, optional
            Columns that tell all rows apart; by default the labels of the experiment, and of
            n_train, draw, epsilon and quantity those that there are.

        Raises
        ------
        ValueError
            If ``dims`` are no columns of single values, or two rows agree in all of them.
        ImportError
            If xarray is missing; ``pip install xarray`` brings it.

        Examples
        --------
        >>> results = Results({}, [{"n": 8, "draw": i, "error": i / 2} for i in (0, 1)])
        >>> results.to_xarray(["n", "draw"]).error.mean("draw").values
        array([0.25])
        """
        if dims is None:
            labels = {name for setting in self._settings() for name in setting["labels"]}
            labels |= {"n_train", "draw", "epsilon", "quantity"}
            dims = [name for name in self.columns if name in labels]
        return data_set(self.rows, self.columns, self.config, list(dims))

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
    return f"[{len(value)} values]" if is_nested(value) else value


def _values(rows: list[Row], name: str) -> str:
    """Name the values of a column, for a message."""
    found = list(dict.fromkeys(repr(row.get(name)) for row in rows))
    shown = ", ".join(found[:NAMED]) + (", …" if len(found) > NAMED else "")
    return shown if len(found) == 1 else f"one of {shown}"


def _where(labels: dict[str, object], rows: list[Row]) -> str:
    """Name those of the labels that all ``rows`` carry, for a message."""
    held = [f"{k}={v!r}" for k, v in labels.items() if all(row.get(k) == v for row in rows)]
    return f" where {', '.join(held)}" if held else ""
