"""How fast copies of one expert become different."""

from __future__ import annotations

import math

from moe_theory._typed import typed
from moe_theory._validation import integer, real


@typed
def symmetry_growth(
    n_steps: int,
    share: float,
    slope: float,
    n_active: int,
    *,
    learning_rate: float,
    router_learning_rate: float,
) -> float:
    """Return how much the scores of a pattern at two equal experts have parted after T steps.

    Parameters
    ----------
    n_steps : int
        T.
    share : float
        q, the share of the patches that are of the pattern.
    slope : float
        ℓ̄, the mean of −∂ℓ/∂(y f) over the inputs that hold it: 1/2 at first, small in a network
        that was trained before.
    n_active : int
        Units of an expert that are active on the pattern, with output weights ±1.
    learning_rate, router_learning_rate : float
        η and η_r.

    Returns
    -------
    float
        The difference of the scores over that at the start, ((1 + r)^T + (1 − r)^T)/2 with
        r = (q ℓ̄/2) √(η η_r K).

    Raises
    ------
    ValueError
        If a value is impossible.

    Notes
    -----
    Of two chosen experts with renormalised gates that start equal, while differences are small
    and the slope stays as it is. Source: derived in docs/theory/balance.md.

    Examples
    --------
    >>> rates = {"learning_rate": 0.1, "router_learning_rate": 0.1}
    >>> round(symmetry_growth(2000, share=1 / 32, slope=0.5, n_active=10, **rates), 2)
    69.54
    >>> round(symmetry_growth(2000, share=1 / 32, slope=0.05, n_active=10, **rates), 2)
    1.12
    """
    n_steps = integer("n_steps", n_steps, 0)
    share = real("share", share, 0.0, 1.0)
    slope = real("slope", slope, 0.0)
    n_active = integer("n_active", n_active, 0)
    rate = real("learning_rate", learning_rate, 0.0)
    router_rate = real("router_learning_rate", router_learning_rate, 0.0)
    try:
        rate = share * slope / 2 * math.sqrt(rate) * math.sqrt(router_rate) * math.sqrt(n_active)
        return ((1 + rate) ** n_steps + (1 - rate) ** n_steps) / 2
    except OverflowError:
        return math.inf
