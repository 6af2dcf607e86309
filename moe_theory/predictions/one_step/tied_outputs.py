"""How the initial weights decide an output that is 0 to leading order."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from moe_theory.predictions.fixed_totals import Real, difference_table
from moe_theory.predictions.one_step.irrelevant_sum import IrrelevantSum

# A positive Gaussian variable has the variance π/2 − 1 in units of its mean squared.
START_VARIANCE = math.pi / 2 - 1


def tie_errors(noise: IrrelevantSum, carriers: Real) -> Real:
    """Return the share of ties that are errors, by the number of units that carry o₁.

    Parameters
    ----------
    noise : IrrelevantSum
        The law of Y; p >= 2.
    carriers : array, shape (K,)
        Values of κ, at which the tie is Y = −(samples of the class)·κ.

    Returns
    -------
    array, shape (K,)

    Notes
    -----
    Units that survive the step keep their initial pre-activation, on average one for each unit
    in units of its mean: next to f is R = κ + Σ_a c_a sign(A_a) κ_a. The result is P(R < 0 | tie)
    for jointly Gaussian Y and R, whose moments follow from the fixed sum of the A_a.

    Source: derived in docs/theory/one-step.md.

    Examples
    --------
    >>> noise = IrrelevantSum(16, 64, samples=(10, 10), units=(20, 20))
    >>> tie_errors(noise, np.array([0.0, 5.0, 10.0])).round(2)
    array([0.5 , 0.71, 0.87])
    """
    n, p, mean_carriers, drift = noise.n, noise.p, noise.carriers, noise.drift
    nonzero, sign, size = _moments(noise)
    spread = (n - 1) * sum(noise.samples) / p * (1 - 1 / p)
    repeats = 1 + (n - 2) / p
    same = (n - 1) * (1 + 2 / sum(noise.units)) * repeats
    other = (n - 1) * (n - 2) / p
    mean = (n - 1) * mean_carriers * sign
    product = same * size + other * (p * drift * sign - size)
    covariance = mean_carriers**2 * product - noise.mean * mean
    shared = (size - drift * sign) ** 2 / spread
    square = same * nonzero + other * ((p - 1) * sign**2 - shared)
    starts = START_VARIANCE + (1 - nonzero) * (1 + START_VARIANCE)
    variance = mean_carriers**2 * square - mean**2 + (n - 1) * repeats * mean_carriers * starts
    slope = covariance / noise.deviation**2
    given_tie = carriers + mean - slope * (noise.samples[0] * carriers + noise.mean)
    left = variance + START_VARIANCE * carriers - slope * covariance
    share: Real = special.ndtr(-given_tie / np.sqrt(np.maximum(left, 1e-9)))
    return share


def _moments(noise: IrrelevantSum) -> tuple[float, float, float]:
    """Return P(A ≠ 0), E sign(A) and E|A| for Poisson counts."""
    means = [(noise.n - 1) * count / noise.p for count in noise.samples]
    values, table = difference_table((means[0], means[1]), (np.zeros(1), np.zeros(1)), 8)
    chances = table[0, 0].real
    signs = np.sign(values)
    return float(chances @ signs**2), float(chances @ signs), float(chances @ np.abs(values))
