"""`TrainingRun`: the result of a training, whatever was trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_samples
from moe_theory._display import card
from moe_theory._validation import finite, read_only, reject
from moe_theory.costs import Flops
from moe_theory.data.patch_data import PatchData
from moe_theory.models import DenseCNN, Model, TokenChoiceMoE, Weights
from moe_theory.routing import RoutingMetrics, routing_metrics, token_routing_metrics
from moe_theory.training.inputs import prepare
from moe_theory.training.outputs import outputs
from moe_theory.training.sgd import SGD, steps_per_epoch

Array = NDArray[Any]


class DivergenceError(ArithmeticError):
    """Training produced a weight or an output that is not finite."""


@dataclass(frozen=True, eq=False)
class History:
    """Loss and error at the recorded steps.

    Attributes
    ----------
    steps : integer array, shape (R,)
        SGD steps done.
    train_loss, train_error : array, shape (R,)
        Mean loss and fraction with y f ≤ 0 over the samples that train the experts.
    test_loss, test_error : array, shape (R,), or None
        The same over the test samples, where they were given.
    """

    steps: Array
    train_loss: Array
    train_error: Array
    test_loss: Array | None
    test_error: Array | None

    def __post_init__(self) -> None:
        for name in ("steps", "train_loss", "train_error", "test_loss", "test_error"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A trained network with everything needed to train it again.

    Attributes
    ----------
    model, sgd
        What was trained, and how.
    seed : (entropy, spawn_key)
        What makes the ``SeedSequence`` of this run.
    n_train, n_patches, patch_dim : int
        Samples that trained the experts, n and d.
    initial, weights : Weights
        Parameters before and after training.
    history : History
        Loss and error at the recorded steps.
    n_steps : int
        SGD steps taken by the experts.
    steps_to_zero_error : int or None
        Step at the end of the first epoch with no training error, or None.
    steps_to_loss : int or None
        Step at the end of the first epoch with a mean loss of at most ``sgd.stop_loss``, or None.
    flops : Flops
        Operations of the algorithm in ℝᵈ; recording and checks are not counted. An upper bound if
        patches choose experts of a limited capacity, as how many are dropped depends on the data.
    wall_time : float
        Seconds, with recording and, in a first call, loading of the compiled kernels.
    diverged_at : int or None
        The first number of steps after which a weight, an output on the next batch or a recorded
        output is not finite; 0 if separate routers are not. Such a run gives no predictions. It
        does not depend on the engine, but where rounding, amplified by a huge rate, decides.
    compression : tuple
        What was pruned and quantized after the training, in order; see `moe_theory.inference`.
    """

    model: Model
    sgd: SGD
    seed: tuple[Any, tuple[int, ...]]
    n_train: int
    n_patches: int
    patch_dim: int
    initial: Weights
    weights: Weights
    history: History
    n_steps: int
    steps_to_zero_error: int | None
    steps_to_loss: int | None
    flops: Flops
    wall_time: float
    diverged_at: int | None = None
    compression: tuple[Any, ...] = ()

    @property
    def epochs_to_zero_error(self) -> float | None:
        """Passes over the training samples to zero training error, or None."""
        if self.steps_to_zero_error is None:
            return None
        return self.steps_to_zero_error / steps_per_epoch(self.n_train, self.sgd.batch_size)

    @cached_property
    def router_norm(self) -> Array:
        """ℓ₂ norm of each router after training, shape (k,)."""
        norm: Array = np.linalg.norm(self._routers(self.weights), axis=1)
        return norm

    @cached_property
    def router_norm_change(self) -> Array:
        """Δ_s, change of each router's ℓ₂ norm in training, shape (k,). Source: dossier §4."""
        change: Array = self.router_norm - np.linalg.norm(self._routers(self.initial), axis=1)
        return change

    def predict(self, data: PatchData) -> Array:
        """Return the outputs f(x), shape (N,); their sign is the predicted label.

        Raises
        ------
        ValueError
            If n or d of ``data`` are not those of the training, or an output is not finite.
        DivergenceError
            If the training diverged.
        """
        self.check_fits(data)
        f = outputs(self.model, self.weights, prepare(self.model, self.weights, data))
        finite("outputs f(x)", f)
        return f

    def error(self, data: PatchData) -> float:
        """Return the fraction of inputs with y f(x) ≤ 0; raises as `predict` does."""
        f = self.predict(data)
        return float(np.mean(~(data.labels * f > 0)))

    def routing(self, data: PatchData) -> RoutingMetrics:
        """Return how the routers treat the discriminative patches of ``data``.

        Raises
        ------
        ValueError
            If the network has no routers, or as `predict` does.
        DivergenceError
            If the training diverged.
        """
        routers = self._routers(self.weights)
        self.check_fits(data)
        if isinstance(self.model, TokenChoiceMoE):
            return token_routing_metrics(data, routers, self.model)
        return routing_metrics(data, routers, self.model.routed(self.n_patches))

    def __repr__(self) -> str:
        return f"TrainingRun({self.model}, N={self.n_train}, steps={self._ending()})"

    def _repr_html_(self) -> str:
        history, spent = self.history, self.flops
        rows: dict[str, object] = {
            "network": self.model,
            "trained on": f"N = {self.n_train} inputs of n = {self.n_patches} patches, "
            f"d = {self.patch_dim}",
            "steps": self._ending(),
            "training": f"loss {history.train_loss[-1]:.3g}, error {history.train_error[-1]:.3g}",
        }
        if history.test_loss is not None and history.test_error is not None:
            last = history.test_loss[-1], history.test_error[-1]
            rows["test"] = "loss {:.3g}, error {:.3g}".format(*last)
        rows["operations"] = f"{spent.total:.3g}"
        if spent.routers:
            rows["operations"] = f"{spent.total:.3g}, of it routers {spent.routers:.3g}"
        rows["time"] = f"{self.wall_time:.3g} s"
        if self.compression:
            rows["compressed by"] = ", then ".join(str(step) for step in self.compression)
        return card("TrainingRun", rows)

    def _ending(self) -> str:
        if self.diverged_at is not None:
            return f"diverged at step {self.diverged_at}"
        if self.steps_to_loss is not None:
            return f"{self.n_steps}, to a loss of {self.sgd.stop_loss:g}"
        return f"{self.n_steps}"

    def _routers(self, weights: Weights) -> Array:
        if isinstance(self.model, DenseCNN) or weights.routers is None:
            raise reject("model", self.model, "a network with routers")
        return weights.routers

    def check_usable(self) -> None:
        """Raise `DivergenceError` if the training diverged."""
        if self.diverged_at is not None:
            raise DivergenceError(f"the training diverged at step {self.diverged_at}")

    def check_fits(self, data: PatchData) -> None:
        """Raise `DivergenceError` as `check_usable`, or ``ValueError`` if n or d do not fit."""
        self.check_usable()
        check_samples(data)
        if (data.n_patches, data.patch_dim) != (self.n_patches, self.patch_dim):
            given = (data.n_patches, data.patch_dim)
            raise reject("data (n, d)", given, f"{(self.n_patches, self.patch_dim)} as trained")
