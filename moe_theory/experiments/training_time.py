"""Steps and operations of training that reach an error."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moe_theory._memory import MOST_RESAMPLES
from moe_theory._random import stream
from moe_theory._validation import integer, real, reject, set_fields
from moe_theory.data import DataModel
from moe_theory.experiments.crossing import Array, expanded_interval, resampled_means
from moe_theory.experiments.describe import describe
from moe_theory.experiments.results import Results
from moe_theory.experiments.runner import level
from moe_theory.experiments.settings import Label, Setting, settings_of
from moe_theory.experiments.store import Row
from moe_theory.experiments.sweep import Sweep
from moe_theory.experiments.threshold import Threshold
from moe_theory.experiments.training_curves import Curves, Level, first_reach, training_curve

METHOD = "first recorded step whose mean error is at most ε, bootstrap over draws"


@dataclass(frozen=True, eq=False)
class TrainingStudy:
    """Steps, and operations, at which the mean test error over draws first is at most ε.

    Parameters
    ----------
    settings : sequence of Setting
        Each with ``sgd.record`` set: only recorded steps can be told apart.
    epsilon : float, sequence of float, or mapping of labels
        ε, in (0, 1). Labels such as ``{"arm": "dense"}`` name settings to catch up with: ε then
        is the mean error that the setting with these labels, of equal data and N, has at its end.
    n_draws : int
        Draws of each setting, at least 2.
    n_test, seed
        As for `Sweep`.
    confidence : float
        Level of the intervals.
    n_resamples : int
        Bootstrap resamples.

    Raises
    ------
    ValueError
        If a value is impossible, a setting records no steps, or labels do not tell settings apart.

    Notes
    -----
    *Estimate.* The first recorded step whose mean test error over draws is at most ε, and the
    mean operations spent until then, routers included. Errors of a training that stopped early
    stay as they were at its end; one that diverged counts as an error of 1 throughout.

    *Interval.* Whole curves are resampled with replacement, and the percentile interval taken,
    expanded for few draws (`expanded_interval`), and widened down to the recorded step before. An
    ε that is measured itself is resampled with them, by the same draws.

    *Not reached.* If ε is not reached by the last step, the value is infinite, and ``low`` a
    lower limit. If it is reached at the first or second record (the first one is step 0), the
    value is marked "below": fewer steps might do.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
    >>> sgd = SGD(2.0, 20, n_steps=200, record=10)
    >>> study = TrainingStudy([Setting({}, data, DenseCNN(8), sgd, 60)], 0.1, n_draws=5)
    >>> [(row["quantity"], row["low"] <= row["value"] <= row["high"])
    ...  for row in study.run(progress=False).rows]
    [('n_steps', True), ('flops', True)]
    """

    settings: Sequence[Setting]
    epsilon: float | Sequence[float] | Mapping[str, Label]
    n_draws: int = 20
    n_test: int = 1000
    seed: int = 0
    confidence: float = 0.95
    n_resamples: int = 1000

    def __post_init__(self) -> None:
        set_fields(
            self,
            settings=settings_of(self.settings),
            epsilon=_levels(self.epsilon),
            n_draws=integer("n_draws", self.n_draws, 2),
            confidence=real("confidence", self.confidence, 0, 1, open_low=True, open_high=True),
            n_resamples=integer("n_resamples", self.n_resamples, 100, MOST_RESAMPLES),
        )
        for setting in self.sweep().settings:
            if setting.sgd.record is None:
                raise reject("sgd.record", None, "set, so that there are steps to tell apart")
            if isinstance(self.epsilon, Mapping):
                self._reference(setting)

    def sweep(self) -> Sweep:
        """Return the trainings behind the thresholds."""
        return Sweep(self.settings, self.n_test, self.n_draws, self.seed, training_curve)

    def config(self) -> dict[str, Any]:
        """Return everything the thresholds depend on, as JSON values."""
        config = self.sweep().config()
        names = ("epsilon", "confidence", "n_resamples")
        own = {"type": "TrainingStudy", **{name: describe(getattr(self, name)) for name in names}}
        config["experiment"] |= own
        return config

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

        Returns
        -------
        Results
            Two rows per setting and ε, of ``quantity`` "n_steps" and "flops": the labels and N,
            then the fields of `Threshold`.
        """
        how: dict[str, Any] = {"n_workers": n_workers, "batch_size": batch_size}
        how |= {"progress": progress, "mix_versions": mix_versions}
        trained = self.sweep().run(path, **how)
        rows = level([threshold.row() for threshold in self._found(trained.rows)])
        return Results({**self.config(), "versions": trained.config["versions"]}, rows)

    def thresholds(self, path: str | os.PathLike[str] | None = None, **how: Any) -> list[Threshold]:
        """Return what `run` does, which takes ``how``, as objects: by setting, ε, quantity."""
        return self._found(self.sweep().run(path, **how).rows)

    def _found(self, rows: list[Row]) -> list[Threshold]:
        """Return the thresholds that the rows of `sweep` show."""
        curves = [
            Curves.of(setting, rows[i * self.n_draws : (i + 1) * self.n_draws])
            for i, setting in enumerate(self.settings)
        ]
        return [
            self._threshold(own, level, name)
            for own in curves
            for level in self._levels_of(own, curves)
            for name in ("n_steps", "flops")
        ]

    def _levels_of(self, own: Curves, curves: list[Curves]) -> list[Level]:
        if not isinstance(self.epsilon, Mapping):
            assert isinstance(self.epsilon, tuple)
            return [Level(level, np.full(self.n_resamples, level)) for level in self.epsilon]
        reference = self._reference(own.setting)
        ends = next(c.errors[:, -1] for c in curves if c.setting is reference)
        return [Level(float(ends.mean()), self._resampled(ends))]

    def _reference(self, setting: Setting) -> Setting:
        """Return the one setting with the labels ``epsilon``, and data and N of ``setting``."""
        assert isinstance(self.epsilon, Mapping)
        wanted = self.epsilon.items()
        found = [
            other
            for other in self.settings
            if other.n_train == setting.n_train
            and _same(other.data, setting.data)
            and all(other.labels.get(name) == value for name, value in wanted)
        ]
        if len(found) != 1:
            allowed = f"labels of one setting of its data and N; {setting.labels} has {len(found)}"
            raise reject("epsilon", dict(self.epsilon), allowed)
        return found[0]

    def _resampled(self, values: Array) -> Array:
        """Return means over resampled draws, which are the same draws at every call."""
        return resampled_means(values, self.n_resamples, stream(self.seed, "bootstrap"))

    def _threshold(self, curves: Curves, level: Level, quantity: Any) -> Threshold:
        axis = curves.places(quantity)
        value = first_reach(curves.errors.mean(axis=0), axis.mean(axis=0), level.value)
        drawn = self._resampled(np.stack([curves.errors, axis], axis=1))
        resamples = np.array(
            [
                first_reach(errors, places, own)
                for (errors, places), own in zip(drawn, level.resamples, strict=True)
            ]
        )
        low, high = expanded_interval(resamples, self.n_draws, self.confidence)
        means = axis.mean(axis=0)
        # Between the recorded step before and this one, nothing is known.
        before = max(int(np.searchsorted(means, value)) - 1, 0)
        censored = "above" if math.isinf(value) else "below" if before == 0 else None
        return Threshold(
            value=value,
            low=min(low, float(means[before])),
            high=high,
            confidence=self.confidence,
            epsilon=level.value,
            quantity=quantity,
            evaluated=curves.evaluations(),
            method=METHOD,
            censored=censored,  # type: ignore[arg-type]
            ending="fixed",
            n_runs=self.n_draws,
            n_diverged=curves.n_diverged,
            labels={**curves.setting.labels, "n_train": curves.setting.n_train},
        )


def _same(data: DataModel, other: DataModel) -> bool:
    if data is other:
        return True
    try:
        return bool(describe(data) == describe(other))
    except TypeError:  # what cannot be identified is not the same
        return False


def _levels(epsilon: object) -> tuple[float, ...] | dict[str, Label]:
    if isinstance(epsilon, Mapping):
        return dict(epsilon)
    levels = epsilon if isinstance(epsilon, Sequence) else (epsilon,)
    if not levels:
        raise reject("epsilon", levels, "at least one number")
    return tuple(real("epsilon", level, 0, 1, open_low=True, open_high=True) for level in levels)
