"""How surely a router finds the patches that tell the label: P24's proficiency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import received_gates
from moe_theory.models import SampleMoE, TokenChoiceMoE
from moe_theory.training import TrainingRun


def router_proficiency(
    run: TrainingRun, data: PatchData, least_gate: float | None = None
) -> NDArray[np.float64]:
    """Return how often each router gives the discriminative patch a gate of at least 1/l.

    P24 calls experts relevant to a task by it: a router that finds o₁ or o₂ nearly always is that
    of an expert which carries the task, and one that hardly ever does, of an irrelevant one.

    Parameters
    ----------
    run : TrainingRun
        A network with routers.
    data : PatchData
        Inputs of the task, whose discriminative places are known.
    least_gate : float, optional
        By default 1/l; to be given where patches or inputs choose experts, as l has no meaning
        there.

    Returns
    -------
    array, shape (k, 2)
        The fraction among inputs with y = +1 and among those with y = −1; NaN for a class
        without inputs.

    Raises
    ------
    ValueError
        If places are not known, the network has no routers, or a value is impossible.
    DivergenceError
        If the training diverged.

    Notes
    -----
    The gates of separate training are 1: there it is the fraction of inputs whose discriminative
    patch the expert receives. Source: P24.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=50))
    >>> router_proficiency(run, data).shape
    (2, 2)
    """
    gates = received_gates(run, data)
    if run.weights.routers is None:
        raise reject("model", run.model, "a network with routers")
    if data.positions is None:
        raise reject("data.positions", None, "given, to tell which patch is discriminative")
    if least_gate is not None:
        least = real("least_gate", least_gate, 0, 1, open_low=True)
    elif isinstance(run.model, SampleMoE | TokenChoiceMoE):
        raise reject("least_gate", None, "given where patches or inputs choose experts")
    else:
        least = 1 / run.model.patches_per_expert(run.n_patches)
    own = gates[np.arange(data.n_samples), data.positions]
    # Equal scores have gates of 1/l up to rounding.
    found = own >= least * (1 - 1e-6)
    classes = [found[data.labels == y] for y in (1, -1)]
    nothing = np.full(run.model.n_experts, np.nan)
    return np.stack([part.mean(axis=0) if len(part) else nothing for part in classes], axis=1)
