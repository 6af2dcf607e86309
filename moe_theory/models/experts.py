"""What architectures with experts share."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from moe_theory._random import Seed
from moe_theory._validation import choice, integer, real, reject, set_fields
from moe_theory.models.network import Network
from moe_theory.models.weights import Weights, alternating, draw_gaussian, draw_output

Outputs = Literal["signs", "gaussian", "expert_signs"]


class ExpertNetwork(Network):
    """The sizes and the initial weights of k experts and their routers."""

    n_experts: int
    output_weights: Any
    output_kinds: ClassVar[tuple[str, ...]] = ("signs", "gaussian", "expert_signs")
    init_std: float
    router_init_std: float

    def check_experts(self) -> None:
        """Raise ``ValueError`` if a value is impossible."""
        n_experts = integer("n_experts", self.n_experts, 1)
        n_hidden = integer("n_hidden", self.n_hidden, 1)
        set_fields(self, n_experts=n_experts)
        if n_hidden % self.n_all_experts:
            number = f"n_experts = {n_experts}"
            if shared := self.n_all_experts - n_experts:
                number = f"n_experts + n_shared = {n_experts} + {shared}"
            raise reject("n_hidden", n_hidden, f"a multiple of {number}")
        set_fields(
            self,
            n_hidden=n_hidden,
            output_weights=choice("output_weights", self.output_weights, self.output_kinds),
            init_std=real("init_std", self.init_std, 0.0),
            router_init_std=real("router_init_std", self.router_init_std, 0.0),
        )

    @property
    def n_all_experts(self) -> int:
        """The number of experts, those without routers among them."""
        return self.n_experts

    @property
    def units_per_expert(self) -> int:
        """The number of hidden units of one expert, m/k where all have routers."""
        return self.n_hidden // self.n_all_experts

    def initial_weights(self, patch_dim: int, seed: Seed) -> Weights:
        """Draw the weights before training, in float64; see `DenseCNN.initial_weights`."""
        experts = draw_gaussian(self.init_std, (self.n_hidden, patch_dim), seed, "experts")
        routers = draw_gaussian(self.router_init_std, (self.n_experts, patch_dim), seed, "routers")
        if self.output_weights == "expert_signs":
            output = np.repeat(alternating(self.n_all_experts), self.units_per_expert)
        else:
            output = draw_output(self.output_weights, self.n_hidden, seed)
        return Weights(experts, output, routers)
