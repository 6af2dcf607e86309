"""Compile all kernels ahead, so that no later run waits for the compiler."""

from __future__ import annotations

from itertools import product
from typing import Literal

import joblib

from moe_theory._cores import n_cores
from moe_theory.data import PatchPatterns
from moe_theory.kernels.cache import folders, forget_others, writable
from moe_theory.models import DenseCNN, JointMoE, Model, SampleMoE, SeparateMoE, TokenChoiceMoE
from moe_theory.training.one import Engine, train
from moe_theory.training.sgd import SGD

_ENGINES: tuple[Engine, ...] = ("raw", "pattern")
_Type = Literal["float32", "float64"]
_TYPES: tuple[_Type, ...] = ("float32", "float64")


def compile_kernels() -> int:
    """Train and test every network once in both precisions and by both engines.

    What is compiled stays on disk for this version of the package and this kind of processor; it
    takes some five minutes the first time, and seconds thereafter. Call it once before many
    processes start, on a cluster for instance, or they all compile the same. What was compiled
    from other versions of the kernels is deleted.

    Returns
    -------
    int
        Number of trainings run.

    Raises
    ------
    ValueError
        If there is no folder in which to keep what is compiled.

    Examples
    --------
    >>> compile_kernels()
    20
    """
    if writable() is None:
        tried = ", ".join(map(str, folders()))
        raise ValueError(
            f"NUMBA_CACHE_DIR must be set to a folder that can be written, as {tried} cannot"
        )
    forget_others()
    # The two precisions share no code, so that two processes compile them side by side.
    run = joblib.Parallel(n_jobs=min(n_cores(), len(_TYPES)), backend="loky")
    return sum(run(joblib.delayed(_train_all)(dtype) for dtype in _TYPES))


def _train_all(dtype: _Type) -> int:
    models: tuple[Model, ...] = (
        DenseCNN(2),
        SeparateMoE(2, 2, 1),
        JointMoE(2, 2, 2),
        TokenChoiceMoE(2, 2),
        SampleMoE(2, 2),
    )
    data = PatchPatterns(n_patches=4, n_irrelevant=6, patch_dim=8).sample(4, seed=0)
    combinations = list(product(models, _ENGINES))
    for model, engine in combinations:
        run = train(model, data, SGD(0.1, 2, n_steps=2, dtype=dtype), 0, test=data, engine=engine)
        run.error(data)
        if run.weights.routers is not None:
            run.routing(data)
    return len(combinations)
