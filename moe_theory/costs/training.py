"""Operations of a whole training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moe_theory._validation import wrong_object
from moe_theory.costs.counting import counted, size


@dataclass(frozen=True)
class Flops:
    """Floating-point operations by what they were spent on.

    Attributes
    ----------
    experts : int
        Training steps: of the network, in joint training with its routers.
    routers : int
        Separate training of the routers.
    routing : int
        Scoring every patch of the training inputs once by the frozen routers.

    Examples
    --------
    >>> Flops(experts=10, routers=2, routing=1).total
    13
    """

    experts: int
    routers: int = 0
    routing: int = 0

    @property
    def total(self) -> int:
        """All operations of the training."""
        return self.experts + self.routers + self.routing


def over_steps(step: Callable[[Any], Any], *, n_visits: Any, n_steps: Any) -> Any:
    """Operations of many steps, given those of one as a function of its batch size.

    One step costs α B + β, so that T steps whose batches hold V samples in all cost α V + β T.

    Parameters
    ----------
    step : callable
        Batch size → operations of one step.
    n_visits, n_steps : int or sympy expression
        V, the sum of the batch sizes; T.

    Examples
    --------
    >>> over_steps(lambda size: 3 * size + 5, n_visits=7, n_steps=2)
    31
    """
    if not callable(step):
        raise wrong_object("step", step, "a function of a batch size")
    n_visits, n_steps = size("n_visits", n_visits), size("n_steps", n_steps)
    per_step = step(0)
    return step(n_visits) - per_step + per_step * n_steps


@counted
def patch_sums(*, n_samples: Any, n_patches: Any, patch_dim: Any) -> Any:
    """Operations of summing the patches of every input once, before router training.

    Examples
    --------
    >>> patch_sums(n_samples=10, n_patches=4, patch_dim=3)
    120
    """
    return n_samples * n_patches * patch_dim
