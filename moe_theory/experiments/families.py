"""Families of settings over N, and the search for the threshold of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from moe_theory._validation import reject, wrong_object
from moe_theory.experiments.search import SampleSearch, Search, evaluated
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import Row
from moe_theory.experiments.threshold import Evaluation, Threshold

Family = Setting | Callable[[int], Setting]
METHOD = "isotonic regression of mean error on log N, bootstrap over draws"


def at(family: Family, n_train: int) -> Setting:
    """Return the setting of ``family`` at N = ``n_train``.

    Raises
    ------
    ValueError
        If the family is a function that returns something else.
    """
    if not isinstance(family, Setting) and not callable(family):
        raise wrong_object("family", family, "a Setting, or a function of N that returns one")
    setting = family.at(n_train) if isinstance(family, Setting) else family(n_train)
    if not isinstance(setting, Setting) or setting.n_train != n_train:
        raise reject("family", setting, f"a Setting with n_train = {n_train}")
    return setting


class FamilySearch(SampleSearch):
    """A search that knows how to make settings of values of N, and errors of rows."""

    def __init__(
        self, family: Family, epsilon: float, search: Search, *, seed: int, column: str
    ) -> None:
        super().__init__(epsilon, search, seed)
        self.family, self.column = family, column
        self.labels = dict(at(family, search.n_min).labels)
        self.settings: dict[int, Setting] = {}
        self.diverged: dict[int, int] = {}

    def jobs(self) -> list[tuple[Setting, int]]:
        """Return the settings and draws that are wanted."""
        return [
            (self._setting(size), draw)
            for size, n_draws in self.wanted().items()
            for draw in range(n_draws)
        ]

    def take(self, row_of: Callable[[Setting, int], Row]) -> None:
        """Take the errors of all `jobs` from their rows."""
        for size, n_draws in self.wanted().items():
            rows = [row_of(self._setting(size), draw) for draw in range(n_draws)]
            self.diverged[size] = sum(row["diverged"] for row in rows)
            self.add(size, [error_of(row, self.column) for row in rows])

    def threshold(self) -> Threshold:
        """Return the result."""
        value, low = self.crossing.value, self.crossing.low
        sizes = list(self.errors)
        below = value == sizes[0] == self.grid[0]
        return Threshold(
            value=value,
            low=min(low, float(sizes[-1])),
            high=self.crossing.high,
            confidence=self.search.confidence,
            epsilon=self.epsilon,
            quantity="n_train",
            evaluated=tuple(
                Evaluation(int(n), mean, std, int(d)) for n, mean, std, d in evaluated(self.errors)
            ),
            method=METHOD,
            censored="above" if math.isinf(value) else "below" if below else None,
            ending=self.ending or "",
            n_runs=self.n_runs,
            n_diverged=sum(self.diverged.values()),
            labels=self.labels,
        )

    def _setting(self, size: int) -> Setting:
        if size not in self.settings:
            setting = at(self.family, size)
            if dict(setting.labels) != self.labels:
                raise reject("labels", dict(setting.labels), f"{self.labels} at every N")
            self.settings[size] = setting
        return self.settings[size]


def error_of(row: Mapping[str, Any], column: str) -> float:
    """Return the error in a row; a training that diverged gets none right.

    Examples
    --------
    >>> error_of({"diverged": True}, "test_error")
    1.0
    """
    if row["diverged"]:
        return 1.0
    value = row.get(column)
    if value is None or isinstance(value, str) or not np.isfinite(value):
        raise reject("column", column, f"a measured number; this row has {value!r}")
    return float(value)
