"""Error curves of trainings over their steps and operations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from moe_theory.data import PatchData
from moe_theory.experiments.crossing import Array
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import Row
from moe_theory.experiments.threshold import Evaluation, Quantity
from moe_theory.training import TrainingRun
from moe_theory.training.flops import expert_flops


def training_curve(run: TrainingRun, test: PatchData, train: PatchData) -> dict[str, Any]:
    """Return the recorded steps, the test errors there, and the operations spent so far."""
    history = run.history
    assert history.test_error is not None
    own = train.subset(np.arange(run.n_train))  # a split leaves some samples to the routers
    before = run.flops.total - run.flops.experts
    flops = [before + expert_flops(run.model, own, run.sgd, int(step)) for step in history.steps]
    return {"steps": history.steps, "errors": history.test_error, "flops": flops}


@dataclass(frozen=True, eq=False)
class Level:
    """ε, and ε of every bootstrap resample."""

    value: float
    resamples: Array


@dataclass(frozen=True, eq=False)
class Curves:
    """Errors and operations of D draws at the R steps that were to be recorded."""

    setting: Setting
    steps: Array
    errors: Array
    flops: Array
    n_diverged: int

    @classmethod
    def of(cls, setting: Setting, rows: list[Row]) -> Curves:
        """Take the curves from the rows of all draws of ``setting``."""
        sgd, n_samples = setting.sgd, setting.n_train
        if setting.holds_out_part:
            n_samples -= sgd.router_split(n_samples)
        steps = np.array(sgd.record_steps(sgd.steps(n_samples)), dtype=float)
        errors, flops = np.ones((2, len(rows), len(steps)))
        for i, row in enumerate(rows):
            if not row["diverged"]:
                last = np.searchsorted(row["steps"], steps, side="right") - 1
                errors[i], flops[i] = np.array(row["errors"])[last], np.array(row["flops"])[last]
        diverged = np.array([row["diverged"] for row in rows])
        # Operations depend on the draw only by early stopping.
        flops[diverged] = 0.0 if diverged.all() else flops[~diverged].mean(axis=0)
        return cls(setting, steps, errors, flops, int(diverged.sum()))

    def places(self, quantity: Quantity) -> Array:
        """Return what was spent until each recorded step, shape (D, R)."""
        if quantity == "flops":
            return self.flops
        return np.broadcast_to(self.steps, self.errors.shape)

    def evaluations(self) -> tuple[Evaluation, ...]:
        """Return mean and spread of the errors at each recorded step."""
        means, stds = self.errors.mean(axis=0), self.errors.std(axis=0, ddof=1)
        points = zip(self.steps, means, stds, strict=True)
        n_draws = len(self.errors)
        return tuple(Evaluation(int(s), float(m), float(d), n_draws) for s, m, d in points)


def first_reach(errors: Array, places: Array, level: float) -> float:
    """Return the first of ``places`` whose error is at most ``level``, or infinity.

    Examples
    --------
    >>> first_reach(np.array([0.5, 0.2, 0.3]), np.array([0.0, 10.0, 20.0]), 0.2)
    10.0
    """
    reached = errors <= level + 1e-12  # means of the same numbers may differ in the last bits
    return float(places[np.argmax(reached)]) if reached.any() else math.inf
