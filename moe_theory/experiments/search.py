"""The adaptive search for N*: which samples to try next, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from moe_theory._arithmetic import exp, log
from moe_theory._memory import MOST_RESAMPLES, check_fits
from moe_theory._random import stream
from moe_theory._validation import integer, real, reject, set_fields
from moe_theory.experiments.crossing import Array, Crossing, sample_crossing
from moe_theory.experiments.store import ROW_BYTES


@dataclass(frozen=True)
class Search:
    """How N* is searched for.

    Parameters
    ----------
    n_min, n_max : int
        Smallest and largest N, both even.
    start : int
        First N tried.
    per_octave : int
        Values of N between one and its double, where N is large; all N are even.
    n_draws, min_draws, max_draws : int
        Draws at each N to begin with; at least, around the crossing, before an interval is
        trusted; and at most. Where a few draws fail altogether, as routers can, small samples
        often show none of them: 10 draws of 10 % failures miss them all in one case of three.
    max_runs : int
        Trainings of one search, at most.
    precision : float
        Relative half-width of the confidence interval, (high − low)/(2 N*), at which to stop; at
        most 1.
    confidence : float
        Level of the interval.
    n_resamples : int
        Bootstrap resamples.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Examples
    --------
    >>> Search(n_min=8, n_max=32).sizes()
    [8, 10, 12, 14, 16, 20, 22, 26, 32]
    """

    n_min: int = 2
    n_max: int = 4096
    start: int = 16
    per_octave: int = 4
    n_draws: int = 10
    min_draws: int = 40
    max_draws: int = 200
    max_runs: int = 5000
    precision: float = 0.1
    confidence: float = 0.95
    n_resamples: int = 1000

    def __post_init__(self) -> None:
        n_min = integer("n_min", self.n_min, 2)
        n_max = integer("n_max", self.n_max, n_min + 2)
        for name, value in (("n_min", n_min), ("n_max", n_max)):
            if value % 2:
                raise reject(name, value, "even")
        n_draws = integer("n_draws", self.n_draws, 2)
        min_draws = integer("min_draws", self.min_draws, n_draws)
        for name, value in (("n_draws", n_draws), ("min_draws", min_draws)):
            check_fits(name, value, value * ROW_BYTES, "a table of them")
        set_fields(
            self,
            n_min=n_min,
            n_max=n_max,
            start=integer("start", self.start, 1),
            per_octave=integer("per_octave", self.per_octave, 1),
            n_draws=n_draws,
            min_draws=min_draws,
            max_draws=integer("max_draws", self.max_draws, min_draws),
            max_runs=integer("max_runs", self.max_runs, n_draws),
            precision=real("precision", self.precision, 0, 1, open_low=True),
            confidence=real("confidence", self.confidence, 0, 1, open_low=True, open_high=True),
            n_resamples=integer("n_resamples", self.n_resamples, 100, MOST_RESAMPLES),
        )

    def sizes(self) -> list[int]:
        """Return all N that may be tried, rising."""
        n_steps = math.ceil(self.per_octave * math.log2(self.n_max / self.n_min))
        octaves, steps = np.divmod(np.arange(n_steps), self.per_octave)
        within = exp(steps * log(2.0) / self.per_octave)
        places = self.n_min * 2**octaves * within
        found = {2 * round(place / 2) for place in places} | {self.n_min, self.n_max}
        return sorted(size for size in found if self.n_min <= size <= self.n_max)


Ending = Literal["precise", "max_draws", "max_runs"]


class SampleSearch:
    """One search under way: says what it wants, takes errors, and knows when it is done.

    It depends on nothing but the errors it was given, so that the same draws give the same
    search wherever they were run.

    Parameters
    ----------
    epsilon : float
        The mean test error to reach.
    search : Search
        How.
    seed : int
        Seed of the bootstrap.

    Examples
    --------
    >>> steps = SampleSearch(0.1, Search(), seed=0)
    >>> while wanted := steps.wanted():
    ...     for size, n_draws in wanted.items():
    ...         steps.add(size, [1 / size] * n_draws)
    >>> steps.crossing.value
    10.0
    """

    def __init__(self, epsilon: float, search: Search, seed: int) -> None:
        self.epsilon, self.search, self.seed = epsilon, search, seed
        self.grid = search.sizes()
        self.errors: dict[int, Array] = {}
        self.ending: Ending | None = None
        self.crossing = Crossing(math.inf, 0.0, math.inf)
        self._wanted = {self._nearest(search.start): search.n_draws}

    @property
    def n_runs(self) -> int:
        """Trainings so far."""
        return sum(len(errors) for errors in self.errors.values())

    def wanted(self) -> dict[int, int]:
        """Return the numbers of draws wanted in all at values of N; none when done."""
        return dict(self._wanted)

    def add(self, size: int, errors: Array | list[float]) -> None:
        """Take the errors of the first draws at N = ``size``, as many as were wanted."""
        self.errors[size] = np.asarray(errors, dtype=float)
        del self._wanted[size]
        if not self._wanted:
            self._go_on()

    def _go_on(self) -> None:
        """Decide what comes next."""
        self.errors = dict(sorted(self.errors.items()))
        self.crossing = sample_crossing(
            list(self.errors),
            list(self.errors.values()),
            self.epsilon,
            confidence=self.search.confidence,
            n_resamples=self.search.n_resamples,
            rng=stream(self.seed, "bootstrap"),
        )
        wanted = self._bracket() or self._refine()
        more = sum(n - len(self.errors.get(size, ())) for size, n in wanted.items())
        if self.n_runs + more > self.search.max_runs:
            self.ending, wanted = "max_runs", {}
        self._wanted = dict(sorted(wanted.items()))

    def _bracket(self) -> dict[int, int]:
        """Double or halve N until errors lie on both sides, as far as the grid goes."""
        means = [errors.mean() for errors in self.errors.values()]
        first, last = next(iter(self.errors)), next(reversed(self.errors))
        if min(means) > self.epsilon and last < self.grid[-1]:
            return {self._nearest(2 * last, above=last): self.search.n_draws}
        if means[0] <= self.epsilon and first > self.grid[0]:
            return {self._nearest(first / 2, below=first): self.search.n_draws}
        return {}

    def _refine(self) -> dict[int, int]:
        """Fill the grid where the crossing may be, then add draws there."""
        window = self._window()
        new = {size: self.search.n_draws for size in window if size not in self.errors}
        if new:
            return new
        fewest = min(len(self.errors[size]) for size in window)
        width = self._relative_width()
        if fewest >= self.search.min_draws and width <= self.search.precision:
            self.ending = "precise"
            return {}
        if fewest >= self.search.max_draws:
            self.ending = "max_draws"
            return {}
        # Widths fall as one over the root of the draws; steps are bounded as this is a guess.
        factor = min(2.0, max(1.25, (width / self.search.precision) ** 2))
        n_draws = max(math.ceil(factor * fewest), self.search.min_draws)
        n_draws = min(n_draws, self.search.max_draws)
        return {size: n_draws for size in window if len(self.errors[size]) < n_draws}

    def _relative_width(self) -> float:
        """Return half the width of the interval over N*; 0 where all resamples agree."""
        low, high = self.crossing.low, self.crossing.high
        return 0.0 if low == high else (high - low) / (2 * self.crossing.value)

    def _window(self) -> list[int]:
        """Return the N of the grid around the interval, one more on each side."""
        tried = list(self.errors)
        low = min(self.crossing.low, tried[-1])
        high = min(self.crossing.high, self._nearest(2 * tried[-1]))
        below = [size for size in self.grid if size <= low][-2 if low in self.grid else -1 :]
        above = [size for size in self.grid if size >= high][: 2 if high in self.grid else 1]
        return [size for size in self.grid if min(below) <= size <= max(above)]

    def _nearest(self, size: float, *, above: int = 0, below: float = math.inf) -> int:
        """Return the N of the grid nearest to ``size`` in ratio, strictly within the limits."""
        allowed = [n for n in self.grid if above < n < below]
        return min(allowed, key=lambda n: max(n / size, size / n))


def evaluated(errors: Mapping[int, Array]) -> list[list[float]]:
    """Return N, mean error, standard deviation and number of draws, for each N.

    Examples
    --------
    >>> evaluated({4: np.array([0.5, 0.25])})
    [[4, 0.375, 0.1767766952966369, 2]]
    """
    return [
        [size, float(e.mean()), float(e.std(ddof=1)) if len(e) > 1 else math.nan, len(e)]
        for size, e in errors.items()
    ]
