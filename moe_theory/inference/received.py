"""What every expert of a trained network receives, and with which gate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import products
from moe_theory._validation import finite, instance, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.routing.pairs import served_pairs
from moe_theory.training import TrainingRun

Array = NDArray[Any]
A_RUN = "a TrainingRun, as train returns it"


def received_gates(run: TrainingRun, data: PatchData) -> Array:
    """Return the gate that each expert gives each patch, 0 where it does not receive it.

    Parameters
    ----------
    run : TrainingRun
        The network.
    data : PatchData
        N inputs of n patches.

    Returns
    -------
    array, shape (N, n, k)
        G_js of `JointMoE` and `TokenChoiceMoE`; for all patches of an input that chose the expert
        G_s of `SampleMoE`, without noise; 1 for what a network without gates receives.

    Raises
    ------
    ValueError
        If n or d of ``data`` are not those of the training.
    DivergenceError
        If the training diverged.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5))
    >>> gates = received_gates(run, data)
    >>> gates.shape, int((gates > 0).sum(axis=1).max())
    ((20, 4, 2), 3)
    """
    check_run(run)
    run.check_fits(data)
    routers = run.weights.routers
    if routers is None:
        return np.ones((data.n_samples, data.n_patches, run.model.n_experts))
    scores = products(routers, data.dictionary.astype(routers.dtype, copy=False))
    finite("the scores of patches", scores)
    bias = scores[:0, 0] if run.weights.bias is None else run.weights.bias
    return served_pairs(run.model, scores, bias, data.indices)[1]


def check_run(run: object) -> None:
    """Raise ``TypeError`` unless ``run`` is a trained network, ``ValueError`` for shared experts.

    Examples
    --------
    >>> from moe_theory import DenseCNN
    >>> check_run(DenseCNN(4))
    Traceback (most recent call last):
    ...
    TypeError: run must be a TrainingRun, as train returns it; got DenseCNN(n_hidden=4, ...
    """
    instance("run", run, TrainingRun, A_RUN)
    assert isinstance(run, TrainingRun)
    if run.model.n_all_experts > run.model.n_experts:
        shared = run.model.n_all_experts - run.model.n_experts
        raise reject("run.model.n_shared", shared, "0: shared experts are not scored or compressed")


def expert_slices(run: TrainingRun) -> list[slice]:
    """Return where the units of each expert lie among the rows of the hidden weights.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> expert_slices(train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5)))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    units = run.model.units_per_expert
    return [slice(s * units, (s + 1) * units) for s in range(run.model.n_experts)]
