"""Many trials over all cores, or a cluster, through joblib."""

from __future__ import annotations

import concurrent.futures
import pickle
import threading
import traceback
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import joblib
from joblib.parallel import get_active_backend

from moe_theory._blas import single_blas_thread
from moe_theory._cores import n_cores
from moe_theory._stopping import Stopped, heeding, stop_if_asked
from moe_theory._validation import integer
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import Row
from moe_theory.experiments.trial import Trial
from moe_theory.training.failures import noting_dead

Job = tuple[Setting, int]
Done = tuple[Setting, int, Row]
# What a cluster raises for tasks whose plan was only on workers that are gone.
LOST = concurrent.futures.CancelledError
MAX_LOST = 5
MAX_BATCH_RUNS = 50
# About 0.1 s of training in pattern space, and some seconds on raw patches.
MAX_BATCH_COST = 5e8


class Batch(NamedTuple):
    """What a batch has done, and how many of its trainings made dead networks."""

    done: list[Done]
    n_dead: int


class Outcome(NamedTuple):
    """What a worker sends: rows with the numbers of setting and draw, and what ended the batch."""

    rows: list[tuple[int, int, Row]]
    n_dead: int
    error: Exception | None


@dataclass(frozen=True, eq=False)
class Plan:
    """What all batches share; a cluster receives it once, not with every batch."""

    trial: Trial
    settings: list[Setting]
    asked: threading.Event | None = field(default_factory=threading.Event)

    def __getstate__(self) -> dict[str, Any]:
        # Other processes cannot be asked: their backends end them.
        return {**vars(self), "asked": None}

    def stop(self) -> None:
        """Let batches that still run in threads, after Ctrl-C or an error, end unfinished."""
        if self.asked is not None:
            self.asked.set()

    def __sizeof__(self) -> int:
        return 1 << 20  # joblib's dask backend sends large arguments apart from the tasks


def run_jobs(
    trial: Trial, jobs: Sequence[Job], n_workers: int | None = None, batch_size: int | None = None
) -> Generator[Batch, None, None]:
    """Run ``jobs``, long ones first; yield what each batch has done as it ends.

    Threads are used, since kernels release the GIL, unless ``joblib.parallel_config`` names
    another backend, such as "dask" or "loky". If a job raises an error, so does this, after what
    its batch had done before. If a cluster loses the plan with the workers that held it, it is
    sent anew.

    Parameters
    ----------
    trial : Trial
        Makes a row of a setting and a draw.
    jobs : sequence of (Setting, draw)
        In any order; rows do not depend on it.
    n_workers : int, optional
        By default one per core that the process may use, or what ``joblib.parallel_config`` says.
    batch_size : int, optional
        Runs of one task; by default such that a task lasts neither long nor hardly at all.
    """
    left = {(id(setting), draw): (setting, draw) for setting, draw in jobs}
    n_lost = 0
    while left:
        try:
            with closing(_run_all(trial, list(left.values()), n_workers, batch_size)) as found:
                for batch in found:
                    for setting, draw, _ in batch.done:
                        del left[id(setting), draw]
                        n_lost = 0
                    yield batch
        except LOST:
            n_lost += 1
            if n_lost > MAX_LOST:
                raise


def _run_all(
    trial: Trial, jobs: list[Job], n_workers: int | None, batch_size: int | None
) -> Generator[Batch, None, None]:
    n_jobs = count_workers(n_workers)
    if n_workers is not None:
        # joblib takes no billion. Up to the cores, pools keep their size whatever the jobs left.
        n_jobs = min(n_jobs, max(n_cores(), 1 + len(jobs)))
    how: dict[str, Any] = {"n_jobs": n_jobs, "prefer": "threads", "batch_size": 1}
    backend, _ = get_active_backend(prefer="threads")
    plan = Plan(trial, list({id(setting): setting for setting, _ in jobs}.values()))
    tasks = [joblib.delayed(_run)(plan, batch) for batch in batches(jobs, n_jobs, batch_size)]
    try:
        with single_blas_thread():
            if n_jobs == 1 or backend.supports_return_generator:
                parallel = joblib.Parallel(
                    **how, return_as="generator_unordered", pre_dispatch="3*n_jobs"
                )
                # A traceback would keep it, and its threads, alive.
                with closing(parallel(tasks)) as outcomes:
                    yield from _unpacked(plan, outcomes)
            else:
                for start in range(0, len(tasks), 4 * n_jobs):
                    some = joblib.Parallel(**how)(tasks[start : start + 4 * n_jobs])
                    yield from _unpacked(plan, some)
    finally:
        plan.stop()


def _unpacked(plan: Plan, outcomes: Iterable[Outcome]) -> Generator[Batch, None, None]:
    """Yield what was done; then raise the first error."""
    for rows, n_dead, error in outcomes:
        yield Batch([(plan.settings[number], draw, row) for number, draw, row in rows], n_dead)
        if error is not None:
            raise error


def count_workers(n_workers: int | None = None) -> int:
    """Return how many workers will run: those asked for, those configured, or one per core.

    Examples
    --------
    >>> with joblib.parallel_config("threading", n_jobs=3):
    ...     count_workers(), count_workers(2)
    (3, 2)
    """
    # With prefer="threads", joblib would answer 1 whatever is configured.
    _, configured = get_active_backend()
    if n_workers is not None:
        configured = integer("n_workers", n_workers, 1)
    return int(joblib.effective_n_jobs(configured or -1))


def batches(
    jobs: Sequence[Job], n_workers: int, batch_size: int | None = None
) -> list[list[tuple[int, int]]]:
    """Cut ``jobs``, largest first, into batches of (number of the setting, draw).

    Settings are numbered in the order in which they first come.
    """
    numbers: dict[int, int] = {}
    costs = [setting.cost for setting, _ in jobs]
    placed = [(numbers.setdefault(id(setting), len(numbers)), draw) for setting, draw in jobs]
    order = sorted(range(len(jobs)), key=lambda i: -costs[i])
    # Enough batches that the last ones level the load of the workers.
    budget = min(sum(costs) / (16 * n_workers), MAX_BATCH_COST)
    runs = MAX_BATCH_RUNS if batch_size is None else integer("batch_size", batch_size, 1)
    made: list[list[tuple[int, int]]] = []
    spent = 0.0
    for i in order:
        full = not made or len(made[-1]) >= runs
        if full or (batch_size is None and spent + costs[i] > budget):
            made.append([])
            spent = 0.0
        made[-1].append(placed[i])
        spent += costs[i]
    return made


def _run(plan: Plan, batch: list[tuple[int, int]]) -> Outcome:
    """Return the rows of a batch, as far as it came, and the error that ended it."""
    rows, n_dead = [], 0
    try:
        with single_blas_thread(), heeding(plan.asked):
            for number, draw in batch:
                stop_if_asked()
                with noting_dead() as dead:
                    rows.append((number, draw, plan.trial(plan.settings[number], draw)))
                n_dead += bool(dead)
    except Stopped:
        pass
    except Exception as error:
        number, draw = batch[len(rows)]
        setting = plan.settings[number]
        labels = {**setting.labels, "n_train": setting.n_train}
        error.add_note(f"in draw {draw} of the setting {labels}")
        return Outcome(rows, n_dead, error if plan.asked is not None else _portable(error))
    return Outcome(rows, n_dead, None)


def _portable(error: Exception) -> Exception:
    """Return an error that another process can be sent; it is told where it was raised."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        for note in error.__notes__:
            plain.add_note(note)
        return plain
    return error
