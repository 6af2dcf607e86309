"""`Sweep`: every setting trained on many draws, in one table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tqdm import tqdm

from moe_theory._display import watched
from moe_theory._validation import integer, reject, set_fields
from moe_theory.experiments.describe import describe, describe_settings, versions
from moe_theory.experiments.results import Results
from moe_theory.experiments.schedule import Job, run_jobs
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import Row, RowStore
from moe_theory.experiments.trial import Measure, Trial, measurements

Key = tuple[Any, ...]


class DivergenceWarning(UserWarning):
    """Some trainings of an experiment diverged."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Train every setting on the same draws of training and test samples.

    Draw i at N samples uses the seed ``(seed, i, N)``, so that settings are paired and draws
    independent; see `Trial`.

    Parameters
    ----------
    settings : sequence of Setting
        By hand, or from `grid`; labels and N tell any two apart.
    n_test : int
        Test samples of each draw.
    n_draws : int
        Independent repetitions of each setting.
    seed : int
        Seed of the whole experiment.
    measure : callable
        ``measure(run, test, train)`` returns the measured columns; see `measurements`.

    Raises
    ------
    ValueError
        If a number is impossible, there is nothing to run, or two settings have equal labels.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> from moe_theory.experiments import grid
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    >>> settings = grid(data, {"dense": DenseCNN(4)}, SGD(1.0, 10, n_epochs=5), n_train=(20, 40))
    >>> results = Sweep(settings, n_test=50, n_draws=2).run(progress=False)
    >>> [(row["arm"], row["n_train"], row["draw"]) for row in results.rows]
    [('dense', 20, 0), ('dense', 20, 1), ('dense', 40, 0), ('dense', 40, 1)]
    """

    settings: Sequence[Setting]
    n_test: int = 1000
    n_draws: int = 5
    seed: int = 0
    measure: Measure = measurements

    def __post_init__(self) -> None:
        settings = tuple(self.settings)
        if not settings:
            raise reject("settings", settings, "at least one")
        set_fields(self, settings=settings, n_draws=integer("n_draws", self.n_draws, 1))
        self.trial()
        key, seen = row_key(label_names(settings)), set()
        for setting in settings:
            labels = {**setting.labels, "n_train": setting.n_train}
            if (own := key({**labels, "draw": 0})) in seen:
                raise reject("settings", labels, "told apart by their labels and n_train")
            seen.add(own)

    def trial(self) -> Trial:
        """Return what makes a row of a setting and a draw."""
        return Trial(self.n_test, self.seed, self.measure)

    def config(self) -> dict[str, Any]:
        """Return everything the table depends on, as JSON values."""
        rows = self._row_config()
        own = {"type": "Sweep", "n_draws": self.n_draws}
        return {**rows, "experiment": {**own, **rows["experiment"]}}

    def _row_config(self) -> dict[str, Any]:
        """Return what single rows depend on, which the number of draws is not part of."""
        numbers = {"n_test": self.n_test, "seed": self.seed, "measure": describe(self.measure)}
        described = {**describe_settings(self.settings), **numbers}
        return {"experiment": described, "versions": versions()}

    def run(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        n_workers: int | None = None,
        batch_size: int | None = None,
        progress: bool = True,
    ) -> Results:
        """Train everything that ``path`` does not hold yet.

        Runs go through joblib: threads by default; ``with joblib.parallel_config("dask")`` moves
        them to a cluster. No bit of the result depends on where, in what order and in what
        batches they ran, nor on interruptions.

        Parameters
        ----------
        path : path, optional
            File that keeps every row as it comes; a run that was killed goes on from it, and so
            does one with more draws.
        n_workers : int, optional
            By default one per core.
        batch_size : int, optional
            Trainings of one task; by default by their size.
        progress : bool
            Show a bar on standard error.

        Returns
        -------
        Results
            The labels, ``n_train``, ``draw``, ``diverged``, then what ``measure`` returns; None
            where a training diverged.

        Raises
        ------
        StoreError
            If ``path`` belongs to another experiment, is damaged, or is in use.

        Warns
        -----
        DivergenceWarning
            If trainings diverged.
        """
        jobs = [(setting, draw) for setting in self.settings for draw in range(self.n_draws)]
        with Runner(
            self.trial(),
            self._row_config(),
            self.settings,
            path,
            n_workers=n_workers,
            batch_size=batch_size,
            progress=progress,
        ) as runner:
            rows = runner.run(jobs, total=len(jobs))
        results = Results(self.config(), level(rows))
        warn_of_divergence(results.rows)
        return results


class Runner:
    """Runs jobs that its store does not hold, and keeps their rows."""

    def __init__(
        self,
        trial: Trial,
        config: dict[str, Any],
        settings: Iterable[Setting],
        path: str | os.PathLike[str] | None,
        *,
        n_workers: int | None,
        batch_size: int | None,
        progress: bool,
    ) -> None:
        self.trial, self.names = trial, label_names(settings)
        self._how = (n_workers, batch_size)
        self._key = row_key(self.names)
        self._store = None if path is None else RowStore(path, config)
        kept = self._store.rows if self._store else []
        self.rows: dict[Key, Row] = {self._key(row): row for row in kept}
        interval = 0.2 if watched() else 10.0
        self.bar = tqdm(unit="run", disable=not progress, mininterval=interval, delay=0.1)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()
        if self._store is not None:
            self._store.close()

    def run(self, jobs: Sequence[Job], total: int | None = None) -> list[Row]:
        """Return the rows of ``jobs``, in their order, after running what is missing."""
        keys = [self.key(*job) for job in jobs]
        missing = {key: job for key, job in zip(keys, jobs, strict=True) if key not in self.rows}
        if total is not None:
            self.bar.initial = self.bar.n = total - len(missing)
        if missing:
            self.bar.total = total or self.bar.n + len(missing)
            self.bar.refresh()
        # Closed here, since a traceback would keep it, and its threads, alive.
        with closing(run_jobs(self.trial, list(missing.values()), *self._how)) as batches:
            for rows in batches:
                if self._store is not None:
                    self._store.append(rows)
                self.rows |= {self._key(row): row for row in rows}
                self.bar.update(len(rows))
        return [self.row(*job) for job in jobs]

    def row(self, setting: Setting, draw: int) -> Row:
        """Return the row of a job that has run, with all labels."""
        return {**dict.fromkeys(self.names), **self.rows[self.key(setting, draw)]}

    def key(self, setting: Setting, draw: int) -> Key:
        """Return what tells the row of a job from others."""
        return self._key({**setting.labels, "n_train": setting.n_train, "draw": draw})


def label_names(settings: Iterable[Setting]) -> list[str]:
    """Return the names of all labels, in the order in which they come."""
    return list(dict.fromkeys(name for setting in settings for name in setting.labels))


def row_key(names: Sequence[str]) -> Callable[[Row], Key]:
    """Return the function that maps a row to what tells it from others."""
    return lambda row: tuple(row.get(name) for name in (*names, "n_train", "draw"))


def level(rows: list[Row]) -> list[Row]:
    """Give all rows all columns, with None where one had no value."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in names} for row in rows]


def warn_of_divergence(rows: Sequence[Row]) -> None:
    """Warn if any of the trainings diverged."""
    if n_diverged := sum(row["diverged"] for row in rows):
        warnings.warn(
            f"{n_diverged} of {len(rows)} trainings diverged; see column diverged",
            DivergenceWarning,
            stacklevel=3,
        )
