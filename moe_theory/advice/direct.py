"""N*(ε) and steps predicted for the data asked for, where the table does not hold them."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import joblib

from moe_theory._cores import n_cores
from moe_theory._progress import progress_bar
from moe_theory.advice.answers import NoPrediction, Predicted
from moe_theory.advice.conventions import network_of, networks, training_of
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import JointMoE
from moe_theory.predictions import JointError, TrainedError, joint_error, trained_error
from moe_theory.predictions.joint.setting import joint_setting
from moe_theory.predictions.sample_search import bracket
from moe_theory.predictions.trained.setting import fewest_samples, trained_setting

# No network is asked for more samples; by this share N around N* differ, as in the table.
LARGEST_N, RESOLUTION = 1024, 0.45
LEAST_ERROR = 1e-4
# Trainings that never reach the loss are left out of a prediction, which holds for the others only.
MOST_FAILURES = 0.25

Key = tuple[str, int, int]
Answer = Predicted | NoPrediction
Error = JointError | TrainedError


class _StuckError(Exception):
    """Too many trainings never reach the loss at which they should stop."""


@lru_cache(maxsize=32)
def predicted_directly(
    patterns: PatchPatterns, epsilon: float, n_workers: int | None = None, *, progress: bool = False
) -> tuple[Answer, ...]:
    """Return N*(ε) of all networks of `networks`, predicted for these data.

    Parameters
    ----------
    patterns : PatchPatterns
    epsilon : float
        ε.
    n_workers : int, optional
        Processes; all cores by default.
    progress : bool
        Whether to show a progress bar.

    Examples
    --------
    >>> patterns = PatchPatterns(4, 16, 18, spread=0.1)
    >>> dense, *_ = predicted_directly(patterns, 0.1)
    >>> dense.reason
    'spread must be 0: the theory is for a finite dictionary; got 0.1'
    """
    keys = networks(patterns.n_patches)
    answers: dict[Key, Answer] = {}
    for key in keys:
        if reason := refusal(patterns, key):
            answers[key] = NoPrediction(*key, reason)
    # Large l take most time, and are begun with.
    left = [key for key in reversed(keys) if key not in answers]
    if left:
        workers = min(n_workers or n_cores(), len(left))
        jobs = joblib.Parallel(workers, return_as="generator_unordered")(
            joblib.delayed(samples_of)(patterns, key, epsilon) for key in left
        )
        with progress_bar(len(left), "network", shown=progress, delay=1.0) as bar:
            for answer in jobs:
                answers[answer.arm, answer.n_routed, answer.n_experts] = answer
                bar.update()
    return tuple(answers[key] for key in keys)


def refusal(patterns: PatchPatterns, key: Key) -> str:
    """Return the assumption that fails for a network on these data, or nothing.

    Examples
    --------
    >>> refusal(PatchPatterns(16, 64, 66, delta_d=0.5), ("joint", 8, 8))
    'delta_d must be 0: patterns must learn apart from each other; got 0.5'
    >>> refusal(PatchPatterns(16, 64, 66, delta_d=0.5), ("separate", 4, 2))
    ''
    """
    network, sgd = network_of(*key), training_of(key[1])
    n_train = fewest_samples(patterns)
    try:
        if isinstance(network, JointMoE):
            joint_setting(patterns, network, sgd, n_train)
        else:
            trained_setting(patterns, network, sgd, n_train)
    except ValueError as error:
        return str(error)
    return ""


def samples_of(patterns: PatchPatterns, key: Key, epsilon: float) -> Answer:
    """Return N*(ε) of one network, by interpolation of log ε in log N.

    Examples
    --------
    >>> patterns = PatchPatterns(8, 32, 34, delta_d=0.5)
    >>> few, many = (samples_of(patterns, ("separate", 1, 2), level) for level in (0.2, 0.1))
    >>> 4 <= few.samples < many.samples
    True
    """
    network, sgd = network_of(*key), training_of(key[1])
    found: dict[int, Error] = {}
    told: dict[int, tuple[str, ...]] = {}

    def error_of(n_train: int) -> Error:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if isinstance(network, JointMoE):
                found[n_train] = joint_error(patterns, network, sgd, n_train)
            else:
                found[n_train] = trained_error(patterns, network, sgd, n_train)
        told[n_train] = tuple(str(warning.message) for warning in caught)
        failures = getattr(found[n_train], "failures", 0.0)
        if failures > MOST_FAILURES:
            raise _StuckError(f"{failures:.0%} of trainings on {n_train} samples never fit them")
        return found[n_train]

    fewest = fewest_samples(patterns)
    try:
        few, many, _ = bracket(error_of, epsilon, fewest, LARGEST_N, RESOLUTION)
    except _StuckError as error:
        return NoPrediction(*key, str(error))
    except ValueError:
        most = max(found)
        return NoPrediction(*key, f"{most} samples leave an error of {found[most].error:.2g}")
    if few == many:
        return Predicted(*key, few, found[few].n_steps, at_most=True, cautions=told[few])
    samples, steps, spread = _between(few, many, found[few], found[many], epsilon)
    nearest = few if samples * samples < few * many else many
    return Predicted(*key, samples, steps, spread, cautions=told[nearest])


def _between(
    few: int, many: int, below: Error, above: Error, epsilon: float
) -> tuple[float, float, float]:
    """Return N*, the steps there, and the standard error of log N*.

    Both errors may deviate together, as those of joint training do: their deviations add up.
    """
    ends = [max(one.error, LEAST_ERROR) for one in (below, above)]
    fall = math.log(ends[0] / ends[1])
    share = math.log(ends[0] / epsilon) / fall
    growth = math.log(many / few)
    relative = [one.standard_error / end for one, end in zip((below, above), ends, strict=True)]
    deviation = (1 - share) * relative[0] + share * relative[1]
    steps = below.n_steps * (above.n_steps / below.n_steps) ** share
    return float(few * (many / few) ** share), steps, deviation * growth / fall
