"""`sgd_path`: the curves of a `Flow`, measured along a training by SGD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._random import Seed, seed_sequence, stream
from moe_theory.data.patch_data import PatchData
from moe_theory.flow.measure import Observer, average_over
from moe_theory.flow.ode import PatternFlow, Patterns
from moe_theory.flow.on_data import check_flow, initial_weights
from moe_theory.flow.result import Flow
from moe_theory.flow.weighted_inputs import discriminative_rows, of_data
from moe_theory.models import Model, Weights
from moe_theory.training.batches import blocks
from moe_theory.training.failures import DivergenceError
from moe_theory.training.pattern import PatternTrainee
from moe_theory.training.router_training import train_routers
from moe_theory.training.sgd import SGD

Array = NDArray[np.float64]


def sgd_path(
    model: Model,
    data: PatchData,
    sgd: SGD,
    seed: Seed = 0,
    *,
    batch_seed: Seed | None = None,
    test: PatchData | None = None,
    router_data: PatchData | None = None,
) -> Flow:
    """Train as ``train(model, data, sgd, seed)`` does and measure what a `Flow` holds.

    Parameters
    ----------
    model, data, sgd, seed, test, router_data
        As for `train`, on data that `gradient_flow` takes; ``sgd.record`` sets the times. Early
        stops are not heeded.
    batch_seed : int or SeedSequence, optional
        Draws the batches of the experts instead of ``seed``, to see what they alone do.

    Returns
    -------
    Flow
        At times τ = learning rate × steps.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    DivergenceError
        If an output or a weight stops being finite.

    Notes
    -----
    Source: derived in docs/theory/dynamics.md.

    Examples
    --------
    >>> from moe_theory import DenseCNN, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> sgd = SGD(0.5, batch_size=5, n_steps=90, record=30, dtype="float64")
    >>> path, run = sgd_path(DenseCNN(10), data, sgd, 3), train(DenseCNN(10), data, sgd, 3)
    >>> bool(np.allclose(path.loss, run.history.train_loss, rtol=0, atol=1e-12))
    True
    """
    check_flow(model, data, sgd, test, router_data)
    seed_sequence(seed)
    if batch_seed is not None:
        seed_sequence(batch_seed, "batch_seed")
    with single_blas_thread():
        start, own = initial_weights(model, data.n_patches, data.patch_dim, sgd, seed), data
        typed = start.astype(sgd.dtype)
        if model.routers_first:
            typed, own, _ = train_routers(model, typed, data, sgd, seed, router_data=router_data)
        inputs = of_data(own)
        rows = discriminative_rows(inputs)
        patterns = Patterns(data.dictionary)
        system = PatternFlow(
            model, average_over(model, inputs, patterns, typed, sgd.loss), patterns, typed
        )
        steps, states = _states(
            PatternTrainee(model, sgd, typed, own),
            system,
            stream(seed if batch_seed is None else batch_seed, "batches"),
            own.n_samples,
        )
    shown = inputs if model.has_routers else None
    observer = Observer(rows, shown, test, None, sgd.loss)
    return observer.flow(system, sgd.learning_rate * steps, states, int(steps[-1]))


def _states(
    trainee: PatternTrainee, system: PatternFlow, rng: np.random.Generator, n_samples: int
) -> tuple[Array, Array]:
    """Return the recorded steps and the states there."""
    sgd = trainee.sgd
    n_steps = sgd.steps(n_samples)
    due = sgd.record_steps(n_steps)
    found, done = [system.initial()], 0
    for block in blocks(n_samples, sgd.batch_size, n_steps, rng):
        total = len(block.bounds) - 1
        inside = [step - done for step in due if done < step < done + total]
        for first, last in zip([0, *inside], [*inside, total], strict=True):
            if not trainee.advance(block.part(first, last)):
                raise DivergenceError(f"training diverged; learning_rate = {sgd.learning_rate:g}")
            if done + last in due:
                found.append(_project(trainee.weights(), system))
        done += total
    return np.array(due, dtype=np.float64), np.stack(found)


def _project(weights: Weights, system: PatternFlow) -> Array:
    """Return the products of ``weights`` with the patterns, as a state."""
    parts = [weights.experts]
    if system.scores0 is not None and weights.routers is not None:
        parts.append(weights.routers)
    products = [part.astype(np.float64) @ system.patterns.dictionary.T for part in parts]
    return np.concatenate([product.ravel() for product in products])
