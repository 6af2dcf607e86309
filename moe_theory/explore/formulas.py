"""Operations and bounds as JavaScript, printed from the package's own formulas."""

from __future__ import annotations

import sympy as sp

from moe_theory import costs
from moe_theory.bounds import ARCHITECTURES, complexity
from moe_theory.bounds.parameters import SYMBOL

BOUNDS = {"samples": "sample complexity", "flops": "computational complexity"}


def cost_functions() -> dict[str, str]:
    """Return functions of an object ``at``, whose properties are named as arguments are here.

    Examples
    --------
    >>> cost_functions()["patch_sums"]
    '(at) => at.n_patches*at.n_samples*at.patch_dim'
    """
    step = _symbols("batch_size", "n_routed", "n_hidden", "patch_dim")
    more = _symbols("n_patches", "n_experts")
    router = _symbols("batch_size", "n_experts", "patch_dim")
    sizes = _symbols("n_samples", "n_patches", "patch_dim")
    scores = _symbols("n_samples", "n_patches", "patch_dim", "n_experts")
    made = {
        "fixed_step": costs.fixed_step(**step, loss="logistic"),
        "joint_step": costs.joint_step(**step, **more, loss="logistic"),
        "router_step": costs.router_step(**router),
        "patch_sums": costs.patch_sums(**sizes),
        "patch_scores": costs.patch_scores(**scores),
    }
    return {name: _function(expression) for name, expression in made.items()}


def bound_functions() -> dict[str, dict[str, str]]:
    """Return the bounds on samples and operations of each network, as functions of ``at``.

    Examples
    --------
    >>> bound_functions()["samples"]["separate"]
    '(at) => Math.pow(at.n_routed, 8)/Math.pow(at.epsilon, 16)'
    """
    names = {SYMBOL[name]: sp.Symbol(f"at.{name}") for name in SYMBOL}
    return {
        goal: {
            arm: _function(complexity(quantity, arm).expression.subs(names))
            for arm in ARCHITECTURES
        }
        for goal, quantity in BOUNDS.items()
    }


def bound_texts() -> dict[str, dict[str, str]]:
    """Return the same bounds as text.

    Examples
    --------
    >>> bound_texts()["samples"]["separate"]
    'l⁸/ε¹⁶'
    """
    return {
        goal: {
            arm: str(complexity(quantity, arm)).partition("(")[2].removesuffix(")")
            for arm in ARCHITECTURES
        }
        for goal, quantity in BOUNDS.items()
    }


def _symbols(*names: str) -> dict[str, sp.Symbol]:
    return {name: sp.Symbol(f"at.{name}", positive=True) for name in names}


def _function(expression: sp.Expr) -> str:
    return f"(at) => {sp.jscode(expression)}"
