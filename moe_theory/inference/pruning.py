"""`prune`: leave out the experts that matter least, and `fine_tune` what is left."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._random import Seed
from moe_theory._validation import boolean, instance, real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import A_RUN, check_run, expert_slices
from moe_theory.inference.scores import expert_scores
from moe_theory.models import DenseCNN, SeparateMoE, TokenChoiceMoE, Weights
from moe_theory.training import SGD, TrainingRun, train


@dataclass(frozen=True)
class Pruning:
    """What was pruned.

    Attributes
    ----------
    score : str
        What experts were ranked by; "given" for scores given as numbers.
    ratio : float
        ρ, the fraction of experts asked to be left out.
    kept : tuple of int
        Numbers of the experts kept, of those before this pruning.
    n_before : int
        How many experts there were.
    routers_kept : bool
        Whether the routers of the others are still there, and choose or are chosen for nothing.
    """

    score: str
    ratio: float
    kept: tuple[int, ...]
    n_before: int
    routers_kept: bool = False


def prune(
    run: TrainingRun,
    ratio: float,
    score: str | ArrayLike = "router_norm_change",
    *,
    data: PatchData | None = None,
    seed: Seed = 0,
    keep_routers: bool | None = None,
) -> TrainingRun:
    """Leave out the experts with the smallest scores.

    Parameters
    ----------
    run : TrainingRun
        A network with experts.
    ratio : float
        ρ in [0, 1), the fraction of experts to leave out, of those that are left; ρ·k is rounded
        to the nearest number, and halfway between two of them to the smaller. The released code
        of P24 takes the number itself.
    score : str, or array of shape (k,)
        One of `SCORES`, see `expert_scores`, or scores of your own. Of equal scores the
        experts listed later go first.
    data : PatchData, optional
        Inputs for scores that are averages over inputs.
    seed : int or SeedSequence
        Of the random score.
    keep_routers : bool, optional
        Whether the routers of pruned experts stay, as in the released code of P24: a patch that
        chooses a pruned expert adds nothing to the output, and its other gates do not change.
        Without them, it goes to another expert, with other gates. By default they stay where
        patches choose experts. Where experts choose patches, outputs are the same. Where inputs
        choose, f = 0 of those that choose a pruned expert.

    Returns
    -------
    TrainingRun
        The smaller network; with routers kept, it has as many experts as before, of which the
        pruned ones have weights 0, and stay so in further training. Its history and operations are
        those of the training before. What was done stands in its ``compression``.

    Raises
    ------
    TypeError
        If an argument is another object than it should be, such as a network not trained.
    ValueError
        If no expert would be left, the network has no experts, or as `expert_scores` does.
    DivergenceError
        If the training diverged.

    Notes
    -----
    Routers of separate training come in pairs, so that there pairs are pruned, by the sum of
    their scores. Source: P24 and its released code.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=50))
    >>> small = prune(run, 0.5)
    >>> small.model.n_experts, small.weights.experts.shape
    (2, (4, 10))
    """
    check_run(run)
    run.check_usable()
    model = run.model
    if isinstance(model, DenseCNN):
        raise reject("model", model, "a network with experts that can be left out")
    ratio = real("ratio", ratio, 0, 1)
    values = expert_scores(run, score, data=data, seed=seed)
    stay = isinstance(model, TokenChoiceMoE)
    if keep_routers is not None:
        stay = boolean("keep_routers", keep_routers)
    if stay and model.activation == "linear":
        # Slopes of linear units at weight 0 are not 0.
        allowed = "False for linear experts, as further training would bring them back"
        raise reject("keep_routers", True, allowed)
    kept = _best(run, ratio, values)
    if isinstance(model, TokenChoiceMoE) and not stay and len(kept) < model.n_chosen:
        allowed = f"small enough to leave the {model.n_chosen} experts that each patch chooses"
        raise reject("ratio", ratio, allowed)
    name = score if isinstance(score, str) else "given"
    done = Pruning(name, ratio, tuple(int(s) for s in kept), model.n_experts, stay)
    silenced = _silenced(run, kept) if stay else _without(run, kept)
    return replace(silenced, compression=(*run.compression, done))


def working_experts(run: TrainingRun) -> NDArray[np.bool_]:
    """Return which experts were not pruned, of those whose routers are there, shape (k,).

    Examples
    --------
    >>> from moe_theory import SGD, PatchPatterns, TokenChoiceMoE, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(TokenChoiceMoE(4, 8), data, SGD(1.0, 10, n_steps=50))
    >>> working_experts(prune(run, 0.5, [1.0, 2.0, 3.0, 4.0])).tolist()
    [False, False, True, True]
    """
    check_run(run)
    working = None
    for step in run.compression:
        if isinstance(step, Pruning):
            left = np.isin(np.arange(step.n_before), step.kept)
            working = left if step.routers_kept else np.ones(len(step.kept), bool)
    return np.ones(run.model.n_experts, bool) if working is None else working


def _best(run: TrainingRun, ratio: float, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the numbers of the experts of the largest scores, in pairs where these are trained."""
    together = 2 if isinstance(run.model, SeparateMoE) else 1
    grouped = values.reshape(-1, together).sum(axis=1)
    here = np.flatnonzero(working_experts(run).reshape(-1, together)[:, 0])
    n_kept = len(here) - nearest(ratio, len(here))
    if n_kept < 1:
        groups = "pairs of experts" if together > 1 else "experts"
        raise reject("ratio", ratio, f"small enough to leave one of {len(here)} {groups}")
    best = np.sort(here[np.argsort(-grouped[here], kind="stable")[:n_kept]])
    kept: NDArray[np.int64] = (best[:, None] * together + np.arange(together)).ravel()
    return kept


def _without(run: TrainingRun, kept: NDArray[np.int64]) -> TrainingRun:
    """Return the network of the experts ``kept`` alone."""
    model: Any = run.model
    units = np.concatenate([np.arange(model.n_hidden)[expert_slices(run)[s]] for s in kept])
    n_hidden = len(kept) * model.units_per_expert
    return replace(
        run,
        model=replace(model, n_experts=len(kept), n_hidden=n_hidden),
        initial=_select(run.initial, kept, units),
        weights=_select(run.weights, kept, units),
    )


def _silenced(run: TrainingRun, kept: NDArray[np.int64]) -> TrainingRun:
    """Return the network in which all experts but those ``kept`` have hidden weights 0."""
    experts = run.weights.experts.copy()
    for s, own in enumerate(expert_slices(run)):
        if s not in kept:
            experts[own] = 0
    return replace(run, weights=replace(run.weights, experts=experts))


def nearest(ratio: float, n_groups: int) -> int:
    """Return the number nearest to ``ratio`` · ``n_groups``, the smaller of two equally near ones.

    Examples
    --------
    >>> [nearest(0.5, n) for n in (3, 4, 5, 7)], nearest(5 / 12, 6)
    ([1, 2, 2, 3], 2)
    """
    # Halfway is halfway, whatever the last bit of the product.
    return math.ceil(ratio * n_groups - 0.5 - 1e-9)


def fine_tune(
    run: TrainingRun, data: PatchData, sgd: SGD, seed: Seed = 0, **options: Any
) -> TrainingRun:
    """Train a network further, from the weights that it has.

    Parameters
    ----------
    run : TrainingRun
        The network; its weights become the initial ones of the result, so that
        ``router_norm_change`` of the result is that of the fine-tuning.
    data, sgd, seed, **options
        As for `train`.

    Returns
    -------
    TrainingRun
        It lists what was pruned before; weights that were quantized no longer are.

    Raises
    ------
    ValueError
        As `train` does.
    DivergenceError
        If ``run`` diverged, or as `train` does.

    Notes
    -----
    Source: the order, train, prune, fine-tune, is that of P24; the tasks are a modelling choice.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, TaskPatterns, train
    >>> tasks, sgd = TaskPatterns(4, 8, 12), SGD(1.0, 10, n_steps=50)
    >>> run = train(JointMoE(4, 8, 3), tasks.sample(40, seed=0), sgd)
    >>> tuned = fine_tune(prune(run, 0.5), tasks.only(0).sample(40, seed=1), sgd)
    >>> tuned.model.n_experts, tuned.router_norm_change.shape
    (2, (2,))
    """
    instance("run", run, TrainingRun, A_RUN)
    run.check_usable()
    tuned = train(run.model, data, sgd, seed, initial=run.weights, **options)
    pruned = tuple(step for step in run.compression if isinstance(step, Pruning))
    return replace(tuned, compression=pruned)


def _select(weights: Weights, experts: Any, units: Any) -> Weights:
    assert weights.routers is not None
    bias = None if weights.bias is None else weights.bias[experts]
    routers = weights.routers[experts]
    return Weights(weights.experts[units], weights.output[units], routers, bias)
