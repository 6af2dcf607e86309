"""Sample complexity: the fewest training samples that reach an error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from moe_theory._typed import typed
from moe_theory._validation import instance, real, reject, set_fields, wrong_object
from moe_theory._versions import versions
from moe_theory.experiments.describe import describe, describe_settings
from moe_theory.experiments.families import Family, FamilySearch, at
from moe_theory.experiments.results import Results
from moe_theory.experiments.runner import Runner, label_names, level, row_key
from moe_theory.experiments.search import Search
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.threshold import Threshold
from moe_theory.experiments.trial import Measure, Trial, measurements


@dataclass(frozen=True, eq=False)
class SampleStudy:
    """N*(ε), the smallest N whose mean test error over draws is at most ε, of many families.

    Parameters
    ----------
    families : sequence of Setting, or of callables
        What is trained at each N: a setting, whose own ``n_train`` is ignored, or a function of
        N that returns one, with labels that do not depend on N.
    epsilon : float or sequence of float
        ε, in (0, 1). Searches at several ε share their trainings.
    search : Search
        Range, precision and budget of each search.
    n_test, seed, measure
        As for `Sweep`.
    column : str
        The measured column that is to reach ε.

    Raises
    ------
    ValueError
        If a value is impossible or families have equal labels.

    Notes
    -----
    *Estimate.* The means over draws at all N evaluated, weighted by their numbers of draws, are
    fitted by a non-increasing function of log N (isotonic regression); N* is where its linear
    interpolation in log N first reaches ε. It is a real number between two even N.

    *Interval.* Draws are resampled with replacement at every N, the estimate repeated, and the
    percentile interval taken, expanded for few draws (`expanded_interval`).

    *Search.* N is doubled or halved until the errors lie on both sides of ε; then every N of the
    grid around the interval is evaluated, and draws are added there, to at least ``min_draws``,
    until the interval is as precise as asked for, or the budget is spent. In simulations of the
    search (tests) the interval covers N* about as often as it says, also where a tenth of the
    draws fails altogether. If errors rise with N, N* is that of the monotone fit.

    *Not reached.* If ε is not reached at ``n_max``, N* is infinite, and ``low`` a lower limit.
    A training that diverged counts as an error of 1.

    Trainings of all searches that are under way run together, so that all cores are used.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
    >>> setting = Setting({"n_patches": 8}, data, DenseCNN(8), SGD(2.0, 20, n_steps=200), 10)
    >>> study = SampleStudy([setting], 0.1, Search(n_max=64, precision=0.5), n_test=200)
    >>> row = study.run(progress=False).rows[0]
    >>> row["low"] < row["value"] < row["high"]
    True
    """

    families: Sequence[Family]
    epsilon: float | Sequence[float]
    search: Search = field(default_factory=Search)
    n_test: int = 1000
    seed: int = 0
    measure: Measure = measurements
    column: str = "test_error"

    def __post_init__(self) -> None:
        if not isinstance(self.families, list | tuple):
            wanted = "a sequence of Setting, or of functions of N that return one"
            raise wrong_object("families", self.families, wanted)
        instance("search", self.search, Search, "a Search")
        instance("column", self.column, str, "the name of a column")
        levels = self.epsilon if isinstance(self.epsilon, Sequence) else (self.epsilon,)
        if not self.families or not levels:
            raise reject("families and epsilon", (self.families, levels), "at least one of each")
        set_fields(
            self,
            families=tuple(self.families),
            epsilon=tuple(
                real("epsilon", level, 0, 1, open_low=True, open_high=True) for level in levels
            ),
        )
        self.trial()
        probes = [at(family, self.search.n_min) for family in self.families]
        key = row_key(label_names(probes))
        labels = [key({**probe.labels}) for probe in probes]
        if len(set(labels)) < len(labels):
            raise reject("families", [probe.labels for probe in probes], "of different labels")

    def trial(self) -> Trial:
        """Return what makes a row of a setting and a draw."""
        return Trial(self.n_test, self.seed, self.measure)

    def config(self) -> dict[str, Any]:
        """Return everything the thresholds depend on, as JSON values; see `Sweep.config`.

        Of a function of N, the settings at the smallest and the largest N are given.
        """
        probes = []
        for family in self.families:
            sizes = (self.search.n_min, self.search.n_max)
            probes += [at(family, n) for n in (sizes[:1] if isinstance(family, Setting) else sizes)]
        own = {"type": "SampleStudy", "epsilon": describe(self.epsilon)}
        own |= {"search": describe(self.search), "column": self.column}
        described = describe_settings(probes, strict=False) | self.trial().config(strict=False)
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
        """Find all thresholds; parameters and errors are those of `Sweep.run`.

        The file at ``path`` keeps the single trainings, each with all that was trained, which does
        not depend on ε or on the search, so that a study with other ones goes on from it.

        Returns
        -------
        Results
            One row per family and ε: the labels, then the fields of `Threshold`.
        """
        how: dict[str, Any] = {"n_workers": n_workers, "batch_size": batch_size}
        how |= {"progress": progress, "mix_versions": mix_versions}
        found, made = self._search(path, how)
        rows = level([threshold.row() for threshold in found])
        return Results({**self.config(), "versions": made}, rows)

    def thresholds(self, path: str | os.PathLike[str] | None = None, **how: Any) -> list[Threshold]:
        """Return what `run` does, which takes ``how``, as objects: by family, then ε."""
        return self._search(path, how)[0]

    def _search(
        self, path: str | os.PathLike[str] | None, how: dict[str, Any]
    ) -> tuple[list[Threshold], dict[str, str]]:
        """Return the thresholds, and the versions that made the rows behind them."""
        smallest = [at(family, self.search.n_min) for family in self.families]
        with Runner(self.trial(), smallest, path, **how) as runner:
            searches = [
                FamilySearch(family, level, self.search, seed=self.seed, column=self.column)
                for family in self.families
                for level in self._levels
            ]
            used = set()
            while active := [search for search in searches if search.wanted()]:
                jobs = [job for search in active for job in search.jobs()]
                runner.run(jobs)
                used |= {runner.key(*job) for job in jobs}
                for search in active:
                    search.take(runner.row)
                ended = sum(not search.wanted() for search in searches)
                runner.bar.set_postfix_str(f"{ended} of {len(searches)} thresholds", refresh=False)
        runner.warn([runner.rows[key] for key in used])
        return [search.threshold() for search in searches], runner.versions()

    @property
    def _levels(self) -> tuple[float, ...]:
        assert isinstance(self.epsilon, tuple)
        return self.epsilon


@typed
def sample_complexity(
    family: Family,
    epsilon: float,
    search: Search | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
    n_workers: int | None = None,
    progress: bool = False,
    mix_versions: bool = False,
    **options: Any,
) -> Threshold:
    """Return N*(ε) of one family; see `SampleStudy`, which also takes the ``options``.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
    >>> setting = Setting({}, data, DenseCNN(8), SGD(2.0, 20, n_steps=200), 10)
    >>> str(sample_complexity(setting, 1e-6, Search(n_max=4), n_test=100))
    'n_train > 4 (not reached) for ε = 1e-06'
    """
    study = SampleStudy([family], epsilon, search or Search(), **options)
    how: dict[str, Any] = {"n_workers": n_workers, "mix_versions": mix_versions}
    return study.thresholds(path, progress=progress, **how)[0]
