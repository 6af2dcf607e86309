"""`SampleMoE`: every whole input chooses the expert whose router scores it highest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from moe_theory import costs
from moe_theory._random import Seed, stream
from moe_theory._validation import choice, integer, set_fields
from moe_theory.costs.options import PLAIN_STEP, StepParts
from moe_theory.kernels.arguments import Rule
from moe_theory.models.experts import ExpertNetwork
from moe_theory.models.network import (
    ACTIVATIONS,
    UNIT,
    Activation,
    Kernel,
)
from moe_theory.models.score_noise import Noise, NoisyScores


@dataclass(frozen=True)
class SampleMoE(NoisyScores, ExpertNetwork):
    """MoE in which whole inputs choose one expert each, trained together with its routers.

    f(x) = (1/n) G_s(x) Σ_{r∈s} a_r Σ_j φ⟨w_r, x⁽ʲ⁾⟩, where s is the expert of the largest noisy
    score h_m(x) + noise_m, h_m(x) = ⟨θ_m, Σ_j x⁽ʲ⁾⟩, and G_s the softmax of h(x), without noise,
    over all k experts. Of equal scores the lower expert number goes first.

    Parameters
    ----------
    n_experts : int
        k, any number that divides m.
    n_hidden : int
        m, the number of hidden units over all experts.
    activation : {"relu", "cubic", "linear"}
        φ(z), which is max(z, 0), z³ or z.
    pooling : {"mean", "sum"}
        Mean over the patches, or their sum, without the factor 1/n.
    gate : {"softmax", "none"}
        Whether the output of the expert is multiplied by G_s, or by 1.
    noise : {"uniform", "gaussian", "none"}
        Law of the noise, uniform on (0, 1) or N(0, 1), drawn anew for every input and expert in
        every step of training. Networks are tested without it unless a seed for it is given.
    noise_scale : float
        What the noise is multiplied by.
    output_weights : {"signs", "gaussian", "expert_signs", "ones"}
        As for `SeparateMoE`, or +1 throughout.
    init_std, router_init_std : float
        Standard deviations of the initial expert and router weights.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    Routers learn through the gate. Without a gate they have no gradient, but that of the balance
    loss, if `SGD` has one; with k = 1 they have none. Routers may start at 0, as noise then
    decides; without noise `train` refuses routers that do, as for `JointMoE`.

    Source: Chen, Deng, Wu, Gu, Li, Towards Understanding the Mixture-of-Experts Layer in Deep
    Learning, 2022, whose experts are cubic and pool by sums.

    Examples
    --------
    >>> SampleMoE(n_experts=8, n_hidden=128, activation="cubic").units_per_expert
    16
    """

    n_experts: int
    n_hidden: int
    activation: Activation = "relu"
    pooling: Literal["mean", "sum"] = "mean"
    gate: Literal["softmax", "none"] = "softmax"
    noise: Noise = "uniform"
    noise_scale: float = 1.0
    output_weights: Literal["signs", "gaussian", "expert_signs", "ones"] = "signs"
    init_std: float = 0.01
    router_init_std: float = 0.0

    kernel: ClassVar[Kernel] = "sample"
    output_kinds: ClassVar[tuple[str, ...]] = ("signs", "gaussian", "expert_signs", "ones")
    formula: ClassVar[str] = rf"\frac{{1}}{{n}} G_s(x) \sum_r a_{{rs}} \sum_j {UNIT}"

    def __post_init__(self) -> None:
        self.check_experts()
        set_fields(
            self,
            activation=choice("activation", self.activation, tuple(ACTIVATIONS)),
            pooling=choice("pooling", self.pooling, ("mean", "sum")),
            gate=choice("gate", self.gate, ("softmax", "none")),
        )
        self.check_noise()

    def patches_per_expert(self, n_patches: int) -> int:
        """Return n: an expert receives all patches of an input that chose it."""
        return n_patches

    def output_scale(self, n_patches: int) -> float:
        """Return the factor in front of f, 1/n or, of sums, 1."""
        return 1.0 / n_patches if self.pooling == "mean" else 1.0

    def rule(self, n_patches: int) -> Rule:
        """Return how inputs and experts find each other, as the kernels take it."""
        return Rule(1, n_patches, False, self.gate == "softmax")

    def tied(self, n_at_zero: int, n_patches: int) -> bool:
        """Return whether rounding alone would decide, if so many routers start at 0."""
        return n_at_zero > 1 and not self.is_noisy

    def draw_noise(self, n_inputs: int, seed: Seed) -> NDArray[np.float64]:
        """Return noise for the scores of so many inputs, shape (N, k); zeros where there is none.

        Parameters
        ----------
        n_inputs : int
            N.
        seed : int or SeedSequence
            Equal seeds give equal noise, and the first inputs have the same whatever N is.

        Examples
        --------
        >>> SampleMoE(n_experts=3, n_hidden=3).draw_noise(2, seed=0).shape
        (2, 3)
        """
        n_inputs = integer("n_inputs", n_inputs, 0)
        return self.next_noise(n_inputs, 1, stream(seed, "routing noise"))

    def n_scores(self, n_patches: int) -> int:
        """Return k, as an input has one score by each router."""
        return self.n_experts

    def forward_flops(self, n_patches: int, patch_dim: int, n_working: int | None = None) -> int:
        """Return the operations of one forward pass of one input, routing included.

        At most as many; inputs may choose pruned experts, whose routers are asked all the same.
        """
        return int(costs.sample_forward(batch_size=1, **self._sizes(n_patches, patch_dim)))

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
        sizes |= {"noisy": self.noise != "none", "parts": parts}
        return int(costs.sample_step(batch_size=batch_size, loss=loss, **sizes))

    def _sizes(self, n_patches: int, patch_dim: int) -> dict[str, Any]:
        return {
            "n_patches": n_patches,
            "n_experts": self.n_experts,
            "units_per_expert": self.units_per_expert,
            "patch_dim": patch_dim,
            "activation": self.activation,
            "gated": self.gate == "softmax",
        }
