"""What notebooks show of an architecture: its formula, and the value of every symbol."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from moe_theory._display import Latex, card

_UNIT = r"\mathrm{relu}\langle w_{rs}, x^{(j)}\rangle"
_CHOSEN = r"\frac{1}{POOLED}\sum_s \sum_r a_{rs} \sum_{j \in J_s}"
_FORMULAS = {
    "DenseCNN": r"\frac{1}{n}\sum_r a_r \sum_j \mathrm{relu}\langle w_r, x^{(j)}\rangle",
    "SeparateMoE": rf"{_CHOSEN} {_UNIT}",
    "JointMoE": rf"{_CHOSEN} G_{{js}}\, {_UNIT}",
    "TokenChoiceMoE": r"\frac{1}{n}\sum_j \sum_{s \in S_j} G_{js} \sum_r a_{rs}\, " + _UNIT,
}
_NAMES = {
    "n_experts": "experts k",
    "n_hidden": "hidden units m",
    "n_routed": "patches per expert l",
    "n_chosen": "experts per patch",
    "capacity": "capacity C",
    "output_weights": "output weights a",
    "init_std": "std of initial w",
    "router_init_std": "std of initial routers",
}


def model_card(model: Any) -> str:
    """Return an architecture as HTML.

    Examples
    --------
    >>> from moe_theory.models import JointMoE
    >>> "<td" in model_card(JointMoE(8, 40, 5))
    True
    """
    known = (kind.__name__ for kind in type(model).__mro__)
    formula = next(_FORMULAS[name] for name in known if name in _FORMULAS)
    pooled = "l" if getattr(model, "pooling", None) == "routed" else "n"
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    if values.get("capacity", 0) is None:
        values["capacity"] = "any number"
    return card(
        type(model).__name__,
        {_NAMES.get(name, name): value for name, value in values.items()},
        formula=Latex("f(x) = " + formula.replace("POOLED", pooled)),
    )
