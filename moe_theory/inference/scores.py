"""Scores of experts: what is held to tell which of them matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arguments import check_samples
from moe_theory._arithmetic import exp, norms, products
from moe_theory._random import Seed, seed_sequence, stream
from moe_theory._validation import choice, real_array, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import check_run, expert_slices, received_gates
from moe_theory.inference.slopes import mean_squared_slopes
from moe_theory.models import SampleMoE, TokenChoiceMoE
from moe_theory.training import TrainingRun

Array = NDArray[np.float64]

SCORES = (
    "router_norm_change",
    "gate_mass",
    "activation_frequency",
    "weight_magnitude",
    "curvature",
    "random",
)
NEED_DATA = ("gate_mass", "activation_frequency", "curvature")


def expert_scores(
    run: TrainingRun, score: str | ArrayLike, *, data: PatchData | None = None, seed: Seed = 0
) -> Array:
    """Score every expert; a larger score is held to mean that more depends on the expert.

    Parameters
    ----------
    run : TrainingRun
        The network.
    score : str, or array of shape (k,)
        Your own scores, which are returned; or one of `SCORES`.
        ``router_norm_change``: Δ_s, change of the router's ℓ₂ norm in the last training.
        ``gate_mass``: mean over inputs of the sum of the gates that the expert applies. Where
        experts choose patches, these sum to 1 for every input, and where inputs choose, all are
        the same; then the largest of them.
        ``activation_frequency``: fraction of patches that the expert receives. Where experts
        choose, it is the same for all; then the fraction of its units that fire on what it
        receives, which only ReLUs do.
        ``weight_magnitude``: Frobenius norm of the expert's hidden weights.
        ``curvature``: trace of the Gauss–Newton matrix of the expert's weights,
        E ℓ″(y f)·‖∂f/∂w‖², where ℓ″ is taken as 1 for the hinge, whose curvature is 0.
        ``random``: a random order.
    data : PatchData, optional
        Inputs over which gate mass, activation frequency and curvature are averaged.
    seed : int or SeedSequence
        Of the random order.

    Returns
    -------
    array, shape (k,)

    Raises
    ------
    ValueError
        If the score is unknown, not one number per expert, needs data that are not given,
        or speaks of routers that the
        network does not have.
    DivergenceError
        If the training diverged.

    Notes
    -----
    Source: the change of router norms and its competitors are those of P24 and P26.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5))
    >>> expert_scores(run, "gate_mass", data=data).shape
    (2,)
    """
    check_run(run)
    seed_sequence(seed)
    if data is not None:
        check_samples(data)
    score = check_ranking("score", score, SCORES, run.model.n_experts)
    if not isinstance(score, str):
        return score
    if score in NEED_DATA and data is None:
        raise reject("data", None, f"given, to measure {score}")
    if score == "random":
        return stream(seed, "random score").permutation(run.model.n_experts).astype(np.float64)
    if data is not None:
        return _MEASURED[score](run, data) if score in NEED_DATA else _STATED[score](run)
    return _STATED[score](run)


def check_ranking(
    argument: str, given: str | ArrayLike, names: Sequence[str], n_experts: int
) -> str | Array:
    """Return what ranks experts: one of the ``names``, or one finite number per expert.

    Examples
    --------
    >>> check_ranking("score", [1, 2], SCORES, 2), check_ranking("score", "random", SCORES, 2)
    (array([1., 2.]), 'random')
    """
    if isinstance(given, str):
        return choice(argument, given, names)
    values = real_array(argument, given, "(k,)").astype(np.float64)
    if len(values) != n_experts:
        raise reject(argument, given, f"one of {', '.join(names)}, or {n_experts} numbers")
    return values


def _router_norm_change(run: TrainingRun) -> Array:
    return np.asarray(run.router_norm_change, np.float64)


def _weight_magnitude(run: TrainingRun) -> Array:
    weights = run.weights.experts.astype(np.float64)
    return np.array([norms(weights[own].reshape(-1)) for own in expert_slices(run)])


def _gate_mass(run: TrainingRun, data: PatchData) -> Array:
    gates = received_gates(run, data)
    by_patch = isinstance(run.model, TokenChoiceMoE)
    pooled = gates.sum(axis=1) if by_patch else gates.max(axis=1)
    return np.asarray(pooled.mean(axis=0))


def _activation_frequency(run: TrainingRun, data: PatchData) -> Array:
    taken = received_gates(run, data) > 0
    if isinstance(run.model, SampleMoE | TokenChoiceMoE):
        return np.asarray(taken.mean(axis=(0, 1)))
    if run.model.activation != "relu":
        raise reject("activation", run.model.activation, '"relu", as other units do not fire')
    experts = run.weights.experts
    firing = products(experts, data.dictionary.astype(experts.dtype)) > 0
    out = np.empty(run.model.n_experts)
    for s, own in enumerate(expert_slices(run)):
        out[s] = firing[own].mean(axis=0)[data.indices][taken[:, :, s]].mean()
    return out


def _curvature(run: TrainingRun, data: PatchData) -> Array:
    f = run.predict(data).astype(np.float64)
    decay = exp(-np.abs(f))
    bend = np.ones(len(f)) if run.sgd.loss == "hinge" else decay / (1 + decay) ** 2
    squares = mean_squared_slopes(run, data, bend)
    return np.array([squares[own].sum() for own in expert_slices(run)])


_STATED: dict[str, Callable[[TrainingRun], Array]] = {
    "router_norm_change": _router_norm_change,
    "weight_magnitude": _weight_magnitude,
}
_MEASURED: dict[str, Callable[[TrainingRun, PatchData], Any]] = {
    "gate_mass": _gate_mass,
    "activation_frequency": _activation_frequency,
    "curvature": _curvature,
}
