"""Frozen specifications of the three architectures and the drawing of their initial weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed, stream
from moe_theory._validation import choice, integer, read_only, real, reject, set_fields

Pooling = Literal["routed", "all"]


@dataclass(frozen=True, eq=False)
class Weights:
    """The parameters of one network.

    Attributes
    ----------
    experts : array, shape (m, d)
        Hidden weights w_r; the units of expert s are rows s·m/k to (s+1)·m/k.
    output : array, shape (m,)
        Output weights a_r, fixed in training.
    routers : array, shape (k, d), or None
        Routing weights w_s; None for a dense network.
    """

    experts: NDArray[np.floating[Any]]
    output: NDArray[np.floating[Any]]
    routers: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("experts", "output", "routers"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))


@dataclass(frozen=True)
class DenseCNN:
    """Dense network: every hidden unit sees every patch.

    f(x) = (1/n) Σ_r a_r Σ_j relu⟨w_r, x⁽ʲ⁾⟩, with a fixed and w trained.

    Parameters
    ----------
    n_hidden : int
        m, the number of hidden units.
    output_weights : {"signs", "gaussian"}
        a_r = +1, −1, +1, … in turn, or drawn from N(0, 1).
    init_std : float
        Standard deviation of the initial hidden weights.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    Source: dossier §3 [S: released code of P23; R: exact scaling].

    Examples
    --------
    >>> DenseCNN(n_hidden=40).routed(n_patches=16)
    16
    """

    n_hidden: int
    output_weights: Literal["signs", "gaussian"] = "signs"
    init_std: float = 0.1

    n_experts: ClassVar[int] = 1

    def __post_init__(self) -> None:
        set_fields(
            self,
            n_hidden=integer("n_hidden", self.n_hidden, 1),
            output_weights=choice("output_weights", self.output_weights, ("signs", "gaussian")),
            init_std=real("init_std", self.init_std, 0.0),
        )

    def routed(self, n_patches: int) -> int:
        """Return l, the number of patches the network receives: all n of them."""
        return n_patches

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/n in front of f."""
        return 1.0 / n_patches

    def initial_weights(self, patch_dim: int, seed: Seed) -> Weights:
        """Draw the weights before training, in float64.

        Parameters
        ----------
        patch_dim : int
            d, the dimension of one patch.
        seed : int or SeedSequence
            Equal seeds give equal weights.
        """
        experts = _gaussian(self.init_std, (self.n_hidden, patch_dim), seed, "experts")
        return Weights(experts, _output(self.output_weights, self.n_hidden, seed))


@dataclass(frozen=True)
class _PatchLevelMoE:
    """What the two patch-level architectures share: shapes, pooling and initial weights."""

    n_experts: int
    n_hidden: int
    n_routed: int
    pooling: Pooling = "routed"
    output_weights: Literal["signs", "gaussian", "expert_signs"] = "signs"
    init_std: float = 0.1
    router_init_std: float = 0.1

    def __post_init__(self) -> None:
        n_experts = integer("n_experts", self.n_experts, 1)
        n_hidden = integer("n_hidden", self.n_hidden, 1)
        if n_hidden % n_experts:
            raise reject("n_hidden", n_hidden, f"a multiple of n_experts = {n_experts}")
        outputs = ("signs", "gaussian", "expert_signs")
        set_fields(
            self,
            n_experts=n_experts,
            n_hidden=n_hidden,
            n_routed=integer("n_routed", self.n_routed, 1),
            pooling=choice("pooling", self.pooling, ("routed", "all")),
            output_weights=choice("output_weights", self.output_weights, outputs),
            init_std=real("init_std", self.init_std, 0.0),
            router_init_std=real("router_init_std", self.router_init_std, 0.0),
        )

    @property
    def units_per_expert(self) -> int:
        """m/k, the number of hidden units of one expert."""
        return self.n_hidden // self.n_experts

    def routed(self, n_patches: int) -> int:
        """Return l after checking it against the n patches of an input."""
        if self.n_routed > n_patches:
            allowed = f"at most the number of patches n = {n_patches}"
            raise reject("n_routed", self.n_routed, allowed)
        return self.n_routed

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/l or 1/n in front of f."""
        return 1.0 / (self.n_routed if self.pooling == "routed" else n_patches)

    def initial_weights(self, patch_dim: int, seed: Seed) -> Weights:
        """Draw the weights before training, in float64; see `DenseCNN.initial_weights`."""
        experts = _gaussian(self.init_std, (self.n_hidden, patch_dim), seed, "experts")
        routers = _gaussian(self.router_init_std, (self.n_experts, patch_dim), seed, "routers")
        if self.output_weights == "expert_signs":
            output = np.repeat(_alternating(self.n_experts), self.units_per_expert)
        else:
            output = _output(self.output_weights, self.n_hidden, seed)
        return Weights(experts, output, routers)


@dataclass(frozen=True)
class SeparateMoE(_PatchLevelMoE):
    """Patch-level MoE whose routers are trained first, then frozen, then the experts trained.

    f(x) = Σ_s Σ_r a_rs · scale · Σ_{j∈J_s} relu⟨w_rs, x⁽ʲ⁾⟩, where J_s holds the l patches that
    router s scores highest, and the scale is 1/l or 1/n by ``pooling``. Routers come in pairs
    (w₁, w₂), trained on the linear loss −y⟨w₁−w₂, Σ_j x⁽ʲ⁾⟩.

    Parameters
    ----------
    n_experts : int
        k, an even number.
    n_hidden : int
        m, the number of hidden units over all experts; a multiple of k.
    n_routed : int
        l, the number of patches that each expert receives.
    pooling : {"routed", "all"}
        Mean over the l routed patches (factor 1/l), or over all n as in the released code of P23,
        where patches that were not routed count as zero (factor 1/n).
    output_weights : {"signs", "gaussian", "expert_signs"}
        a_r = +1, −1, … in turn; drawn from N(0, 1); or +1 throughout the first expert of each
        pair and −1 throughout the second, as in the released code.
    init_std, router_init_std : float
        Standard deviations of the initial expert and router weights.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    Source: dossier §3 [S: released code of P23; R: exact scaling].

    Examples
    --------
    >>> SeparateMoE(n_experts=2, n_hidden=40, n_routed=2).units_per_expert
    20
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_experts % 2:
            raise reject("n_experts", self.n_experts, "even, since routers are trained in pairs")


@dataclass(frozen=True)
class JointMoE(_PatchLevelMoE):
    """Patch-level MoE whose routers and experts are trained together through a softmax gate.

    f(x) = Σ_s Σ_r a_rs · scale · Σ_{j∈J_s} relu⟨w_rs, x⁽ʲ⁾⟩ G_js, where G_js is the softmax of the
    router's scores over J_s, its l highest, and the scale is 1/l or 1/n by ``pooling``.

    Parameters
    ----------
    n_experts : int
        k, any number that divides m.
    n_hidden, n_routed, pooling, output_weights, init_std, router_init_std
        As for `SeparateMoE`.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    With l = 1 the softmax is over one value, so that the routers have no gradient.

    Source: dossier §3 [S: released code of P23; R: exact scaling].

    Examples
    --------
    >>> JointMoE(n_experts=8, n_hidden=40, n_routed=5).output_scale(n_patches=16)
    0.2
    """

    init_std: float = 0.01
    router_init_std: float = 1e-4


Model = DenseCNN | SeparateMoE | JointMoE


def _alternating(size: int) -> NDArray[np.float64]:
    return np.where(np.arange(size) % 2 == 0, 1.0, -1.0)


def _output(kind: str, n_hidden: int, seed: Seed) -> NDArray[np.float64]:
    if kind == "gaussian":
        return stream(seed, "output").normal(size=n_hidden)
    return _alternating(n_hidden)


def _gaussian(
    std: float, shape: tuple[int, int], seed: Seed, stream_name: str
) -> NDArray[np.float64]:
    integer("patch_dim", shape[1], 1)
    return std * stream(seed, stream_name).normal(size=shape)
