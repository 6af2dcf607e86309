"""`SeparateMoE` and `JointMoE`: every expert chooses the patches that its router scores highest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from moe_theory import costs
from moe_theory._validation import choice, integer, reject, set_fields
from moe_theory.costs.options import PLAIN_STEP, StepParts
from moe_theory.models.experts import ExpertNetwork, Outputs
from moe_theory.models.network import UNIT, Kernel

Pooling = Literal["routed", "all"]
CHOSEN = r"\frac{1}{POOLED}\sum_s \sum_r a_{rs} \sum_{j \in J_s}"


@dataclass(frozen=True)
class ExpertChoice(ExpertNetwork):
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

    def patches_per_expert(self, n_patches: int) -> int:
        """Return l after checking it against the n patches of an input."""
        if self.n_routed > n_patches:
            allowed = f"at most the number of patches n = {n_patches}"
            raise reject("n_routed", self.n_routed, allowed)
        return self.n_routed

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/l or 1/n in front of f."""
        return 1.0 / (self.n_routed if self.pooling == "routed" else n_patches)


@dataclass(frozen=True)
class SeparateMoE(ExpertChoice):
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

    routers_first: ClassVar[bool] = True
    formula: ClassVar[str] = rf"{CHOSEN} {UNIT}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_experts % 2:
            raise reject("n_experts", self.n_experts, "even, since routers are trained in pairs")

    def forward_flops(self, n_patches: int, patch_dim: int, n_working: int | None = None) -> int:
        """Return the operations of one forward pass; routers of pruned experts are not asked."""
        n_asked = self.n_experts if n_working is None else n_working
        scores = costs.patch_scores(
            n_samples=1, n_patches=n_patches, n_experts=n_asked, patch_dim=patch_dim
        )
        return super().forward_flops(n_patches, patch_dim, n_working) + int(scores)


@dataclass(frozen=True)
class JointMoE(ExpertChoice):
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

    kernel: ClassVar[Kernel] = "joint"
    formula: ClassVar[str] = rf"{CHOSEN} G_{{js}}\, {UNIT}"

    def tied(self, n_at_zero: int, n_patches: int) -> bool:
        """Return whether rounding alone would decide, if so many routers start at 0."""
        return n_at_zero > 0 and self.patches_per_expert(n_patches) < n_patches

    def forward_flops(self, n_patches: int, patch_dim: int, n_working: int | None = None) -> int:
        """Return the operations of one forward pass; routers of pruned experts are not asked."""
        sizes = self._sizes(n_patches, patch_dim)
        if n_working is not None:
            n_hidden = n_working * self.units_per_expert
            sizes |= {"n_experts": n_working, "n_hidden": n_hidden}
        return int(costs.joint_forward(batch_size=1, **sizes))

    def step_flops(
        self,
        batch_size: int,
        n_patches: int,
        patch_dim: int,
        loss: str,
        *,
        parts: StepParts = PLAIN_STEP,
    ) -> int:
        """Return the operations of one step of experts and routers."""
        sizes = self._sizes(n_patches, patch_dim)
        return int(costs.joint_step(batch_size=batch_size, loss=loss, **sizes))

    def _sizes(self, n_patches: int, patch_dim: int) -> dict[str, int]:
        return {
            "n_patches": n_patches,
            "n_routed": self.patches_per_expert(n_patches),
            "n_experts": self.n_experts,
            "n_hidden": self.n_hidden,
            "patch_dim": patch_dim,
        }
