"""`AccuracyExperiment`: test accuracy of several networks against the number of samples."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import SeedSequence
from tqdm import tqdm

from moe_theory._blas import single_blas_thread
from moe_theory._validation import integer, reject, set_fields
from moe_theory.data import DataModel, PatchData
from moe_theory.experiments.describe import describe, versions
from moe_theory.experiments.results import Results
from moe_theory.experiments.store import Row, RowStore
from moe_theory.models import DenseCNN, JointMoE, Model
from moe_theory.training import SGD, TrainingRun, train

# Where nobody watches, a log should not fill with bars.
STYLE = {"unit": "run", "mininterval": 0.2 if sys.stderr.isatty() else 10.0}


@dataclass(frozen=True)
class Arm:
    """One network and how it is trained."""

    model: Model
    sgd: SGD


@dataclass(frozen=True, eq=False)
class AccuracyExperiment:
    """Train every arm on the same draws of training and test samples.

    Draw i at N samples uses seed ``(seed, i, N)`` for training samples, test samples, initial
    weights and batches, so that arms are paired and draws independent.

    Parameters
    ----------
    data : data model
        Anything with ``sample(n_samples, seed, split=...)``.
    arms : mapping of str to Arm
        Networks by the name they have in tables and legends.
    n_train : tuple of int
        The values of N.
    n_test : int
        Test samples of each draw.
    n_draws : int
        Independent repetitions at each N.
    seed : int
        Seed of the whole experiment.

    Raises
    ------
    ValueError
        If a number is impossible or there is nothing to run.

    Notes
    -----
    Source: dossier §3, published configuration [S].

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> experiment = AccuracyExperiment(
    ...     data=PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10),
    ...     arms={"dense": Arm(DenseCNN(4), SGD(1.0, batch_size=10, n_epochs=5))},
    ...     n_train=(20, 40), n_test=50, n_draws=2)
    >>> len(experiment.run(progress=False).rows)
    4
    """

    data: DataModel
    arms: Mapping[str, Arm]
    n_train: tuple[int, ...]
    n_test: int = 1000
    n_draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.arms:
            raise reject("arms", dict(self.arms), "at least one network")
        if not self.n_train:
            raise reject("n_train", self.n_train, "at least one number of samples")
        set_fields(
            self,
            n_train=tuple(integer("n_train", value, 1) for value in self.n_train),
            n_test=integer("n_test", self.n_test, 2),
            n_draws=integer("n_draws", self.n_draws, 1),
            seed=integer("seed", self.seed, 0),
        )
        for arm in self.arms.values():
            arm.model.routed(self.data.n_patches)

    def run(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        n_workers: int | None = None,
        progress: bool = True,
    ) -> Results:
        """Train everything that ``path`` does not hold yet.

        Parameters
        ----------
        path : path, optional
            File that keeps every row as it comes; a run that was killed goes on from it.
        n_workers : int, optional
            Threads; by default one per core. The result does not depend on it.
        progress : bool
            Show a bar on standard error.

        Returns
        -------
        Results
            Columns arm, n_train, draw, then the measurements of each training.

        Raises
        ------
        StoreError
            If ``path`` belongs to another experiment or is damaged.
        """
        config = {"experiment": describe(self), "versions": versions()}
        store = None if path is None else RowStore(Path(path), config)
        done = {_key(row): row for row in (store.rows if store else [])}
        cells = [(n, draw) for n in self.n_train for draw in range(self.n_draws)]
        wanted = [(name, n, draw) for n, draw in cells for name in self.arms]
        # Largest first, so that no core is left with a long training at the end.
        todo = sorted((key for key in wanted if key not in done), key=lambda key: -key[1])
        with (
            single_blas_thread(),
            ThreadPoolExecutor(n_workers or os.cpu_count()) as pool,
            tqdm(total=len(wanted), initial=len(done), disable=not progress, **STYLE) as bar,
        ):
            jobs = [pool.submit(self._train_one, *key) for key in todo]
            try:
                for job in as_completed(jobs):
                    row = job.result()
                    done[_key(row)] = row
                    if store is not None:
                        store.append(row)
                    bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return Results(config, [done[key] for key in wanted])

    def _train_one(self, name: str, n_train: int, draw: int) -> Row:
        seed = SeedSequence(self.seed, spawn_key=(draw, n_train))
        train_data = self.data.sample(n_train, seed)
        test_data = self.data.sample(self.n_test, seed, split="test")
        arm = self.arms[name]
        run = train(arm.model, train_data, arm.sgd, seed, test=test_data)
        return {"arm": name, "n_train": n_train, "draw": draw, **measurements(run, test_data)}


def measurements(run: TrainingRun, test: PatchData) -> dict[str, Any]:
    """Return what a table keeps of a training.

    Router success is the fraction of test inputs whose discriminative patch reaches the expert
    meant for its class: in joint training, the expert that receives it most often.
    """
    history = run.history
    assert history.test_error is not None
    row = {
        "test_accuracy": 1.0 - float(history.test_error[-1]),
        "train_error": float(history.train_error[-1]),
        "train_loss": float(history.train_loss[-1]),
        "steps_to_zero_error": run.steps_to_zero_error,
        "flops": run.flops.total,
        "router_success": None,
        "router_gate": None,
        "seconds": run.wall_time,
    }
    if isinstance(run.model, DenseCNN):
        return row
    metrics = run.routing(test)
    row["router_success"] = metrics.own
    if isinstance(run.model, JointMoE):
        positive = np.mean(test.labels == 1)
        weights = np.array([positive, 1.0 - positive])
        success = [metrics.success_positive.max(), metrics.success_negative.max()]
        gate = [metrics.gate_positive.max(), metrics.gate_negative.max()]
        row["router_success"] = float(weights @ success)
        row["router_gate"] = float(weights @ gate)
    return row


def _key(row: Row) -> tuple[str, int, int]:
    return row["arm"], row["n_train"], row["draw"]
