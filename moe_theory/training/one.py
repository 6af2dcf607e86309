"""`train`: one network, one data set, one seed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import numpy as np

from moe_theory._arguments import check_shapes
from moe_theory._random import Seed, seed_sequence
from moe_theory._validation import boolean, choice
from moe_theory.costs import Flops
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.state import DONE, FITTED, NEVER, REACHED
from moe_theory.models import Model, Weights
from moe_theory.training.checks import check_fit, check_initial, check_ties
from moe_theory.training.failures import DivergenceError, warn_if_dead
from moe_theory.training.flops import expert_flops
from moe_theory.training.gram import suits_pattern_space
from moe_theory.training.history import History
from moe_theory.training.pattern import PatternTrainee
from moe_theory.training.raw import RawTrainee
from moe_theory.training.recording import Trainee
from moe_theory.training.router_training import train_routers
from moe_theory.training.run import TrainingRun
from moe_theory.training.sgd import SGD
from moe_theory.training.steps import run_steps
from moe_theory.training.work import largest_call

Engine = Literal["auto", "raw", "pattern"]


def train(
    model: Model,
    data: PatchData,
    sgd: SGD,
    seed: Seed = 0,
    *,
    initial: Weights | None = None,
    test: PatchData | None = None,
    router_data: PatchData | None = None,
    raise_on_divergence: bool = True,
    engine: Engine = "auto",
    progress: bool = False,
) -> TrainingRun:
    """Train ``model`` on ``data``.

    Parameters
    ----------
    model : DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE
        The architecture.
    data : PatchData
        Training samples.
    sgd : SGD
        Settings of the training.
    seed : int or SeedSequence
        Draws initial weights, batches and, where asked for, the split of the samples.
    initial : Weights, optional
        Where to start, in fine-tuning for instance, instead of at weights drawn from the seed.
    test : PatchData, optional
        Samples whose loss and error the history records.
    router_data : PatchData, optional
        Samples that train separate routers; needed by ``router_samples="held_out"``, and only
        then allowed.
    raise_on_divergence : bool
        Raise, or return a run that says where it diverged and gives no predictions.
    engine : {"auto", "raw", "pattern"}
        Where to train: on raw patches, or in the space of the patterns, which gives the same
        trajectory up to rounding; by default where it is faster. Joint training amplifies rounding
        where patches swap at the edge of a top-l set: single runs compare in float64 only.
    progress : bool
        Show a bar of the steps on standard error, if they take longer than a second.

    Returns
    -------
    TrainingRun

    Raises
    ------
    TypeError
        If an argument is another object than it should be, such as a law in place of samples.
    ValueError
        If data and settings do not fit together.
    DivergenceError
        If an output or a weight stops being finite; see `TrainingRun`.

    Warns
    -----
    DeadNetworkWarning
        If the outputs are exactly 0 on most training or test samples at the end.

    Notes
    -----
    Source: the order of training, routers before experts or both together, is that of P23.

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> from moe_theory.models import DenseCNN
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=64, patch_dim=66)
    >>> sgd = SGD(learning_rate=1.0, batch_size=20, n_epochs=50)
    >>> run = train(DenseCNN(n_hidden=10), patterns.sample(200, seed=1), sgd, seed=1)
    >>> run.error(patterns.sample(1000, seed=1, split="test")) < 0.05
    True
    """
    started = time.perf_counter()
    check_fit(model, data, sgd, test, router_data)
    choice("engine", engine, ("auto", "raw", "pattern"))
    boolean("raise_on_divergence", raise_on_divergence)
    boolean("progress", progress)
    seed_sequence(seed)
    if initial is not None:
        check_initial(initial)
    # Numbers that are too large are reported as divergence, and not as a warning before it.
    with np.errstate(over="ignore", invalid="ignore"):
        if initial is None:
            initial = model.initial_weights(data.patch_dim, seed)
        else:
            check_shapes("initial", initial, model, data.patch_dim)
        initial = initial.astype(sgd.dtype)
        check_ties(model, initial, data.n_patches, noise_ends=sgd.noise_steps is not None)
        weights, own, spent = initial, data, Flops(0)
        if model.routers_first:
            weights, own, spent = train_routers(
                model, initial, data, sgd, seed, router_data=router_data
            )
        in_patterns = _in_pattern_space(engine, own)
        space = PatternTrainee if in_patterns else RawTrainee
        trainee: Trainee = space(model, sgd, weights, own)
        call = largest_call(model, own, sgd, in_pattern_space=in_patterns)
        recorded, diverged_at = run_steps(trainee, test, seed, call, progress=progress)
        trained = trainee.weights()
    if diverged_at is not None and raise_on_divergence:
        raise DivergenceError(
            f"outputs or weights stopped being finite at step {diverged_at}; "
            f"try a learning_rate below {sgd.learning_rate:g}"
        )
    if diverged_at is None:
        _warn_if_dead(trainee, recorded, test)
    n_steps = int(trainee.state.marks[DONE])
    biased = trained.bias is not None
    whole = seed_sequence(seed)
    return TrainingRun(
        model=model,
        sgd=sgd,
        seed=(whole.entropy, tuple(whole.spawn_key)),
        n_train=own.n_samples,
        n_patches=data.n_patches,
        patch_dim=data.patch_dim,
        initial=initial,
        weights=trained,
        history=recorded,
        n_steps=n_steps,
        steps_to_zero_error=_step(trainee, FITTED),
        steps_to_loss=_step(trainee, REACHED),
        flops=replace(spent, experts=expert_flops(model, own, sgd, n_steps, biased=biased)),
        wall_time=time.perf_counter() - started,
        diverged_at=diverged_at,
    )


def _warn_if_dead(trainee: Trainee, recorded: History, test: PatchData | None) -> None:
    """Warn of outputs that are 0 on most inputs, which are then also an error above one half."""
    if recorded.train_error[-1] > 0.5:
        warn_if_dead(trainee.outputs(trainee.inputs))
    elif test is not None and recorded.test_error is not None and recorded.test_error[-1] > 0.5:
        warn_if_dead(trainee.outputs(trainee.prepare(test)))


def _in_pattern_space(engine: Engine, data: PatchData) -> bool:
    return engine == "pattern" or (engine == "auto" and suits_pattern_space(data))


def _step(trainee: Trainee, entry: int) -> int | None:
    """Return a step that the kernel noted, or None."""
    noted = int(trainee.state.marks[entry])
    return None if noted == NEVER else noted
