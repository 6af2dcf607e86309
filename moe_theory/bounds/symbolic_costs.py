"""Operations of a step and of a whole training, and the memory of a step, as exact formulas."""

from __future__ import annotations

from typing import Any

from moe_theory import costs
from moe_theory._validation import choice, reject
from moe_theory.bounds.bound import ARCHITECTURES
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.parameters import SYMBOL
from moe_theory.models import DenseCNN, JointMoE, Model, SeparateMoE

_FIXED = ("batch_size", "n_hidden", "patch_dim")
_JOINT = ("batch_size", "n_patches", "n_routed", "n_experts", "n_hidden", "patch_dim")


def _symbols(*names: str) -> dict[str, Any]:
    return {name: SYMBOL[name] for name in names}


def step_flops(architecture: str, loss: str = "logistic") -> Formula:
    """Return the operations of one step of SGD, exactly.

    Parameters
    ----------
    architecture : {"dense", "separate", "joint"}
        For separate training, a step of the experts.
    loss : {"logistic", "hinge"}
        The training loss.

    Raises
    ------
    ValueError
        If there is no such architecture.

    Notes
    -----
    Source: derived in docs/theory/bounds.md, counted by `moe_theory.costs`, and confirmed by a twin
    that counts every scalar operation.

    Examples
    --------
    >>> print(step_flops("dense"))
    4 B m n d + 2 B m n + 2 B m + 2 m d + 8 B
    """
    choice("architecture", architecture, ARCHITECTURES)
    if architecture == "joint":
        return Formula(costs.joint_step(**_symbols(*_JOINT), loss=loss).expand())
    routed = SYMBOL["n_patches" if architecture == "dense" else "n_routed"]
    return Formula(costs.fixed_step(**_symbols(*_FIXED), n_routed=routed, loss=loss).expand())


def training_flops(architecture: str, loss: str = "logistic") -> Formula:
    """Return the operations of a whole training of T steps that visit V samples, exactly.

    One step costs α B + β; whatever the sizes of the batches, α V + β T in all. Separate training
    adds summing the patches of N_r router samples, T_r router steps that visit V_r samples, and
    scoring the patches of N training samples once.

    Examples
    --------
    >>> print(training_flops("dense"))
    4 V m n d + 2 T m d + 2 V m n + 2 V m + 8 V
    """
    step = step_flops(architecture, loss).expression
    size = SYMBOL["batch_size"]
    total = costs.over_steps(
        lambda visits: step.subs(size, visits),
        n_visits=SYMBOL["n_visits"],
        n_steps=SYMBOL["n_steps"],
    )
    if architecture == "separate":
        total += costs.over_steps(
            lambda visits: costs.router_step(
                batch_size=visits, **_symbols("n_experts", "patch_dim")
            ),
            n_visits=SYMBOL["router_n_visits"],
            n_steps=SYMBOL["router_n_steps"],
        )
        total += costs.patch_sums(
            n_samples=SYMBOL["router_n_train"], **_symbols("n_patches", "patch_dim")
        )
        total += costs.patch_scores(
            n_samples=SYMBOL["n_train"], **_symbols("n_patches", "n_experts", "patch_dim")
        )
    return Formula(total.expand())


def router_share(loss: str = "logistic") -> Formula:
    """Return the part of a joint step that scores, gates and updates routers.

    Examples
    --------
    >>> router_share().evaluate(batch_size=1, n_patches=1, n_routed=1, n_experts=1, n_hidden=1,
    ...                         patch_dim=1) < 1
    True
    """
    whole = step_flops("joint", loss).expression
    without = whole.subs(SYMBOL["n_experts"], 0)
    return Formula((whole - without).expand() / whole)


def step_memory(architecture: str) -> Formula:
    """Return the numbers that one step holds: weights, gradients, the batch, activations.

    Examples
    --------
    >>> print(step_memory("dense"))
    B m n + B n d + 2 m d + B + m
    """
    choice("architecture", architecture, ARCHITECTURES)
    if architecture == "joint":
        return Formula(costs.joint_memory(**_symbols(*_JOINT)).expand())
    routed = SYMBOL["n_patches" if architecture == "dense" else "n_routed"]
    memory = costs.fixed_memory(**_symbols(*_FIXED, "n_patches"), n_routed=routed)
    if architecture == "separate":
        # Frozen routers are kept, but have no gradient.
        memory += SYMBOL["n_experts"] * SYMBOL["patch_dim"]
    return Formula(memory.expand())


def architecture_of(model: Model) -> str:
    """Return the name of a model's architecture in the complexity table.

    Raises
    ------
    ValueError
        If the table has no such architecture.

    Examples
    --------
    >>> architecture_of(DenseCNN(4))
    'dense'
    """
    names = {DenseCNN: "dense", SeparateMoE: "separate", JointMoE: "joint"}
    if type(model) not in names:
        raise reject("model", type(model).__name__, "a DenseCNN, a SeparateMoE or a JointMoE")
    if model.activation != "relu":
        raise reject("activation", model.activation, '"relu", whose operations the table counts')
    return names[type(model)]
