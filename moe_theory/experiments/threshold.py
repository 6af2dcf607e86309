"""`Threshold`: what it takes to reach an error, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import ndtri

from moe_theory._arithmetic import log, rounded
from moe_theory.experiments.settings import Label
from moe_theory.experiments.store import Row

Quantity = Literal["n_train", "n_steps", "flops"]


@dataclass(frozen=True)
class Evaluation:
    """Mean, sample standard deviation and number of draws of the test error at one place."""

    at: float
    mean_error: float
    std: float
    n_draws: int


@dataclass(frozen=True)
class Threshold:
    """What it takes to reach a mean test error of at most ε.

    Attributes
    ----------
    value, low, high : float
        The estimate and its confidence interval. Where ε is not reached, value and high are
        infinite, and low is what is certainly not enough.
    confidence : float
        Level of the interval.
    epsilon : float
        ε.
    quantity : {"n_train", "n_steps", "flops"}
        What is counted.
    evaluated : tuple of Evaluation
        What was measured, by N or by step.
    method : str
        How value and interval were found.
    censored : {None, "above", "below"}
        Whether the value lies above the largest place that was tried, or at or below the
        smallest.
    ending : str
        Why the search stopped: "precise", "max_draws", "max_runs", or "fixed" without a search.
    n_runs, n_diverged : int
        Trainings behind it, and how many of them diverged; those count as an error of 1.
    labels : mapping
        Of the setting.

    Examples
    --------
    >>> threshold = Threshold(40.0, 36.0, 44.0, 0.95, 0.05, "n_train", (), "isotonic", None,
    ...                       "precise", 200, 0, {"n_patches": 16})
    >>> round(threshold.log_error, 4)
    0.0512
    """

    value: float
    low: float
    high: float
    confidence: float
    epsilon: float
    quantity: Quantity
    evaluated: tuple[Evaluation, ...]
    method: str
    censored: Literal["above", "below"] | None
    ending: str
    n_runs: int
    n_diverged: int
    labels: Mapping[str, Label]

    @property
    def log_error(self) -> float:
        """Standard error of log value, as the interval tells it; see `fit_exponents`."""
        if math.isinf(self.high) or self.low <= 0:
            return math.inf
        quantile = rounded(ndtri((1 + self.confidence) / 2))
        return float(log(self.high / self.low)) / (2 * quantile)

    def row(self) -> Row:
        """Return this threshold as a row of a table."""
        names = ("epsilon", "quantity", "value", "low", "high", "log_error", "confidence")
        more = ("censored", "ending", "n_runs", "n_diverged", "method")
        row: dict[str, Any] = dict(self.labels)
        row |= {name: getattr(self, name) for name in (*names, *more)}
        row["evaluated"] = [[e.at, e.mean_error, e.std, e.n_draws] for e in self.evaluated]
        return row

    def __str__(self) -> str:
        if math.isinf(self.value):
            return f"{self.quantity} > {self.low:.4g} (not reached) for ε = {self.epsilon:g}"
        sign = "≤" if self.censored == "below" else "="
        interval = f"[{self.low:.4g}, {self.high:.4g}]"
        return f"{self.quantity} {sign} {self.value:.4g} {interval} for ε = {self.epsilon:g}"
