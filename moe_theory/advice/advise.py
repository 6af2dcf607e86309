"""The network, l and k that minimise samples or operations to ε."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from moe_theory import costs
from moe_theory._validation import choice
from moe_theory.advice.card import advice_card
from moe_theory.advice.conventions import BATCH_SIZE, N_HIDDEN, ROUTER_EPOCHS
from moe_theory.advice.interpolate import Predicted, predicted_samples
from moe_theory.data.patterns import PatchPatterns

Goal = Literal["samples", "flops"]


@dataclass(frozen=True)
class Option:
    """One network that reaches ε, and what it takes.

    Attributes
    ----------
    arm : {"dense", "separate", "joint"}
    n_routed, n_experts : int
        l and k.
    samples, steps, flops : float
        N*(ε), and the steps and floating-point operations of training with N* samples.
    saving : float
        What the dense network takes over what this one does, of samples or operations: of what is
        minimised.

    Examples
    --------
    >>> Option("joint", 8, 8, samples=10.0, steps=700.0, flops=5e9, saving=9.0).n_experts
    8
    """

    arm: str
    n_routed: int
    n_experts: int
    samples: float
    steps: float
    flops: float
    saving: float


@dataclass(frozen=True)
class Advice:
    """All networks, best first.

    Attributes
    ----------
    epsilon : float
        ε.
    minimise : {"samples", "flops"}
    options : tuple of Option
        Best first; ties in samples are broken by operations, and the other way round.

    Examples
    --------
    >>> first = Option("separate", 2, 2, 11, 400, 1e8, 8)
    >>> print(Advice(0.05, "samples", (first, Option("dense", 64, 1, 88, 1e3, 8e9, 1))))
    network    l   k     N*    steps      FLOPs  saving
    separate   2   2   11.0      400    1.0e+08     8.0
    dense     64   1   88.0     1000    8.0e+09     1.0
    """

    epsilon: float
    minimise: Goal
    options: tuple[Option, ...]

    @property
    def best(self) -> Option:
        """The network that minimises the goal."""
        return self.options[0]

    def __str__(self) -> str:
        lines = ["network    l   k     N*    steps      FLOPs  saving"]
        lines += [
            f"{o.arm:<8} {o.n_routed:>3} {o.n_experts:>3} {o.samples:>6.1f} {o.steps:>8.0f} "
            f"{o.flops:>10.1e} {o.saving:>7.1f}"
            for o in self.options
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return advice_card(self.epsilon, self.minimise, self.options)


def advise(patterns: PatchPatterns, epsilon: float, minimise: Goal = "samples") -> Advice:
    """Say which network, l and k need the fewest samples or operations to reach ε.

    Parameters
    ----------
    patterns : PatchPatterns
        Orthonormal, balanced, n in [16, 128] and p in [2n, 8n].
    epsilon : float
        ε, in [0.02, 0.2].
    minimise : {"samples", "flops"}
        Samples N*(ε), or floating-point operations of training with these, routers included.

    Returns
    -------
    Advice

    Raises
    ------
    ValueError
        As `predicted_samples` does.

    Notes
    -----
    Predictions are good to some 15 % in N*: networks closer than that to the best are as good.
    Operations follow `moe_theory.costs`. Source: derived in docs/theory/advice.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> advice = advise(patterns, epsilon=0.05)
    >>> advice.best.samples < 15, advice.options[-1].samples > 100
    (True, True)
    """
    choice("minimise", minimise, ("samples", "flops"))
    known = [o for o in predicted_samples(patterns, epsilon) if math.isfinite(o.samples)]
    taken = [{"samples": o.samples, "flops": flops_of(patterns, o)} for o in known]
    dense = next(own[minimise] for o, own in zip(known, taken, strict=True) if o.arm == "dense")
    options = [
        Option(o.arm, o.n_routed, o.n_experts, **own, steps=o.steps, saving=dense / own[minimise])
        for o, own in zip(known, taken, strict=True)
    ]
    other = "flops" if minimise == "samples" else "samples"
    options.sort(key=lambda o: (getattr(o, minimise), getattr(o, other)))
    return Advice(epsilon, minimise, tuple(options))


def flops_of(patterns: PatchPatterns, known: Predicted) -> float:
    """Return the operations of a training with N* samples, those of routers included.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> costs = [flops_of(patterns, Predicted("separate", l, 2, 20.0, 400.0)) for l in (2, 4)]
    >>> costs[0] < costs[1]
    True
    """
    n, d = patterns.n_patches, patterns.patch_dim
    batch = min(BATCH_SIZE, known.samples)
    step: dict[str, Any] = {"batch_size": batch, "n_routed": known.n_routed, "n_hidden": N_HIDDEN,
            "patch_dim": d, "loss": "logistic"}  # fmt: skip
    if known.arm == "joint":
        joint = costs.joint_step(n_patches=n, n_experts=known.n_experts, **step)
        return float(known.steps * joint)
    total = float(known.steps * costs.fixed_step(**step))
    if known.arm == "separate":
        n_steps = ROUTER_EPOCHS * math.ceil(known.samples / BATCH_SIZE)
        router = costs.router_step(batch_size=batch, n_experts=known.n_experts, patch_dim=d)
        sizes = {"n_samples": known.samples, "n_patches": n, "patch_dim": d}
        total += float(n_steps * router + costs.patch_sums(**sizes))
        total += float(costs.patch_scores(n_experts=known.n_experts, **sizes))
    return total
