"""`TrainingRun`: the result of a training, whatever was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_samples, check_shapes
from moe_theory._display import card
from moe_theory._norms import row_norms
from moe_theory._paths import PathLike
from moe_theory._random import Seed, seed_sequence
from moe_theory._validation import finite, read_only, reject
from moe_theory._versions import versions
from moe_theory.costs import Flops
from moe_theory.data.patch_data import PatchData
from moe_theory.files import as_plain, read, restored, write
from moe_theory.models import Model, SampleMoE, TokenChoiceMoE, Weights
from moe_theory.routing import (
    Load,
    RoutingMetrics,
    choose_for_inputs,
    expert_load,
    input_routing_metrics,
    routing_metrics,
    token_routing_metrics,
)
from moe_theory.training.failures import DivergenceError, warn_if_dead
from moe_theory.training.history import History
from moe_theory.training.inputs import prepare
from moe_theory.training.outputs import outputs
from moe_theory.training.sgd import SGD
from moe_theory.training.summary import summary

Array = NDArray[Any]


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
    versions : mapping
        Versions of what trained it, as far as bits can depend on them.
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
    versions: Mapping[str, str] = field(default_factory=versions)

    def save(self, path: PathLike) -> None:
        """Write the run to one file, without pickle, of exactly this name.

        Parameters
        ----------
        path : path
            Of the file; "~" is your home. Folders are made; what was there before is replaced, at
            once, so that a kill leaves the old file or the new one.

        Notes
        -----
        The file is a ``.npz``, whatever its name: a zip archive of arrays, and of the text
        ``header``, which tells the rest as JSON. Samples are not in it.

        Examples
        --------
        >>> import tempfile
        >>> from moe_theory import DenseCNN, PatchPatterns, train
        >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
        >>> run = train(DenseCNN(4), data, SGD(1.0, 10, n_steps=50))
        >>> path = tempfile.mkdtemp() + "/run.npz"
        >>> run.save(path)
        >>> TrainingRun.load(path).error(data) == run.error(data)
        True
        """
        own = {part.name: getattr(self, part.name) for part in fields(self)}
        arrays = {f"history.{name}": array for name, array in own.pop("history").arrays().items()}
        for name in ("initial", "weights"):
            arrays |= own.pop(name).arrays(f"{name}.")
        entropy, key = own.pop("seed")
        entropy = entropy.tolist() if isinstance(entropy, np.ndarray) else entropy
        content = {"seed": as_plain((entropy, key)), "versions": dict(own.pop("versions"))}
        content |= {name: as_plain(value) for name, value in own.items()}
        write(path, "TrainingRun", content, arrays)

    @classmethod
    def load(cls, path: PathLike) -> TrainingRun:
        """Read what `save` wrote, on any machine: the same bits.

        Raises
        ------
        FileError
            If the file is damaged, holds something else, or was written by a newer version.
        OSError
            If it cannot be read.
        """
        return read(path, "TrainingRun", _run)

    @cached_property
    def router_norm(self) -> Array:
        """ℓ₂ norm of each router after training, shape (k,)."""
        return read_only(row_norms(self._routers(self.weights)))

    @cached_property
    def router_norm_change(self) -> Array:
        """Δ_s, change of each router's ℓ₂ norm in training, shape (k,). Source: P24."""
        return read_only(self.router_norm - row_norms(self._routers(self.initial)))

    def predict(self, data: PatchData, noise_seed: Seed | None = None) -> Array:
        """Return the outputs f(x), shape (N,); their sign is the predicted label.

        Parameters
        ----------
        data : PatchData
            N inputs.
        noise_seed : int or SeedSequence, optional
            Adds the noise of ``draw_noise`` to the scores of a `SampleMoE`. Without a seed there is
            none. The seed of the training gives what its first inputs had at full strength.

        Raises
        ------
        ValueError
            If n or d of ``data`` are not those of the training, an output is not finite, or there
            is a seed for another network.
        DivergenceError
            If the training diverged.
        """
        self.check_fits(data)
        if noise_seed is not None and not isinstance(self.model, SampleMoE):
            allowed = f"None for a {type(self.model).__name__}: a SampleMoE alone has such noise"
            raise reject("noise_seed", noise_seed, allowed)
        if noise_seed is not None:
            noise_seed = seed_sequence(noise_seed, "noise_seed")
        if self.weights.bias is not None:
            finite("weights.bias", self.weights.bias)
        inputs = prepare(self.model, self.weights, data)
        f = outputs(self.model, self.weights, inputs, noise_seed)
        finite("outputs f(x) on data", f)
        return f

    def error(self, data: PatchData, noise_seed: Seed | None = None) -> float:
        """Return the fraction of inputs with y f(x) ≤ 0; takes and raises what `predict` does.

        Warns with `DeadNetworkWarning` if f(x) is exactly 0 on most inputs.
        """
        f = self.predict(data, noise_seed)
        warn_if_dead(f)
        return float(np.mean(~(data.labels * f > 0)))

    def experts_of(self, data: PatchData, noise_seed: Seed | None = None) -> NDArray[np.int64]:
        """Return the expert that every input chooses, shape (N,); takes what `predict` does.

        Raises
        ------
        ValueError
            If the network is no `SampleMoE`, or n or d of ``data`` are not those of the training.
        DivergenceError
            If the training diverged.
        """
        model = self.model
        if not isinstance(model, SampleMoE):
            raise reject("model", model, "a SampleMoE: in no other network inputs choose experts")
        self.check_fits(data)
        routers, noise = self._routers(self.weights), None
        if noise_seed is not None:
            noise = model.draw_noise(data.n_samples, seed_sequence(noise_seed, "noise_seed"))
        dictionary = data.dictionary.astype(routers.dtype, copy=False)
        return choose_for_inputs(dictionary, data.indices, routers, noise)[0]

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
            return token_routing_metrics(data, routers, self.model, self.weights.bias)
        if isinstance(self.model, SampleMoE):
            return input_routing_metrics(data, routers, self.model)
        return routing_metrics(data, routers, self.model.patches_per_expert(self.n_patches))

    def expert_load(self, data: PatchData) -> Load:
        """Return how much of ``data`` every expert serves, and which experts are dead.

        Experts are untrained if they have the weights with which this training began.

        Raises
        ------
        ValueError
            If the network has no experts, or as `predict` does.
        DivergenceError
            If the training diverged.
        """
        self.check_fits(data)
        return expert_load(data, self.model, self.weights, self.initial)

    def __repr__(self) -> str:
        return f"TrainingRun({self.model}, N={self.n_train}, steps={self._ending()})"

    def _repr_html_(self) -> str:
        return card("TrainingRun", summary(self, self._ending()))

    def _ending(self) -> str:
        if self.diverged_at is not None:
            return f"diverged at step {self.diverged_at}"
        if self.steps_to_loss is not None:
            return f"{self.n_steps}, to a loss of {self.sgd.stop_loss:g}"
        return f"{self.n_steps}"

    def _routers(self, weights: Weights) -> Array:
        if weights.routers is None:
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


def _run(content: dict[str, Any], arrays: dict[str, Array]) -> TrainingRun:
    """Return the run that `TrainingRun.save` described."""
    entropy, key = content.pop("seed")
    recorded: dict[str, Any] = {"test_loss": None, "test_error": None}
    for name, array in arrays.items():
        if name.startswith("history."):
            recorded[name.removeprefix("history.")] = array
    own = {name: restored(value) for name, value in content.items() if name != "versions"}
    run = TrainingRun(
        seed=(entropy, tuple(key)),
        versions=content["versions"],
        initial=Weights.of_arrays(arrays, "initial."),
        weights=Weights.of_arrays(arrays, "weights."),
        history=History(**recorded),
        **own,
    )
    for name in ("initial", "weights"):
        check_shapes(name, getattr(run, name), run.model, run.patch_dim)
    return run
