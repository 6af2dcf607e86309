"""Frozen specifications of the architectures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from moe_theory._experts import Experts, Outputs
from moe_theory._model_display import model_card
from moe_theory._random import Seed
from moe_theory._validation import choice, integer, real, reject, set_fields
from moe_theory.weights import Weights, draw_gaussian, draw_output

__all__ = [
    "DenseCNN",
    "JointMoE",
    "Model",
    "Pooling",
    "Priority",
    "SeparateMoE",
    "TokenChoiceMoE",
    "Weights",
]

Pooling = Literal["routed", "all"]
Priority = Literal["place", "score"]


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
    Source: P23's released code.

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
        experts = draw_gaussian(self.init_std, (self.n_hidden, patch_dim), seed, "experts")
        return Weights(experts, draw_output(self.output_weights, self.n_hidden, seed))

    def _repr_html_(self) -> str:
        return model_card(self)


@dataclass(frozen=True)
class _PatchLevelMoE(Experts):
    """What the two architectures with expert-choice routing share: shapes and pooling."""

    n_experts: int
    n_hidden: int
    n_routed: int
    pooling: Pooling = "routed"
    output_weights: Outputs = "signs"
    init_std: float = 0.1
    router_init_std: float = 0.1

    def __post_init__(self) -> None:
        self.check_experts()
        set_fields(
            self,
            n_routed=integer("n_routed", self.n_routed, 1),
            pooling=choice("pooling", self.pooling, ("routed", "all")),
        )

    def routed(self, n_patches: int) -> int:
        """Return l after checking it against the n patches of an input."""
        if self.n_routed > n_patches:
            allowed = f"at most the number of patches n = {n_patches}"
            raise reject("n_routed", self.n_routed, allowed)
        return self.n_routed

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/l or 1/n in front of f."""
        return 1.0 / (self.n_routed if self.pooling == "routed" else n_patches)


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
    Source: P23's released code; the factor 1/l is a modelling choice.

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
    With l = 1 the softmax is over one value, so that the routers have no gradient. With l < n,
    `train` refuses routers that start at 0, between whose patches rounding alone would decide.

    Source: P23's released code; the factor 1/l is a modelling choice.

    Examples
    --------
    >>> JointMoE(n_experts=8, n_hidden=40, n_routed=5).output_scale(n_patches=16)
    0.2
    """

    init_std: float = 0.01
    router_init_std: float = 1e-4


@dataclass(frozen=True)
class TokenChoiceMoE(Experts):
    """Patch-level MoE in which patches choose experts, trained together with its routers.

    f(x) = (1/n) Σ_j Σ_s G_js Σ_r a_rs relu⟨w_rs, x⁽ʲ⁾⟩, where s runs over the experts that patch j
    has chosen, the ``n_chosen`` whose routers score it highest, if they had room for it, and G_js
    is the softmax of the scores of patch j over all k experts. Of equal scores the lower expert
    number goes first. A patch for which an expert has no room adds nothing there.

    Parameters
    ----------
    n_experts : int
        k, any number that divides m.
    n_hidden : int
        m, the number of hidden units over all experts.
    n_chosen : int
        The number of experts that every patch chooses, in [1, k].
    capacity : int, optional
        C, the largest number of patches of one input that an expert takes; by default any number.
    priority : {"place", "score"}
        Who gets in where more than C patches have chosen an expert: those at the lower places, as
        in Switch transformers and GShard, or those that it scores highest, of equal scores the
        lower place, as in batch-prioritized routing. An expert does not prefer patches of which it
        is the first choice.
    output_weights, init_std, router_init_std
        As for `JointMoE`.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    The softmax is over all experts, chosen or not, so that routers have a gradient even if every
    patch chooses one. With k = 1 they have none. Where something has to be chosen, `train` refuses
    routers that start at 0, as for `JointMoE`.

    Source: a modelling choice, after Fedus, Zoph, Shazeer, Switch Transformers, 2022, and Riquelme
    et al., Scaling Vision with Sparse Mixture of Experts, 2021.

    Examples
    --------
    >>> TokenChoiceMoE(n_experts=8, n_hidden=40, capacity=5).routed(n_patches=16)
    5
    """

    n_experts: int
    n_hidden: int
    n_chosen: int = 1
    capacity: int | None = None
    priority: Priority = "place"
    output_weights: Outputs = "signs"
    init_std: float = 0.01
    router_init_std: float = 1e-4

    def __post_init__(self) -> None:
        self.check_experts()
        set_fields(
            self,
            n_chosen=integer("n_chosen", self.n_chosen, 1, self.n_experts),
            priority=choice("priority", self.priority, ("place", "score")),
        )
        if self.capacity is not None:
            set_fields(self, capacity=integer("capacity", self.capacity, 1))

    def routed(self, n_patches: int) -> int:
        """Return min(n, C), the largest number of patches of one input that an expert receives."""
        return n_patches if self.capacity is None else min(n_patches, self.capacity)

    def n_pairs(self, n_patches: int) -> int:
        """Return the largest number of patches of one input that all experts receive together.

        Without a capacity it is always reached.

        Examples
        --------
        >>> TokenChoiceMoE(n_experts=2, n_hidden=4, capacity=5).n_pairs(n_patches=16)
        10
        """
        return min(n_patches * self.n_chosen, self.n_experts * self.routed(n_patches))

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/n in front of f."""
        return 1.0 / n_patches


Model = DenseCNN | SeparateMoE | JointMoE | TokenChoiceMoE
