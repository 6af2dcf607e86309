"""`DenseCNN`: the network without routing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from moe_theory._random import Seed
from moe_theory._validation import CAME_LATER, choice, integer, real, set_fields
from moe_theory.models.network import ACTIVATIONS, Activation, Network
from moe_theory.models.weights import Weights, draw_gaussian, draw_output

OUTPUTS = ("signs", "gaussian", "ones")


@dataclass(frozen=True)
class DenseCNN(Network):
    """Dense network: every hidden unit sees every patch.

    f(x) = (1/n) Σ_r a_r Σ_j φ⟨w_r, x⁽ʲ⁾⟩, with a fixed, w trained, and φ the ReLU unless another
    one is asked for.

    Parameters
    ----------
    n_hidden : int
        m, the number of hidden units.
    output_weights : {"signs", "gaussian", "ones"}
        a_r = +1, −1, +1, … in turn; drawn from N(0, 1); or +1 throughout.
    init_std : float
        Standard deviation of the initial hidden weights.
    activation : {"relu", "cubic", "linear"}
        φ(z), which is max(z, 0), z³ or z.
    pooling : {"mean", "sum"}
        Mean over the patches, or their sum, without the factor 1/n.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the field, the value and what is allowed.

    Notes
    -----
    Source: P23's released code. Cubic and linear networks with sums are those of Chen, Deng, Wu,
    Gu, Li, Towards Understanding the Mixture-of-Experts Layer in Deep Learning, 2022.

    Examples
    --------
    >>> DenseCNN(n_hidden=40).patches_per_expert(n_patches=16)
    16
    """

    n_hidden: int
    output_weights: Literal["signs", "gaussian", "ones"] = "signs"
    init_std: float = 0.1
    activation: Activation = field(default="relu", metadata=CAME_LATER)
    pooling: Literal["mean", "sum"] = field(default="mean", metadata=CAME_LATER)

    n_experts: ClassVar[int] = 1
    has_routers: ClassVar[bool] = False
    formula: ClassVar[str] = (
        r"\frac{1}{n}\sum_r a_r \sum_j \mathrm{relu}\langle w_r, x^{(j)}\rangle"
    )

    def __post_init__(self) -> None:
        set_fields(
            self,
            n_hidden=integer("n_hidden", self.n_hidden, 1),
            output_weights=choice("output_weights", self.output_weights, OUTPUTS),
            init_std=real("init_std", self.init_std, 0.0),
            activation=choice("activation", self.activation, tuple(ACTIVATIONS)),
            pooling=choice("pooling", self.pooling, ("mean", "sum")),
        )

    def patches_per_expert(self, n_patches: int) -> int:
        """Return n: every unit receives all patches."""
        return n_patches

    def output_scale(self, n_patches: int) -> float:
        """Return the factor in front of f, 1/n or, of sums, 1."""
        return 1.0 / n_patches if self.pooling == "mean" else 1.0

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
