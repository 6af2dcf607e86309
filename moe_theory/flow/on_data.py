"""`gradient_flow`: full-batch training in the limit of small steps, on a given data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._random import Seed, seed_sequence
from moe_theory._validation import choice, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.flow.measure import Observer, average_over, check_followed
from moe_theory.flow.ode import (
    Correction,
    Departure,
    PatternFlow,
    Patterns,
    Tolerances,
    check_dictionary,
    check_same_dictionary,
    check_times,
)
from moe_theory.flow.result import Flow
from moe_theory.flow.weighted_inputs import discriminative_rows, of_data
from moe_theory.models import Model, SeparateMoE, Weights
from moe_theory.predictions.routers.after_training import trained_routers
from moe_theory.training.checks import check_fit, check_ties
from moe_theory.training.sgd import SGD

N_TIMES = 101


def gradient_flow(
    model: Model,
    data: PatchData,
    sgd: SGD,
    seed: Seed = 0,
    *,
    test: PatchData | None = None,
    router_data: PatchData | None = None,
    times: ArrayLike | None = None,
    correction: Correction = "none",
    tolerances: Tolerances | None = None,
) -> Flow:
    """Follow the gradient flow of the mean loss over ``data`` in time τ = learning rate × steps.

    It starts from the weights with which ``train(model, data, sgd, seed)`` starts, and is the limit
    of that training for small steps and full batches.

    Parameters
    ----------
    model : DenseCNN, SeparateMoE or JointMoE
        The architecture. Separate routers are those at the end of their own training.
    data : PatchData
        Samples on a finite dictionary, each class with one discriminative pattern.
    sgd : SGD
        Loss, learning rates, number of steps and router training.
    seed : int or SeedSequence
        As for `train`; it draws the initial weights.
    test : PatchData, optional
        Samples on the same dictionary whose loss and error are measured.
    router_data : PatchData, optional
        As for `train`.
    times : array, optional
        Times τ at which to measure, from 0 on. By default those of the steps that ``sgd`` records,
        or 101 times up to that of its last step if it sets no ``record``.
    correction : {"none", "step", "batch"}
        Flow on the loss itself; on the loss that steps of finite size descend, which is off by
        O(η²) rather than O(η); or, for shuffled batches too, their mean (dense and separate
        networks on orthogonal patterns, B a divisor of N).
    tolerances : Tolerances, optional
        How finely to integrate.

    Returns
    -------
    Flow

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    FlowError
        If the integration does not reach the end.

    Notes
    -----
    Where a pre-activation passes 0 the velocity jumps, and where two patches swap at the edge of a
    top-l set the loss itself does. The adaptive solver finds these places by rejecting steps; the
    error of each is within the tolerances.

    Source: derived in docs/theory/dynamics.md.

    Examples
    --------
    >>> from moe_theory import DenseCNN, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> sgd = SGD(0.05, batch_size=20, n_steps=800, record=100, dtype="float64")
    >>> flow = gradient_flow(DenseCNN(10), data, sgd, seed=3)
    >>> run = train(DenseCNN(10), data, sgd, seed=3)
    >>> bool(np.abs(flow.loss - run.history.train_loss).max() < 1e-3)
    True
    """
    check_flow(model, data, sgd, test, router_data)
    seed_sequence(seed)
    inputs = of_data(data)
    rows = discriminative_rows(inputs)
    with single_blas_thread():
        start = initial_weights(model, data.n_patches, data.patch_dim, sgd, seed)
        if isinstance(model, SeparateMoE):
            routers = trained_routers(model, router_data or data, sgd, start)
            start = Weights(start.experts, start.output, routers)
        patterns = Patterns(data.dictionary)
        system = PatternFlow(
            model,
            average_over(model, inputs, patterns, start, sgd.loss),
            patterns,
            start,
            router_ratio=sgd.router_rate / sgd.learning_rate,
            departure=departure(correction, model, sgd, patterns, data.n_samples),
            tolerances=tolerances,
        )
        when = flow_times(sgd, data.n_samples) if times is None else check_times(times)
        states, count = system.solve(when)
    shown = inputs if model.has_routers else None
    return Observer(rows, shown, test, None, sgd.loss).flow(system, when, states, count)


def initial_weights(model: Model, n_patches: int, patch_dim: int, sgd: SGD, seed: Seed) -> Weights:
    """Return the weights with which `train` starts, rounded to its type, in float64."""
    drawn = model.initial_weights(patch_dim, seed)
    check_ties(model, drawn, n_patches)
    return drawn.astype(sgd.dtype).astype(np.float64)


def flow_times(sgd: SGD, n_samples: int) -> NDArray[np.float64]:
    """Return the times of the recorded steps, or evenly spaced ones."""
    n_steps = sgd.steps(n_samples)
    if sgd.record is None:
        return np.linspace(0.0, sgd.learning_rate * n_steps, N_TIMES)
    return sgd.learning_rate * np.array(sgd.record_steps(n_steps), dtype=np.float64)


def departure(
    correction: str, model: Model, sgd: SGD, patterns: Patterns, n_samples: int
) -> Departure:
    """Return what finite steps and batches change in the flow, see docs/theory/dynamics.md.

    Raises
    ------
    ValueError
        If the correction is unknown, or does not hold for this training.
    """
    choice("correction", correction, ("none", "step", "batch"))
    half = sgd.learning_rate / 2
    if correction == "none":
        return Departure()
    if correction == "step" or sgd.batch_size >= n_samples:
        return Departure(look=half)
    if model.learns_routers or not patterns.orthogonal:
        allowed = '"none" or "step": "batch" is for fixed routing and orthogonal patterns'
        raise reject("correction", correction, allowed)
    if n_samples % sgd.batch_size:
        allowed = f"a divisor of N = {n_samples}, so that all batches are alike"
        raise reject("batch_size", sgd.batch_size, allowed)
    share = (n_samples - sgd.batch_size) / (sgd.batch_size * (n_samples - 1))
    return Departure(look=half * (1 - share), spread=half * share)


def check_flow(
    model: Model, data: PatchData, sgd: SGD, test: PatchData | None, router_data: PatchData | None
) -> None:
    """Raise an error unless network, data and settings fit together."""
    check_fit(model, data, sgd, test, router_data)
    check_followed(model, sgd)
    check_dictionary(data.dictionary)
    if test is not None:
        check_same_dictionary("test", test, data.dictionary)
