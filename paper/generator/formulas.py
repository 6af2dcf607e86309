"""Formulas that the text asks for by name: what follows from the published bounds."""

from __future__ import annotations

import math

import sympy as sp

from generator.text import inline
from moe_theory.bounds import (
    complexity,
    derive_computation,
    derive_router_training,
    step_flops,
    wins,
)
from moe_theory.bounds.derivations import dominant_monomials
from moe_theory.bounds.formula import Formula


def bound(quantity: str, arm: str) -> str:
    """Return a published entry, without what it is a bound of."""
    return inline(Formula(complexity(quantity, arm).expression).latex())


def step(arm: str) -> str:
    """Return the operations of one step."""
    return step_flops(arm).latex()


def dominant(arm: str) -> str:
    """Return the terms of a step that no other one exceeds."""
    terms = dominant_monomials(step_flops(arm).expression)
    if arm == "joint":
        return "$ and $".join(Formula(term).latex() for term in terms)
    return Formula(sp.Add(*terms)).latex()


def joint_condition() -> str:
    """Return where the published operations of joint training are those of its steps."""
    relation = derive_computation("joint").result.conditions[-1].relation
    return rf"{Formula(relation.lhs).latex()} \leq {Formula(relation.rhs).latex()}"


def router_training() -> str:
    """Return operations of training routers first, over those of the experts."""
    return inline(derive_router_training().result.latex())


def better(quantity: str, first: str, second: str) -> str:
    """Return where the bound of the first network is the smaller one."""
    return wins(complexity(quantity, first), complexity(quantity, second)).latex()


def power_of_ten(value: float) -> str:
    """Return a small number as a digit and a power of ten."""
    power = math.floor(math.log10(value))
    return rf"${value / 10**power:.1f}\cdot10^{{{power}}}$"


FORMULAS = {
    made.__name__: made
    for made in (
        bound, step, dominant, joint_condition, router_training, better, power_of_ten,
    )
}  # fmt: skip
