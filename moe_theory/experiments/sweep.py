"""`Sweep`: every setting trained on many draws, in one table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moe_theory._memory import check_fits
from moe_theory._validation import integer, reject, set_fields
from moe_theory._versions import versions
from moe_theory.experiments.describe import describe_settings
from moe_theory.experiments.results import Results
from moe_theory.experiments.runner import Runner, label_names, level, row_key
from moe_theory.experiments.settings import Setting, settings_of
from moe_theory.experiments.store import ROW_BYTES
from moe_theory.experiments.trial import Measure, Trial, measurements


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
        settings = settings_of(self.settings)
        if not settings:
            raise reject("settings", settings, "at least one")
        n_draws = integer("n_draws", self.n_draws, 1)
        check_fits("n_draws", n_draws, n_draws * len(settings) * ROW_BYTES, "the table")
        set_fields(self, settings=settings, n_draws=n_draws)
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
        """Return everything the table depends on, as JSON values.

        What cannot be identified is marked as such; such an experiment is not kept in a file.
        """
        described = describe_settings(self.settings, strict=False)
        described |= self.trial().config(strict=False)
        own = {"type": "Sweep", "n_draws": self.n_draws}
        return {"experiment": {**own, **described}, "versions": versions()}

    def run(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        n_workers: int | None = None,
        batch_size: int | None = None,
        progress: bool = True,
        mix_versions: bool = False,
    ) -> Results:
        """Train everything that ``path`` does not hold yet.

        Runs go through joblib: threads by default; ``with joblib.parallel_config("dask")`` moves
        them to a cluster. No bit of the result depends on where, in what order and in what
        batches they ran, nor on interruptions.

        Parameters
        ----------
        path : path, optional
            File that keeps every row as it comes; a run that was killed goes on from it, and so
            does one with more draws, or more or fewer settings. `Results.read` opens it anywhere.
        n_workers : int, optional
            By default one per core.
        batch_size : int, optional
            Trainings of one task; by default by their size.
        progress : bool
            Show a bar on standard error.
        mix_versions : bool
            Add rows to those that other versions of Python or of a library made; bits may differ.
            The file says for each row what made it.

        Returns
        -------
        Results
            The labels, ``n_train``, ``draw``, ``diverged``, then what ``measure`` returns; None
            where a training diverged.

        Raises
        ------
        StoreError
            If ``path`` belongs to another experiment, is damaged or in use, cannot be written, or
            lacks rows where other versions made those that it holds.
        TypeError
            If there is a ``path``, but something that the rows depend on cannot be identified.

        Warns
        -----
        DivergenceWarning
            If trainings diverged.
        DeadNetworkWarning
            Once, if outputs of networks trained now are exactly 0 on most inputs.
        """
        jobs = [(setting, draw) for setting in self.settings for draw in range(self.n_draws)]
        with Runner(
            self.trial(),
            self.settings,
            path,
            n_workers=n_workers,
            batch_size=batch_size,
            progress=progress,
            mix_versions=mix_versions,
        ) as runner:
            rows = runner.run(jobs, total=len(jobs))
        results = Results({**self.config(), "versions": runner.versions()}, level(rows))
        runner.warn(results.rows)
        return results
