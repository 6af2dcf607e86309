"""Compile all kernels ahead, so that no later run waits for the compiler."""

from __future__ import annotations

from itertools import product
from typing import Literal

from moe_theory.data import PatchPatterns
from moe_theory.models import DenseCNN, JointMoE, Model, SeparateMoE, TokenChoiceMoE
from moe_theory.training.sgd import SGD
from moe_theory.training.train import Engine, train

_ENGINES: tuple[Engine, ...] = ("raw", "pattern")
_DTYPES: tuple[Literal["float32", "float64"], ...] = ("float32", "float64")


def compile_kernels() -> int:
    """Train and test every network once in both precisions and by both engines.

    What is compiled stays on disk for this version of the package and this kind of processor; it
    takes about a minute the first time and a second thereafter. Call it once before many processes
    start, on a cluster for instance, or they all compile the same.

    Returns
    -------
    int
        Number of trainings run.

    Examples
    --------
    >>> compile_kernels()
    16
    """
    models: tuple[Model, ...] = (
        DenseCNN(2),
        SeparateMoE(2, 2, 1),
        JointMoE(2, 2, 2),
        TokenChoiceMoE(2, 2),
    )
    data = PatchPatterns(n_patches=4, n_irrelevant=6, patch_dim=8).sample(4, seed=0)
    combinations = list(product(models, _DTYPES, _ENGINES))
    for model, dtype, engine in combinations:
        run = train(model, data, SGD(0.1, 2, n_steps=2, dtype=dtype), 0, test=data, engine=engine)
        run.error(data)
        if run.weights.routers is not None:
            run.routing(data)
    return len(combinations)
