"""`joint_samples_to`: N*(ε) of joint training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import JointMoE
from moe_theory.predictions.joint.error import MOST_DRAWS, N_DRAWS, JointError, joint_error
from moe_theory.predictions.joint.setting import FEWEST_SAMPLES
from moe_theory.predictions.sample_search import bracket
from moe_theory.training.sgd import SGD

LARGEST_N = 512
# What an error of 0 counts as, times the number of draws; errors that tell the slope at N*.
LEAST_ERRORS, RANGE = 0.2, 6.0


@dataclass(frozen=True)
class JointSamplesTo:
    """N*(ε) of joint training.

    Attributes
    ----------
    n_train : float
        N*, between two even numbers of samples.
    standard_error : float
        Of ``n_train``, from the finite number of trainings drawn; nan where N* is the lower end
        of the search.
    epsilon : float
        ε.
    below, above : JointError
        The predictions at the numbers of samples around N*: ``below`` is the one with fewer.

    Notes
    -----
    Source: derived in docs/theory/joint.md.

    Examples
    --------
    >>> side = JointError(0.1, 0.1, 0.1, 0.01, 1.2, 0.4, 0.22, 0.02, 950.0, 0.0, 96)
    >>> JointSamplesTo(14.0, 1.1, 0.1, below=side, above=side).n_train
    14.0
    """

    n_train: float
    standard_error: float
    epsilon: float
    below: JointError
    above: JointError


@typed
def joint_samples_to(
    patterns: PatchPatterns, model: JointMoE, sgd: SGD, epsilon: float, n_draws: int = N_DRAWS
) -> JointSamplesTo:
    """Return N*(ε), the number of samples at which `joint_error` falls to ε.

    Parameters
    ----------
    patterns, model, sgd, n_draws
        As for `joint_error`.
    epsilon : float
        ε, in [0.005, 0.4].

    Returns
    -------
    JointSamplesTo
        By interpolation of log ε in log N.

    Raises
    ------
    ValueError
        As `joint_error` does, or if 512 samples are not enough, as for l = 1.

    Warns
    -----
    UserWarning
        As `joint_error` does, at any number of samples on the way.

    Notes
    -----
    Takes about ten calls of `joint_error`. Source: derived in docs/theory/joint.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=128, patch_dim=130)
    >>> sgd = SGD(0.2 * 8, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> found = joint_samples_to(patterns, JointMoE(8, 40, 8), sgd, epsilon=0.1)
    >>> 5 < found.n_train < 11
    True
    """
    epsilon = real("epsilon", epsilon, 0.005, 0.4)
    n_draws = integer("n_draws", n_draws, 2, MOST_DRAWS)

    few, many, found = bracket(
        lambda n_train: joint_error(patterns, model, sgd, n_train, n_draws),
        epsilon, FEWEST_SAMPLES, LARGEST_N, resolution=0.15,
    )  # fmt: skip
    if few == many:
        return JointSamplesTo(float(few), math.nan, epsilon, found[few], found[few])
    n_train = _between(few, many, found[few], found[many], epsilon)
    spread = n_train * _relative(found[few]) / _steepness(found, epsilon)
    return JointSamplesTo(n_train, spread, epsilon, found[few], found[many])


def _log_error(found: JointError) -> float:
    return math.log(max(found.error, LEAST_ERRORS / found.n_draws))


def _relative(found: JointError) -> float:
    return found.standard_error / found.error


def _between(few: int, many: int, below: JointError, above: JointError, epsilon: float) -> float:
    share = (_log_error(below) - math.log(epsilon)) / (_log_error(below) - _log_error(above))
    return float(few * (many / few) ** share)


def _steepness(found: dict[int, JointError], epsilon: float) -> float:
    """Return −d log ε/d log N around N*, fitted to the errors within a factor of `RANGE` of ε.

    All share their draws and deviate together, so that equal weights will do.
    """
    target = math.log(epsilon)
    near = sorted(found, key=lambda n: abs(_log_error(found[n]) - target))
    kept = [n for n in near if abs(_log_error(found[n]) - target) < math.log(RANGE)]
    kept = kept if len(kept) > 1 else near[:2]
    slope = np.polyfit(np.log(kept), [_log_error(found[n]) for n in kept], 1)[0]
    return float(max(-slope, 1e-3))
