"""`TokenChoiceMoE`: every patch chooses the experts whose routers score it highest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from moe_theory import costs
from moe_theory._validation import CAME_LATER, boolean, choice, integer, reject, set_fields
from moe_theory.costs.options import PLAIN_STEP, StepParts
from moe_theory.kernels.arguments import Rule
from moe_theory.kernels.codes import SIGMOID, SOFTMAX
from moe_theory.models.experts import ExpertNetwork, Outputs
from moe_theory.models.network import UNIT, Kernel
from moe_theory.models.score_noise import Noise, NoisyScores

Priority = Literal["place", "score"]


@dataclass(frozen=True)
class TokenChoiceMoE(NoisyScores, ExpertNetwork):
    """Patch-level MoE in which patches choose experts, trained together with its routers.

    f(x) = (1/n) Σ_j Σ_s G_js Σ_r a_rs relu⟨w_rs, x⁽ʲ⁾⟩, where s runs over the experts that patch j
    has chosen, the ``n_chosen`` whose routers score it highest, if they had room for it, and G_js
    is the softmax of the scores of patch j over all k experts. Of equal scores the lower expert
    number goes first. A patch for which an expert has no room adds nothing there.

    Parameters
    ----------
    n_experts : int
        k, the number of experts with routers.
    n_hidden : int
        m, the number of hidden units over all experts, shared ones among them, which all have the
        same number.
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
    gate : {"softmax", "sigmoid"}
        G_js, the softmax of the scores of a patch over all experts, or the sigmoid of the score.
        Sigmoids are those of DeepSeek-V3.
    renormalize : bool
        Divide the gates of the experts that a patch has chosen by their sum. Of a softmax, this is
        the softmax of the chosen scores alone, taken after the choice, as in GShard, Mixtral and
        Shazeer et al.; without it the softmax is taken before, as in Switch transformers and
        OLMoE. With one chosen expert the gate is then 1, and the data loss moves no router.
    n_shared : int
        Experts without routers, the last ones, which every patch visits with a gate of 1, as in
        DeepSeekMoE.
    noise : {"none", "gaussian", "uniform"}
        Law of noise that is added to the scores in training, N(0, 1) or uniform on (0, 1), drawn
        anew for every patch and expert in every step, as in Shazeer et al. and V-MoE. It changes
        choices and gates. Networks are tested without it. `SGD` has its schedule.
    noise_scale : float
        What the noise is multiplied by.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    The softmax is over all experts, chosen or not, so that routers have a gradient even if every
    patch chooses one. With k = 1 they have none. Where something has to be chosen, `train` refuses
    routers that start at 0, as for `JointMoE`, unless noise decides to the end; where networks are
    tested there is none, and patches that such routers never met go by rounding. Balance loss,
    z-loss and the loss-free bias are settings of `SGD`. With a bias, experts whose gates round to
    the same number, such as sigmoids of scores above 17 in single precision, go by bias and number.
    Renormalised gates of experts whose gates are all below the smallest number are equal.

    Source: a modelling choice, after Fedus, Zoph, Shazeer, Switch Transformers, 2022, and Riquelme
    et al., Scaling Vision with Sparse Mixture of Experts (V-MoE), 2021; the options after Shazeer
    et al., Outrageously Large Neural Networks, 2017; Lepikhin et al., GShard, 2021; Dai et al.,
    DeepSeekMoE, 2024; Jiang et al., Mixtral of Experts, 2024; DeepSeek-AI, DeepSeek-V3, 2024;
    Muennighoff et al., OLMoE, 2024.

    Examples
    --------
    >>> TokenChoiceMoE(n_experts=8, n_hidden=40, capacity=5).patches_per_expert(n_patches=16)
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
    gate: Literal["softmax", "sigmoid"] = field(default="softmax", metadata=CAME_LATER)
    renormalize: bool = field(default=False, metadata=CAME_LATER)
    n_shared: int = field(default=0, metadata=CAME_LATER)
    noise: Noise = field(default="none", metadata=CAME_LATER)
    noise_scale: float = field(default=1.0, metadata=CAME_LATER)

    kernel: ClassVar[Kernel] = "token"
    formula: ClassVar[str] = r"\frac{1}{n}\sum_j \sum_{s \in S_j} G_{js} \sum_r a_{rs}\, " + UNIT

    def __post_init__(self) -> None:
        set_fields(self, n_shared=integer("n_shared", self.n_shared, 0))
        self.check_experts()
        self.check_noise()
        set_fields(
            self,
            gate=choice("gate", self.gate, ("softmax", "sigmoid")),
            renormalize=boolean("renormalize", self.renormalize),
            n_chosen=integer("n_chosen", self.n_chosen, 1, self.n_experts),
            priority=choice("priority", self.priority, ("place", "score")),
        )
        if self.capacity is not None:
            set_fields(self, capacity=integer("capacity", self.capacity, 1))

    @property
    def n_all_experts(self) -> int:
        """The number of experts, shared ones among them."""
        return self.n_experts + self.n_shared

    def finer(self, parts: int) -> TokenChoiceMoE:
        """Return the network whose experts are split in so many, each patch choosing as many more.

        Units and operations of the experts stay the same; routers are as many times as many.
        Source: Dai et al., DeepSeekMoE, 2024.

        Parameters
        ----------
        parts : int
            Number of experts made of one, which divides its units.

        Raises
        ------
        ValueError
            If it does not.

        Examples
        --------
        >>> fine = TokenChoiceMoE(n_experts=8, n_hidden=48, n_chosen=2).finer(3)
        >>> fine.n_experts, fine.n_chosen, fine.units_per_expert
        (24, 6, 2)
        """
        parts = integer("parts", parts, 1)
        if self.units_per_expert % parts:
            raise reject("parts", parts, f"a divisor of {self.units_per_expert} units per expert")
        return replace(
            self,
            n_experts=parts * self.n_experts,
            n_chosen=parts * self.n_chosen,
            n_shared=parts * self.n_shared,
        )

    def patches_per_expert(self, n_patches: int) -> int:
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
        return min(n_patches * self.n_chosen, self.n_experts * self.patches_per_expert(n_patches))

    def output_scale(self, n_patches: int) -> float:
        """Return the factor 1/n in front of f."""
        return 1.0 / n_patches

    def rule(self, n_patches: int) -> Rule:
        """Return how patches and experts find each other, as the kernels take it."""
        room = self.patches_per_expert(n_patches)
        return Rule(
            self.n_chosen, room, self.priority == "score",
            gate=SIGMOID if self.gate == "sigmoid" else SOFTMAX,
            renormalize=self.renormalize, n_shared=self.n_shared,
        )  # fmt: skip

    def tied(self, n_at_zero: int, n_patches: int) -> bool:
        """Return whether rounding alone would decide, if so many routers start at 0."""
        if self.is_noisy:
            return False
        ranked = self.patches_per_expert(n_patches) < n_patches and self.priority == "score"
        return (n_at_zero > 1 and self.n_chosen < self.n_experts) or (n_at_zero > 0 and ranked)

    def forward_flops(
        self,
        n_patches: int,
        patch_dim: int,
        n_working: int | None = None,
        *,
        biased: bool = False,
    ) -> int:
        """Return the operations of one forward pass of one input, routing included.

        At most as many; patches may choose pruned experts, whose routers are asked all the same.
        ``biased`` tells whether there is a bias of the choice, which no other network has.
        """
        sizes = self._sizes(n_patches, patch_dim)
        if n_working is not None:
            most = n_working * self.patches_per_expert(n_patches)
            sizes["n_pairs"] = min(sizes["n_pairs"], most)
        return int(costs.token_forward(batch_size=1, biased=biased, **sizes))

    def step_flops(
        self,
        batch_size: int,
        n_patches: int,
        patch_dim: int,
        loss: str,
        *,
        parts: StepParts = PLAIN_STEP,
    ) -> int:
        """Return the operations of one step in which every expert that may be full is full.

        Exact without a capacity. With one it is an upper bound, as patches that all choose one
        expert are dropped while others have room.
        """
        sizes = self._sizes(n_patches, patch_dim)
        return int(costs.token_step(batch_size=batch_size, loss=loss, parts=parts, **sizes))

    def _sizes(self, n_patches: int, patch_dim: int) -> dict[str, Any]:
        return {
            "n_patches": n_patches,
            "n_chosen": self.n_chosen,
            "n_pairs": self.n_pairs(n_patches),
            "n_experts": self.n_experts,
            "units_per_expert": self.units_per_expert,
            "patch_dim": patch_dim,
            "options": costs.TokenOptions(
                self.n_shared, self.gate, self.renormalize, self.noise != "none"
            ),
        }
