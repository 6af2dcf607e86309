"""`Runner`: runs the trainings that are missing, and keeps their rows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any

from moe_theory._progress import progress_bar
from moe_theory._versions import versions
from moe_theory.experiments.kept import Kept
from moe_theory.experiments.schedule import Batch, Job, run_jobs
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import Row
from moe_theory.experiments.trial import Trial
from moe_theory.training.failures import DeadNetworkWarning, user_level

Key = tuple[Any, ...]


class DivergenceWarning(UserWarning):
    """Some trainings of an experiment diverged."""


class Runner:
    """Runs jobs that its store does not hold, and keeps their rows."""

    def __init__(
        self,
        trial: Trial,
        settings: Iterable[Setting],
        path: str | os.PathLike[str] | None,
        *,
        n_workers: int | None = None,
        batch_size: int | None = None,
        progress: bool = True,
        mix_versions: bool = False,
    ) -> None:
        self.trial, self.names = trial, label_names(settings)
        self._how = (n_workers, batch_size)
        self._key = row_key(self.names)
        self._kept = None if path is None else Kept(path, trial, mix_versions=mix_versions)
        self.rows: dict[Key, Row] = {}
        self.n_run = self.n_dead = 0
        self.bar = progress_bar(None, "run", shown=progress, delay=0.1)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()
        if self._kept is not None:
            self._kept.__exit__(kind, error, trace)

    def run(self, jobs: Sequence[Job], total: int | None = None) -> list[Row]:
        """Return the rows of ``jobs``, in their order, after running what is missing."""
        missing = self._missing(jobs)
        if total is not None:
            self.bar.initial = self.bar.n = total - len(missing)
        if missing:
            self.bar.total = total or self.bar.n + len(missing)
            self.bar.refresh()
        # Closed here, since a traceback would keep it, and its threads, alive.
        with closing(run_jobs(self.trial, missing, *self._how)) as batches:
            for batch in batches:
                self._take(batch)
        return [self.row(*job) for job in jobs]

    def row(self, setting: Setting, draw: int) -> Row:
        """Return the row of a job that has run, with all labels."""
        return {**dict.fromkeys(self.names), **self.rows[self.key(setting, draw)]}

    def key(self, setting: Setting, draw: int) -> Key:
        """Return what tells the row of a job from others."""
        return self._key({**setting.labels, "n_train": setting.n_train, "draw": draw})

    def versions(self) -> dict[str, str]:
        """Return the versions that made the rows."""
        return versions() if self._kept is None else self._kept.versions()

    def warn(self, rows: Sequence[Row]) -> None:
        """Warn, once each, if trainings of ``rows`` diverged, or networks trained now are dead."""
        if n_diverged := sum(row["diverged"] for row in rows):
            warnings.warn(
                f"{n_diverged} of {len(rows)} trainings diverged; see column diverged",
                DivergenceWarning,
                stacklevel=user_level(),
            )
        if self.n_dead:
            warnings.warn(
                f"the outputs are exactly 0 on most inputs in {self.n_dead} of {self.n_run} "
                "trainings, and count as errors: networks are dead there, as too large a "
                "learning_rate or too much pruning make them",
                DeadNetworkWarning,
                stacklevel=user_level(),
            )

    def _missing(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs that have no row yet, each once, ready to be run."""
        missing: dict[Key, Job] = {}
        for job in jobs:
            key = self.key(*job)
            if key in self.rows or key in missing:
                continue
            row = None if self._kept is None else self._kept.row(*job)
            if row is None:
                missing[key] = job
            else:
                self.rows[key] = row
        if missing and self._kept is not None:
            self._kept.admit([setting for setting, _ in missing.values()])
        return list(missing.values())

    def _take(self, batch: Batch) -> None:
        done = batch.done
        self.n_run += len(done)
        self.n_dead += batch.n_dead
        if self._kept is not None:
            self._kept.append(done)
        self.rows |= {self.key(setting, draw): row for setting, draw, row in done}
        self.bar.update(len(done))


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
