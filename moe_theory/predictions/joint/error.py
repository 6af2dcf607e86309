"""`joint_error`: jointly trained networks, by the flow of one number per expert and pattern."""

from __future__ import annotations

import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._cores import n_cores
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import integer
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import JointMoE
from moe_theory.predictions.joint.kernel_arguments import Course, Experts, Inputs
from moe_theory.predictions.joint.kernels import follow_flow, gated_means, new_sums
from moe_theory.predictions.joint.setting import LARGEST_STEP, JointSetting, joint_setting
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

N_DRAWS, N_FRESH = 64, 60
# An error is known to three digits by then, after an hour.
MOST_DRAWS = 10**6
# The solver's accuracy: steps grow to a twentieth of the time gone by, and in none of them does a
# score move by more than ½ or the loss fall by more than half.
STEP_GROWTH, LARGEST_MOVE = 0.05, 0.5
# A gate that makes its expert a specialist, and how many trainings may end above the loss.
SPECIAL, FEW_UNFINISHED = 0.5, 0.2


@dataclass(frozen=True)
class JointError(PredictedError):
    """The error at the end of joint training, and why it is what it is.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`, means over trainings.
    standard_error : float
        Of ``error``, from the finite number of trainings drawn.
    specialists : float
        Mean number of experts per class that give its discriminative patch a mean gate above ½.
    lacking : float
        Share of the trainings in which some class has no specialist.
    error_lacking, error_served : float
        ε of these trainings, and of the others; nan where there are none.
    n_steps : float
        Median number of SGD steps.
    unfinished : float
        Share of the trainings that end above ``stop_loss``: for lack of steps, or as the flow is
        stuck where patches swap places.
    n_draws : int
        Number of trainings drawn.

    Notes
    -----
    Source: derived in docs/theory/joint.md.

    Examples
    --------
    >>> found = JointError(0.1, 0.1, 0.1, 0.01, 1.2, 0.4, 0.22, 0.02, 950.0, 0.0, 96)
    >>> found.lacking
    0.4
    """

    standard_error: float
    specialists: float
    lacking: float
    error_lacking: float
    error_served: float
    n_steps: float
    unfinished: float
    n_draws: int


@typed
def joint_error(
    patterns: PatchPatterns, model: JointMoE, sgd: SGD, n_train: int, n_draws: int = N_DRAWS
) -> JointError:
    """Return the expected test error of a jointly trained network.

    The expectation is over training samples, initial weights, batches and the fresh input. No
    parameter is fitted. Trainings differ widely, as they depend on whether some expert's router
    finds the discriminative patch of a class before it settles on other patterns. So a small
    stochastic model is averaged: the flow of one number u per expert and pattern and of the
    routers' scores, in steps that are single ones of SGD only as long as these count.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0, p >= 16; any classes.
    model : JointMoE
        With ``output_weights="signs"`` and a small ``init_std``.
    sgd : SGD
        Logistic loss and a ``stop_loss``.
    n_train : int
        N >= 2.
    n_draws : int
        Number of trainings to average, from 2 to a million; ``standard_error`` falls with its root.

    Returns
    -------
    JointError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Warns
    -----
    UserWarning
        If many trainings end before ``stop_loss``, so that gates may still be moving; or if
        the rate is so large that the end of the training is no flow.

    Notes
    -----
    Takes 2 to 5 ms per draw and core at k = 8, n = 64; more for large l and for N far above B.
    Equal arguments give equal results, and calls that differ in N share weights and samples.

    Source: derived in docs/theory/joint.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=128, patch_dim=130)
    >>> sgd = SGD(0.2 * 8, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> few, many = (joint_error(patterns, JointMoE(8, 40, 8), sgd, n) for n in (6, 16))
    >>> few.error > 5 * many.error
    True
    """
    setting = joint_setting(patterns, model, sgd, n_train)
    n_draws = integer("n_draws", n_draws, 2, MOST_DRAWS)
    found = _average(setting, n_draws)
    if found.unfinished > FEW_UNFINISHED:
        _warn(
            f"{found.unfinished:.0%} of the trainings do not reach stop_loss {sgd.stop_loss}: "
            f"{setting.n_steps} steps are too few, or patches swap places for ever; in either "
            "case gates and units may still be moving"
        )
    if setting.margin_step > LARGEST_STEP:
        _warn(
            f"learning_rate {sgd.learning_rate:g} can change margins by "
            f"{setting.margin_step:.2g} in one step, which is no flow"
        )
    return found


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


@lru_cache(maxsize=512)
def _average(setting: JointSetting, n_draws: int) -> JointError:
    with ThreadPoolExecutor(n_cores()) as pool:
        draws = np.array(list(pool.map(lambda seed: _train(setting, seed), range(n_draws))))
    wrong, special, loss, steps = draws[:, :2], draws[:, 2:4], draws[:, 4], draws[:, 5]
    fraction = setting.positive_fraction
    errors = fraction * wrong[:, 0] + (1 - fraction) * wrong[:, 1]
    lacking = (special == 0).any(axis=1)
    return JointError(
        error=float(errors.mean()),
        standard_error=float(errors.std(ddof=1) / math.sqrt(n_draws)),
        positive=float(wrong[:, 0].mean()),
        negative=float(wrong[:, 1].mean()),
        specialists=float(special.mean()),
        lacking=float(lacking.mean()),
        error_lacking=float(errors[lacking].mean()) if lacking.any() else math.nan,
        error_served=float(errors[~lacking].mean()) if not lacking.all() else math.nan,
        n_steps=float(np.median(steps)),
        unfinished=float((loss > setting.target).mean()),
        n_draws=n_draws,
    )


def _train(setting: JointSetting, seed: int) -> tuple[float, ...]:
    """Follow one training; return the errors and specialists by class, the loss and the steps."""
    experts, time, loss = follow(setting, seed)
    wrong, special = _test(setting, seed, experts)
    return (*wrong, *special, loss, time / setting.rate)


def follow(s: JointSetting, seed: int) -> tuple[Experts, float, float]:
    """Draw a training and follow it to its end; return the experts, the time η·t, the mean loss.

    Equal seeds share weights and samples.
    """
    up, up_start, down, down_start = _draw_units(s, seed)
    shape = (s.n_experts, s.p + 2)
    scores = s.router_init_std * stream(seed, "joint routers").standard_normal(shape)
    weights, values, gains = np.empty((3, *shape))
    experts = Experts(
        scores, weights, values, gains, np.zeros(shape), up, up_start, down, down_start
    )
    patterns, labels = _draw_inputs(s, s.n_train, seed, "joint samples", _classes(s, seed))
    inputs = Inputs(np.repeat(patterns[None], s.n_experts, axis=0), labels, s.n_routed)
    order, bounds = _batches(s, seed)
    longest = s.n_steps * s.rate
    course = Course(
        order, bounds, s.rate, s.rate_ratio, s.scale, s.target, longest, STEP_GROWTH, LARGEST_MOVE
    )
    time, loss = follow_flow(inputs, experts, course)
    return experts, time, loss


def _draw_units(s: JointSetting, seed: int) -> list[Array]:
    """Return per expert and pattern the numbers of active units and their initial sums, by sign."""
    signs = np.where(np.arange(s.n_experts * s.units) % 2 == 0, 1, -1).reshape(s.n_experts, -1, 1)
    start = stream(seed, "joint units").standard_normal((s.n_experts, s.units, s.p + 2))
    start = s.init_std * np.maximum(start, 0)
    drawn = []
    for sign in (1, -1):
        mine = start * (signs == sign)
        drawn += [(mine > 0).sum(axis=1).astype(float), mine.sum(axis=1)]
    return drawn


def _draw_inputs(
    s: JointSetting, n_inputs: int, seed: int, name: str, classes: Array | None = None
) -> tuple[Array, Array]:
    """Return the patterns of inputs, the discriminative one (0 or 1) first, and the labels.

    Classes alternate unless they are given.
    """
    inputs = stream(seed, name).integers(2, s.p + 2, (n_inputs, s.n))
    inputs[:, 0] = _alternating(n_inputs, seed) if classes is None else classes
    return inputs, 1.0 - 2.0 * inputs[:, 0]


def _alternating(n_inputs: int, seed: int) -> Array:
    """Return 0 and 1 in turn; an odd one out is of either class."""
    found: Array = (np.arange(n_inputs) + seed) % 2
    return found


def _classes(s: JointSetting, seed: int) -> Array:
    """Return the classes of the training samples, 0 for y = +1; more samples extend them."""
    if not s.balanced:
        drawn = stream(seed, "joint labels").random(s.n_train) >= s.positive_fraction
        return np.where(drawn, 1, 0)
    if s.positive_fraction == 0.5:
        return _alternating(s.n_train, seed)
    # The number of positive ones is the nearest to its mean; a tie goes either way.
    tie = 0.5 if seed % 2 else 0.5 - 1e-9
    positive = np.floor(np.arange(s.n_train + 1) * s.positive_fraction + tie)
    nearest: Array = 1 - np.diff(positive).astype(np.int64)
    return nearest


def _batches(s: JointSetting, seed: int) -> tuple[Array, Array]:
    """Return the order of the samples over the exact steps and where each batch begins."""
    n_epochs = math.ceil(s.n_exact / s.per_epoch)
    rng = stream(seed, "joint batches")
    order = rng.permuted(np.tile(np.arange(s.n_train), (n_epochs, 1)), axis=1).ravel()
    ends = np.minimum(np.arange(1, s.per_epoch + 1) * s.batch_size, s.n_train)
    bounds = (np.arange(n_epochs)[:, None] * s.n_train + ends).ravel()
    return order, np.concatenate([[0], bounds])[: s.n_exact + 1]


def _test(s: JointSetting, seed: int, experts: Experts) -> tuple[Array, Array]:
    """Return the error and the number of specialists of each class, on fresh inputs."""
    patterns, labels = _draw_inputs(s, N_FRESH, seed, "joint fresh")
    classes = patterns[:, 0]
    inputs = Inputs(np.repeat(patterns[None], s.n_experts, axis=0), labels, s.n_routed)
    sums = new_sums(s.n_experts, N_FRESH, s.p + 2)
    everyone, out, special = np.arange(N_FRESH), np.zeros(N_FRESH), np.zeros(2)
    for e in range(s.n_experts):
        gated_means(everyone, inputs, experts, sums, e)
        out += sums.means[e]
        kept = (inputs.members[e, :, : s.n_routed] == classes[:, None]).any(axis=1)
        gates = kept * experts.weights[e, classes] / sums.totals[e]
        special += [gates[classes == side].mean() > SPECIAL for side in (0, 1)]
    wrong = np.array([(labels * out <= 0)[classes == side].mean() for side in (0, 1)])
    return wrong, special
