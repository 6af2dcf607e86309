"""What every architecture tells of itself."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from moe_theory import costs
from moe_theory._display import Latex, card
from moe_theory.costs.options import PLAIN_STEP, StepParts
from moe_theory.kernels.arguments import Rule
from moe_theory.kernels.codes import CUBIC, LINEAR, RELU

Kernel = Literal["fixed", "joint", "token", "sample"]
Activation = Literal["relu", "cubic", "linear"]
ACTIVATIONS = MappingProxyType({"relu": RELU, "cubic": CUBIC, "linear": LINEAR})
UNIT = r"\mathrm{relu}\langle w_{rs}, x^{(j)}\rangle"
_NAMES = {
    "n_experts": "experts k",
    "n_hidden": "hidden units m",
    "n_routed": "patches per expert l",
    "n_chosen": "experts per patch",
    "capacity": "capacity C",
    "output_weights": "output weights a",
    "init_std": "std of initial w",
    "router_init_std": "std of initial routers",
    "noise_scale": "size of the noise",
}


class Network(ABC):
    """What all architectures share, as if routing were fixed while the experts are trained.

    Attributes
    ----------
    activation : {"relu", "cubic", "linear"}
        φ, which is no choice but where a network has such a field.
    formula : str
        f(x) in LaTeX.
    kernel : {"fixed", "joint", "token", "sample"}
        Which kernels train it: those of fixed routing, or those in which routers learn with the
        experts, where experts choose patches, or patches or whole inputs choose experts.
    has_routers : bool
        Whether it has routers.
    routers_first : bool
        Whether they are trained before the experts, on a loss of their own.
    """

    n_hidden: int
    activation: Activation = "relu"
    formula: ClassVar[str]
    kernel: ClassVar[Kernel] = "fixed"
    has_routers: ClassVar[bool] = True
    routers_first: ClassVar[bool] = False

    @property
    def activation_code(self) -> int:
        """The number by which kernels know φ."""
        return ACTIVATIONS[self.activation]

    def activate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return φ(z) by element, as the kernels compute it."""
        if self.activation == "linear":
            return z
        active: NDArray[Any] = z * z * z if self.activation == "cubic" else np.maximum(z, 0)
        return active

    def activation_slope(self, z: NDArray[Any]) -> NDArray[np.float64]:
        """Return φ′(z) by element; that of the ReLU is 0 at 0."""
        if self.activation == "relu":
            return (z > 0).astype(np.float64)
        values = z.astype(np.float64)
        return 3 * values * values if self.activation == "cubic" else np.ones_like(values)

    @property
    def learns_routers(self) -> bool:
        """Whether routers are trained together with the experts."""
        return self.kernel != "fixed"

    @property
    def n_all_experts(self) -> int:
        """The number of experts, those without routers among them; a dense network is one."""
        return 1

    @property
    def units_per_expert(self) -> int:
        """m/k, the number of hidden units of one expert; without experts, of the network."""
        return self.n_hidden

    @abstractmethod
    def patches_per_expert(self, n_patches: int) -> int:
        """Return the largest number of patches of one input that an expert receives."""

    def rule(self, n_patches: int) -> Rule:
        """Return how patches and experts find each other, as the kernels take it.

        l is ``n_kept`` from here on. Where routing is fixed, kernels see it as the size of what
        each expert receives, see `moe_theory.training.inputs.received_rows`.
        """
        return Rule(self.patches_per_expert(n_patches), n_patches, False)

    def tied(self, n_at_zero: int, n_patches: int) -> bool:
        """Return whether rounding alone would decide, if so many routers start at 0."""
        return False

    def forward_flops(self, n_patches: int, patch_dim: int, n_working: int | None = None) -> int:
        """Return the operations of one forward pass of one input, routing included.

        Of ``n_working`` experts that were not pruned; by default of all.
        """
        sizes = self._fixed(n_patches, patch_dim)
        if n_working is not None:
            sizes["n_hidden"] = n_working * self.units_per_expert
        return int(costs.fixed_forward(batch_size=1, **sizes))

    def step_flops(
        self,
        batch_size: int,
        n_patches: int,
        patch_dim: int,
        loss: str,
        *,
        parts: StepParts = PLAIN_STEP,
    ) -> int:
        """Return the operations of one step of the experts.

        With the ``parts`` of it that the network has.
        """
        sizes = self._fixed(n_patches, patch_dim)
        sizes["normalize_experts"] = parts.normalize_experts
        return int(costs.fixed_step(batch_size=batch_size, loss=loss, **sizes))

    def _fixed(self, n_patches: int, patch_dim: int) -> dict[str, Any]:
        l = self.patches_per_expert(n_patches)  # noqa: E741
        sizes = {"n_routed": l, "n_hidden": self.n_hidden, "patch_dim": patch_dim}
        return sizes | {"activation": self.activation}

    def _repr_html_(self) -> str:
        own: Any = self
        values = {field.name: getattr(self, field.name) for field in fields(own)}
        if values.get("capacity", 0) is None:
            values["capacity"] = "any number"
        return card(
            type(self).__name__,
            {_NAMES.get(name, name): value for name, value in values.items()},
            formula=Latex("f(x) = " + self._written()),
        )

    def _written(self) -> str:
        """Return the formula with the pooling, φ and the gate that this network has."""
        pooling = getattr(self, "pooling", None)
        text = self.formula.replace("POOLED", "l" if pooling == "routed" else "n")
        if pooling == "sum":
            text = text.replace(r"\frac{1}{n}", "")
        if getattr(self, "gate", None) == "none":
            text = text.replace("G_s(x)", "")
        if self.activation_code != RELU:
            power = "^3" if self.activation_code == CUBIC else ""
            text = re.sub(r"\\mathrm{relu}(\\langle.*?\\rangle)", rf"\1{power}", text)
        return text
