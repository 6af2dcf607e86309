"""`SGD`: how a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import CAME_LATER, boolean, choice, integer, real, reject, set_fields
from moe_theory.kernels.codes import HINGE, LOGISTIC

LOSS_CODES = {"logistic": LOGISTIC, "hinge": HINGE}
# Records take memory, and each one evaluates the network.
MOST_RECORDS = 10**7


@dataclass(frozen=True)
class SGD:
    """Plain stochastic gradient descent on the mean loss of shuffled batches.

    Every epoch visits each sample once, in a fresh order; its last batch holds what is left over,
    and a batch larger than N is all of it.

    Parameters
    ----------
    learning_rate : float
        η.
    batch_size : int
        B.
    n_steps, n_epochs : int, optional
        T, or the number of passes over the samples; exactly one of the two.
    loss : {"logistic", "hinge"}
        log(1 + e^{−y f}) or max(0, 1 − y f).
    router_learning_rate : float, optional
        η_r, in separate and joint training; by default η.
    router_batch_size : int, optional
        B_r of separate router training; by default B.
    router_n_steps, router_n_epochs : int, optional
        T_r of separate router training, at most one of the two; by default as for the experts.
    router_samples : {"train", "split", "held_out"}
        Which samples train separate routers: all the training samples; a random part of them,
        the experts being trained on the rest; or others, given to `train` as ``router_data``.
    router_fraction : float
        The part of the samples that a split gives to the routers.
    record : int or sequence of int, optional
        Steps at which loss and error are recorded: every so many steps, or the ones listed. Step
        0 and the last are always recorded.
    stop_at_zero_error : bool
        End at the first epoch with zero training error.
    stop_loss : float, optional
        End at the first epoch whose mean training loss is at most this.
    dtype : {"float32", "float64"}
        Floating-point type of the training.
    normalize_experts : bool
        Divide the gradient of each expert by its Frobenius norm, so that every expert moves by η in
        every step; a gradient of 0 stays 0. Of a dense network, which is one expert, and of
        `SampleMoE`; routers descend as they are.
    balance_weight : float
        λ of the balance loss λ·k·Σ_m f_m P_m, as in Switch transformers. In `SampleMoE` f_m is the
        share of the inputs of the batch that expert m serves, taken as fixed, and P_m the mean of
        the softmax of their scores without noise. In `TokenChoiceMoE` f_m is the share of the
        choices of all patches of the batch, before capacity, and P_m the mean over patches of the
        gates that all experts would have, divided by their sum. Losses that are recorded, or end a
        training, are without this and the next.
    z_weight : float
        μ of the z-loss μ·mean of (log Σ_s exp h_s)² over the patches of the batch, as in ST-MoE,
        where h are the scores. Of `TokenChoiceMoE` with softmax gates.
    bias_rate : float
        γ of the loss-free balance of `TokenChoiceMoE`: every expert has a bias, 0 at first, that is
        added to what would be its gate for the choice of experts, and for nothing else. After each
        step it is raised by γ if fewer patches than the mean chose the expert, and lowered by γ if
        more did.
    noise_steps : int, optional
        Steps in which the noise of a network on its scores falls linearly to 0; by default it
        stays as it is.
    record_load : bool
        Record the load of the experts with loss and error, ``load`` of `History`. Of networks with
        experts.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    Source: the logistic loss is that of P23; the hinge loss, after P24, is a modelling choice. The
    balance loss is that of Fedus, Zoph, Shazeer, Switch Transformers, 2022, the z-loss that of Zoph
    et al., ST-MoE, 2022, and the bias that of Wang et al., Auxiliary-Loss-Free Load Balancing
    Strategy for Mixture-of-Experts, 2024, as in DeepSeek-V3.

    Examples
    --------
    >>> SGD(learning_rate=0.2, batch_size=20, n_epochs=150).steps(n_samples=100)
    750
    """

    learning_rate: float
    batch_size: int
    n_steps: int | None = None
    n_epochs: int | None = None
    loss: Literal["logistic", "hinge"] = "logistic"
    router_learning_rate: float | None = None
    router_batch_size: int | None = None
    router_n_steps: int | None = None
    router_n_epochs: int | None = None
    router_samples: Literal["train", "split", "held_out"] = "train"
    router_fraction: float = 0.5
    record: int | tuple[int, ...] | None = None
    stop_at_zero_error: bool = False
    stop_loss: float | None = None
    dtype: Literal["float32", "float64"] = "float32"
    normalize_experts: bool = field(default=False, metadata=CAME_LATER)
    balance_weight: float = field(default=0.0, metadata=CAME_LATER)
    z_weight: float = field(default=0.0, metadata=CAME_LATER)
    bias_rate: float = field(default=0.0, metadata=CAME_LATER)
    noise_steps: int | None = field(default=None, metadata=CAME_LATER)
    record_load: bool = field(default=False, metadata=CAME_LATER)

    def __post_init__(self) -> None:
        for name in ("learning_rate", "router_learning_rate"):
            value = getattr(self, name)
            if value is not None or name == "learning_rate":
                set_fields(self, **{name: real(name, value, 0.0, open_low=True)})
        for name in (
            "batch_size", "n_steps", "n_epochs",
            "router_batch_size", "router_n_steps", "router_n_epochs",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None or name == "batch_size":
                set_fields(self, **{name: integer(name, value, 1)})
        if (self.n_steps is None) == (self.n_epochs is None):
            given = (self.n_steps, self.n_epochs)
            raise reject("(n_steps, n_epochs)", given, "one number and one None")
        if self.router_n_steps is not None and self.router_n_epochs is not None:
            given = (self.router_n_steps, self.router_n_epochs)
            raise reject("(router_n_steps, router_n_epochs)", given, "at most one number")
        if self.stop_loss is not None:
            set_fields(self, stop_loss=real("stop_loss", self.stop_loss, 0.0, open_low=True))
        where = ("train", "split", "held_out")
        fraction = real(
            "router_fraction", self.router_fraction, 0, 1, open_low=True, open_high=True
        )
        set_fields(
            self,
            loss=choice("loss", self.loss, tuple(LOSS_CODES)),
            router_samples=choice("router_samples", self.router_samples, where),
            router_fraction=fraction,
            record=_record(self.record),
            stop_at_zero_error=boolean("stop_at_zero_error", self.stop_at_zero_error),
            dtype=choice("dtype", self.dtype, ("float32", "float64")),
            normalize_experts=boolean("normalize_experts", self.normalize_experts),
            balance_weight=real("balance_weight", self.balance_weight, 0.0),
            z_weight=real("z_weight", self.z_weight, 0.0),
            bias_rate=real("bias_rate", self.bias_rate, 0.0),
            record_load=boolean("record_load", self.record_load),
        )
        if self.noise_steps is not None:
            set_fields(self, noise_steps=integer("noise_steps", self.noise_steps, 1))
        if self.n_steps is not None:
            self._check_records(self.n_steps)
        limits = np.finfo(self.dtype)
        smallest, largest = float(limits.smallest_subnormal), float(limits.max)
        for name in ("learning_rate", "router_learning_rate", "bias_rate"):
            # None or 0 is none.
            if (rate := getattr(self, name)) and not smallest <= rate <= largest:
                allowed = f"a {self.dtype} number, from {smallest:.2g} to {largest:.2g}"
                raise reject(name, rate, allowed)

    def steps(self, n_samples: int) -> int:
        """Return T for N = ``n_samples``."""
        if self.n_steps is not None:
            return self.n_steps
        return (self.n_epochs or 0) * steps_per_epoch(n_samples, self.batch_size)

    def router_steps(self, n_samples: int) -> int:
        """Return T_r for ``n_samples`` router samples."""
        per_epoch = steps_per_epoch(n_samples, self.router_batch)
        if self.router_n_steps is not None:
            return self.router_n_steps
        if self.router_n_epochs is not None:
            return self.router_n_epochs * per_epoch
        return self.n_steps if self.n_steps is not None else (self.n_epochs or 0) * per_epoch

    def router_split(self, n_samples: int) -> int:
        """Return how many of ``n_samples`` a split gives to the routers.

        Raises
        ------
        ValueError
            If one of the two parts would be empty.

        Examples
        --------
        >>> SGD(0.1, batch_size=4, n_steps=9, router_fraction=0.25).router_split(10)
        2
        """
        n_theirs = round(self.router_fraction * n_samples)
        if not 0 < n_theirs < n_samples:
            allowed = f"a fraction that leaves both parts some of the N = {n_samples} samples"
            raise reject("router_fraction", self.router_fraction, allowed)
        return n_theirs

    @property
    def loss_target(self) -> float:
        """The loss at which to stop, or −1 for none, as the kernels take it."""
        return -1.0 if self.stop_loss is None else self.stop_loss

    def noise_share(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Return what the noise is multiplied by in each of ``steps``, which count from 0.

        Examples
        --------
        >>> SGD(0.1, 5, n_steps=9, noise_steps=2).noise_share(np.arange(4)).tolist()
        [1.0, 0.5, 0.0, 0.0]
        """
        if self.noise_steps is None:
            return np.ones(np.shape(steps))
        return np.maximum(0.0, 1.0 - np.asarray(steps) / self.noise_steps)

    @property
    def router_rate(self) -> float:
        """η_r, which is η unless given."""
        if self.router_learning_rate is None:
            return self.learning_rate
        return self.router_learning_rate

    @property
    def router_batch(self) -> int:
        """B_r, which is B unless given."""
        return self.batch_size if self.router_batch_size is None else self.router_batch_size

    def record_steps(self, n_steps: int) -> list[int]:
        """Return the steps to record in a training of ``n_steps``, in order.

        Raises
        ------
        ValueError
            If there are more than ten million.
        """
        self._check_records(n_steps)
        if isinstance(self.record, int):
            return [*range(0, n_steps, self.record), n_steps]
        return sorted({step for step in self.record or () if step < n_steps} | {0, n_steps})

    def _check_records(self, n_steps: int) -> None:
        if isinstance(self.record, int) and n_steps // self.record > MOST_RECORDS:
            allowed = f"at least {-(-n_steps // MOST_RECORDS)}, as there are {n_steps} steps and"
            raise reject("record", self.record, f"{allowed} at most {MOST_RECORDS} records")


def steps_per_epoch(n_samples: int, batch_size: int) -> int:
    """Return the number of batches in one pass over the samples.

    Examples
    --------
    >>> steps_per_epoch(101, 20)
    6
    """
    return math.ceil(n_samples / min(batch_size, n_samples))


def _record(value: object) -> int | tuple[int, ...] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple | range) or (isinstance(value, np.ndarray) and value.ndim):
        # The length of a range may be too large for `len`.
        if len(value[: MOST_RECORDS + 1]) > MOST_RECORDS:
            raise ValueError(f"record must be at most {MOST_RECORDS} steps; got more")
        return tuple(sorted({integer("record", step, 0) for step in value}))
    return integer("record", value, 1)
