"""`prune`: leave out the experts that matter least, and `fine_tune` what is left."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moe_theory._random import Seed
from moe_theory._validation import real, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import check_run, expert_slices
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
    """

    score: str
    ratio: float
    kept: tuple[int, ...]
    n_before: int


def prune(
    run: TrainingRun,
    ratio: float,
    score: str | ArrayLike = "router_norm_change",
    *,
    data: PatchData | None = None,
    seed: Seed = 0,
) -> TrainingRun:
    """Leave out the experts with the smallest scores, their routers too.

    Parameters
    ----------
    run : TrainingRun
        A network with experts.
    ratio : float
        ρ in [0, 1), the fraction of experts to leave out; ρ·k is rounded to the nearest number,
        and halfway between two of them to the smaller.
    score : str, or array of shape (k,)
        One of `SCORES`, see `expert_scores`, or scores of your own. Of equal scores the
        experts listed later go first.
    data : PatchData, optional
        Inputs for scores that are averages over inputs.
    seed : int or SeedSequence
        Of the random score.

    Returns
    -------
    TrainingRun
        The smaller network; its history and operations are those of the training before. What
        was done stands in its ``compression``.

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
    their scores. Pruning by router norms is P24's.

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
    together = 2 if isinstance(model, SeparateMoE) else 1
    n_groups = model.n_experts // together
    n_kept = n_groups - nearest(ratio, n_groups)
    if n_kept < 1:
        groups = "pairs of experts" if together > 1 else "experts"
        raise reject("ratio", ratio, f"small enough to leave one of {n_groups} {groups}")
    if isinstance(model, TokenChoiceMoE) and n_kept < model.n_chosen:
        allowed = f"small enough to leave the {model.n_chosen} experts that each patch chooses"
        raise reject("ratio", ratio, allowed)
    grouped = values.reshape(n_groups, together).sum(axis=1)
    name = score if isinstance(score, str) else "given"
    best = np.sort(np.argsort(-grouped, kind="stable")[:n_kept])
    kept = (best[:, None] * together + np.arange(together)).ravel()
    units = np.concatenate([np.arange(model.n_hidden)[expert_slices(run)[s]] for s in kept])
    n_hidden = len(kept) * model.units_per_expert
    return replace(
        run,
        model=replace(model, n_experts=len(kept), n_hidden=n_hidden),
        initial=_select(run.initial, kept, units),
        weights=_select(run.weights, kept, units),
        compression=(
            *run.compression,
            Pruning(name, ratio, tuple(int(s) for s in kept), model.n_experts),
        ),
    )


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
    check_run(run)
    run.check_usable()
    tuned = train(run.model, data, sgd, seed, initial=run.weights, **options)
    pruned = tuple(step for step in run.compression if isinstance(step, Pruning))
    return replace(tuned, compression=pruned)


def _select(weights: Weights, experts: Any, units: Any) -> Weights:
    assert weights.routers is not None
    return Weights(weights.experts[units], weights.output[units], weights.routers[experts])
