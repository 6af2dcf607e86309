"""Operations and memory of a step and of a whole training, as formulas and as exact numbers."""

from __future__ import annotations

from typing import Any

from moe_theory import costs
from moe_theory._arguments import check_network
from moe_theory._validation import choice, instance, integer, reject
from moe_theory.models import DenseCNN, JointMoE, Model, SeparateMoE, TokenChoiceMoE
from moe_theory.theory.bounds import ARCHITECTURES
from moe_theory.theory.formula import Formula
from moe_theory.theory.parameters import SYMBOL
from moe_theory.training.batches import n_visits
from moe_theory.training.flops import token_step
from moe_theory.training.sgd import SGD

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
    Source: derived [D] in `moe_theory.costs`, which a twin that counts every scalar operation
    confirms.

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
        total += costs.routing(
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


def training_memory(architecture: str) -> Formula:
    """Return the numbers that a whole training holds: those of a step, and all N samples.

    The batch is part of the samples and counts once.

    Examples
    --------
    >>> print(training_memory("dense"))
    B m n + N n d + 2 m d + B + N + m
    """
    batch = SYMBOL["batch_size"] * SYMBOL["n_patches"] * SYMBOL["patch_dim"]
    samples = SYMBOL["n_train"] * (SYMBOL["n_patches"] * SYMBOL["patch_dim"] + 1)
    return Formula((step_memory(architecture).expression - batch + samples).expand())


def predict_flops(
    model: Model,
    sgd: SGD,
    n_train: int,
    *,
    n_patches: int,
    patch_dim: int,
    router_n_train: int | None = None,
) -> int:
    """Return the operations that `train` will report if it takes all its steps, exactly.

    Parameters
    ----------
    model, sgd
        As for `train`.
    n_train : int
        N, the samples given to `train`; a split for routers is taken off here as there.
    n_patches, patch_dim : int
        n and d.
    router_n_train : int, optional
        Held-out router samples; needed where ``sgd.router_samples`` is "held_out".

    Returns
    -------
    int
        ``TrainingRun.flops.total`` of a training that no stopping rule ends early. For a
        `TokenChoiceMoE` with a capacity both are an upper bound.

    Raises
    ------
    ValueError
        If a value is impossible or ``router_n_train`` is missing.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns, train
    >>> patterns = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    >>> sgd = SGD(learning_rate=0.1, batch_size=8, n_epochs=3)
    >>> run = train(DenseCNN(6), patterns.sample(21, seed=0), sgd)
    >>> predict_flops(DenseCNN(6), sgd, 21, n_patches=4, patch_dim=10) == run.flops.total
    True
    """
    check_network(model)
    instance("sgd", sgd, SGD, "an SGD")
    n_patches = integer("n_patches", n_patches, 1)
    patch_dim = integer("patch_dim", patch_dim, 1)
    model.routed(n_patches)
    if router_n_train is not None:
        router_n_train = integer("router_n_train", router_n_train, 1)
    n_own, n_theirs = _samples(model, sgd, integer("n_train", n_train, 1), router_n_train)
    if isinstance(model, TokenChoiceMoE):
        n_steps = sgd.steps(n_own)
        total = costs.over_steps(
            lambda size: token_step(model, size, n_patches, patch_dim, sgd.loss),
            n_visits=n_visits(n_own, sgd.batch_size, n_steps),
            n_steps=n_steps,
        )
        return int(total)
    values: dict[str, int] = {
        "n_patches": n_patches,
        "patch_dim": patch_dim,
        "n_hidden": model.n_hidden,
        "n_experts": model.n_experts,
        "n_routed": model.routed(n_patches),
        "n_train": n_own,
        "n_steps": sgd.steps(n_own),
        "n_visits": n_visits(n_own, sgd.batch_size, sgd.steps(n_own)),
    }
    if isinstance(model, SeparateMoE):
        n_steps = sgd.router_steps(n_theirs)
        values |= {
            "router_n_train": n_theirs,
            "router_n_steps": n_steps,
            "router_n_visits": n_visits(n_theirs, sgd.router_batch, n_steps),
        }
    return int(training_flops(architecture_of(model), sgd.loss).evaluate(**values))


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
    return names[type(model)]


def _samples(model: Model, sgd: SGD, n_train: int, router_n_train: int | None) -> tuple[int, int]:
    """Return the numbers of samples that train experts and routers."""
    if not isinstance(model, SeparateMoE) or sgd.router_samples == "train":
        return n_train, n_train
    if sgd.router_samples == "split":
        n_theirs = sgd.router_split(n_train)
        return n_train - n_theirs, n_theirs
    if router_n_train is None:
        raise reject("router_n_train", None, 'given, as router_samples is "held_out"')
    return n_train, router_n_train
