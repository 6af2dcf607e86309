"""What networks and steps may have besides their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moe_theory._validation import boolean, choice, set_fields
from moe_theory.costs.counting import size

# Operations of one gate before it is divided by the sum of the chosen ones.
AFFINITY = {"softmax": 4, "sigmoid": 3}


@dataclass(frozen=True)
class StepParts:
    """What a step of training has besides the data loss and its gradient.

    Parameters
    ----------
    normalize_experts : bool
        Whether the gradient of each expert is divided by its norm.
    balanced, z_loss, biased : bool
        Whether there is a balance loss, a z-loss, and a bias of the choice of experts, which moves.

    Raises
    ------
    ValueError
        If a value is no truth value.

    Examples
    --------
    >>> StepParts(z_loss=True).balanced
    False
    """

    normalize_experts: bool = False
    balanced: bool = False
    z_loss: bool = False
    biased: bool = False

    def __post_init__(self) -> None:
        for name in ("normalize_experts", "balanced", "z_loss", "biased"):
            set_fields(self, **{name: boolean(name, getattr(self, name))})


@dataclass(frozen=True)
class TokenOptions:
    """What a network has in which patches choose experts.

    Parameters
    ----------
    n_shared : int or sympy expression
        The number of experts that receive every patch.
    gate : {"softmax", "sigmoid"}
        What the gates of a patch are.
    renormalize : bool
        Whether those of the chosen experts are divided by their sum.
    noisy : bool
        Whether training adds noise to scores, whose drawing is not counted.

    Raises
    ------
    ValueError
        If a value is impossible.

    Examples
    --------
    >>> TokenOptions(renormalize=True).spread
    False
    """

    n_shared: Any = 0
    gate: str = "softmax"
    renormalize: bool = False
    noisy: bool = False

    def __post_init__(self) -> None:
        set_fields(
            self,
            n_shared=size("n_shared", self.n_shared),
            gate=choice("gate", self.gate, tuple(AFFINITY)),
            renormalize=boolean("renormalize", self.renormalize),
            noisy=boolean("noisy", self.noisy),
        )

    @property
    def spread(self) -> bool:
        """Whether a gate depends on the scores of all experts."""
        return self.gate == "softmax" and not self.renormalize

    def gates(self, scored: Any, chosen: Any, *, all_gates: bool) -> Any:
        """Return the operations of gates, of all experts or of those that patches have chosen."""
        total = AFFINITY[self.gate] * (scored if all_gates else chosen)
        # A softmax over the chosen scores is divided by their sum already.
        divided = self.renormalize and (all_gates or self.gate == "sigmoid")
        return total + 2 * chosen if divided else total

    def slopes(self, scored: Any, chosen: Any, paired: Any) -> tuple[Any, Any]:
        """Return how many scores have a slope of the data loss, and the slopes' operations."""
        if self.gate == "softmax":
            sloped = chosen if self.renormalize else scored
            return sloped, 2 * sloped + paired
        return (chosen, 4 * chosen + paired) if self.renormalize else (paired, 4 * paired)


PLAIN_STEP, PLAIN_TOKENS = StepParts(), TokenOptions()
