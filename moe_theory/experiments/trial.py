"""`Trial`: one training of one setting, from its seed to its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import SeedSequence

from moe_theory._arguments import check_samples
from moe_theory._random import substream
from moe_theory._validation import instance, integer, reject, set_fields
from moe_theory.data import PatchData
from moe_theory.experiments.describe import describe
from moe_theory.experiments.settings import RESERVED, Setting
from moe_theory.experiments.store import Row
from moe_theory.models import DenseCNN, JointMoE, TokenChoiceMoE
from moe_theory.training import TrainingRun, train

Measure = Callable[[TrainingRun, PatchData, PatchData], Mapping[str, Any]]


def measurements(run: TrainingRun, test: PatchData, train: PatchData) -> dict[str, Any]:
    """Return what a table keeps of a training, unless told otherwise.

    Router success is the fraction of test inputs whose discriminative patch reaches the expert
    meant for its class: in joint training, the expert that receives it most often. Router gate,
    of joint training only, is the mean gate that the patch gets from this expert. Networks in which
    patches choose experts count as jointly trained. Where whole inputs do, success is the fraction
    of inputs at experts s = 0, 2, … for y = +1 and 1, 3, … for y = −1, which nothing aims at.

    Raises
    ------
    TypeError
        If an argument is something else.
    ValueError
        If ``run`` was trained without test samples.
    """
    _check(run, test=test, train=train)
    history = run.history
    if history.test_error is None:
        raise reject("run", "one without test errors", "a training with test samples")
    row = {
        "test_accuracy": 1.0 - float(history.test_error[-1]),
        "test_error": float(history.test_error[-1]),
        "train_error": float(history.train_error[-1]),
        "train_loss": float(history.train_loss[-1]),
        "steps_to_zero_error": run.steps_to_zero_error,
        "flops": run.flops.total,
        "router_success": None,
        "router_gate": None,
    }
    if isinstance(run.model, DenseCNN) or test.positions is None:
        return row
    metrics = run.routing(test)
    row["router_success"] = metrics.own
    if isinstance(run.model, JointMoE | TokenChoiceMoE):
        share = float(np.mean(test.labels == 1))
        shares = (share, 1.0 - share)
        for name, positive, negative in (
            ("router_success", metrics.success_positive, metrics.success_negative),
            ("router_gate", metrics.gate_positive, metrics.gate_negative),
        ):
            # A class without inputs has no fraction, and no share.
            pairs = zip(shares, (positive, negative), strict=True)
            row[name] = sum(part * float(of.max()) for part, of in pairs if part > 0)
    return row


def gates_per_expert(run: TrainingRun, test: PatchData) -> dict[str, Any]:
    """Return the mean gate that each expert gives the discriminative patch, by class.

    Returns
    -------
    dict
        ``gates_positive`` and ``gates_negative``, of inputs with y = +1 and y = −1, 0 where the
        expert does not receive the patch, NaN for a class without inputs. Experts come in the
        order of their difference, the most positive one first, so that means over draws make
        sense. None unless trained jointly.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> gates_per_expert(train(DenseCNN(4), data, SGD(1.0, 10, n_steps=5), seed=0), data)
    {'gates_positive': None, 'gates_negative': None}
    """
    _check(run, test=test)
    if not run.model.learns_routers:
        return {"gates_positive": None, "gates_negative": None}
    metrics = run.routing(test)
    # Of a class without inputs gates are not known; the other one orders the experts.
    order = np.argsort(
        np.nan_to_num(metrics.gate_negative) - np.nan_to_num(metrics.gate_positive), kind="stable"
    )
    positive, negative = metrics.gate_positive[order], metrics.gate_negative[order]
    return {"gates_positive": positive, "gates_negative": negative}


def _check(run: TrainingRun, **samples: PatchData) -> None:
    instance("run", run, TrainingRun, "a TrainingRun")
    for name, value in samples.items():
        check_samples(value, name)


@dataclass(frozen=True, eq=False)
class Trial:
    """How a setting and the number of a draw become a row.

    Draw i at N samples has the seed ``SeedSequence(seed, spawn_key=(i, N))``, with the group of
    the setting where it has one, for training samples, test samples, initial weights and batches;
    so it depends on nothing else in the experiment, nor on the order or place of the runs.

    Parameters
    ----------
    n_test : int
        Test samples of each draw.
    seed : int
        Seed of the whole experiment.
    measure : callable
        ``measure(run, test, train)`` returns the measured columns. To be sent to other processes
        it must be defined at the top of a file. A training that diverged is not measured.
    """

    n_test: int = 1000
    seed: int = 0
    measure: Measure = measurements

    def __post_init__(self) -> None:
        set_fields(
            self, n_test=integer("n_test", self.n_test, 2), seed=integer("seed", self.seed, 0)
        )
        if not callable(self.measure):
            raise reject("measure", self.measure, "a callable")

    def config(self, *, strict: bool = True) -> dict[str, Any]:
        """Return what the rows of all settings depend on, as JSON values; see `describe`."""
        measure = describe(self.measure, "measure", strict=strict)
        return {"n_test": self.n_test, "seed": self.seed, "measure": measure}

    def seed_of(self, setting: Setting, draw: int) -> SeedSequence:
        """Return the seed of one draw."""
        root = SeedSequence(self.seed, spawn_key=(draw, setting.n_train))
        return substream(root, setting.group) if setting.group else root

    def __call__(self, setting: Setting, draw: int) -> Row:
        """Train once and measure."""
        seed, data = self.seed_of(setting, draw), setting.data
        train_data = data.sample(setting.n_train, seed)
        test_data = data.sample(self.n_test, seed, split="test")
        router_data = None
        if setting.holds_out_routers:
            n_router = setting.n_router or setting.n_train
            router_data = data.sample(n_router, substream(seed, "router samples"))
        run = train(
            setting.model,
            train_data,
            setting.sgd,
            seed,
            test=test_data,
            router_data=router_data,
            raise_on_divergence=False,
        )
        diverged = run.diverged_at is not None
        measured = {} if diverged else dict(self.measure(run, test_data, train_data))
        if taken := sorted(measured.keys() & {*setting.labels, *RESERVED}):
            raise reject("measured columns", taken, "none of the labels")
        plain = {name: _plain(name, value) for name, value in measured.items()}
        labels = {**setting.labels, "n_train": setting.n_train, "draw": draw}
        return {**labels, "diverged": diverged, **plain}


def _plain(name: str, value: Any) -> Any:
    """Return ``value`` as JSON; NaN becomes None, so that equal rows compare equal."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise reject(f"measured {name}", value, "numbers, strings, truth values, None or arrays")
