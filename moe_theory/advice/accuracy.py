"""How far predicted samples and operations are off, as held against simulation."""

from __future__ import annotations

import math

from moe_theory.advice.answers import Predicted
from moe_theory.experiments.mean_std import student_interval

# 95 % of the settings lie within these |log (predicted/simulated)|, noise of simulation included:
# N* in figures/full/predictions.csv, gram_predictions.csv and advice.csv, the last one at sizes
# that the table does not hold; operations in advice.csv. tests/advice/test_accuracy.py compares.
SAMPLES = {"dense": 0.09, "separate": 0.18, "joint": 0.28}
FLOPS = {"dense": 0.24, "separate": 0.44, "joint": 0.50}
# Sizes that were held against simulation.
N_RANGE, RATIO_RANGE = (12, 128), (2, 8)
# Predictions average eight groups of draws, or at least as many draws.
N_GROUPS = 8


def widths(known: Predicted) -> tuple[float, float]:
    """Return half the 95 % intervals of log N* and of log operations.

    Operations take about as much noise from draws as N* does.

    Examples
    --------
    >>> widths(Predicted("dense", 64, 1, 88.0, 1000.0))
    (0.09, 0.24)
    """
    noise = float(student_interval(0.0, known.standard_error, N_GROUPS)[1])
    return math.hypot(SAMPLES[known.arm], noise), math.hypot(FLOPS[known.arm], noise)
