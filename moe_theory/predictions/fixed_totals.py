"""Counts with fixed totals as independent Poisson counts, by discrete Fourier transforms.

Multinomial counts are independent Poisson counts, given that these have the right total. For a
function g of independent counts with a total X of mean S,

    E[g | X = S] = Σ_θ weight(θ) · E[g e^{iθX}],    weight(θ) = e^{−iθS} / (period · P(X = S)),

over the θ = 2πk/period of one period that no total can overrun with a chance that matters. The
expectation is then a power of that of one cell. X has a spread of √S, so that few θ near 0 matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.fft import next_fast_len

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def total_frequencies(total: int, deviations: float, stretch: float) -> tuple[Real, Complex]:
    """Return the angles θ that matter to a Poisson total, and their weights.

    Parameters
    ----------
    total : int
        S, which is also the mean of the Poisson total.
    deviations : float
        Standard deviations √S at which a chance is negligible: 8 for rounding, 6 for 1e-8.
    stretch : float
        The angles reach to ``stretch * deviations / √S``, or where that is more over the period.

    Returns
    -------
    angles : array, shape (F,)
        Odd in number and symmetric about 0.
    weights : complex array, shape (F,)

    Examples
    --------
    The chance that one of two equal cells holds the whole total of 3:

    >>> angles, weights = total_frequencies(3, deviations=8, stretch=np.inf)
    >>> empty, any_number = np.exp(-1.5), np.exp(1.5 * (np.exp(1j * angles) - 1))
    >>> round(float((weights @ (empty * any_number)).real), 12)
    0.125
    """
    if total == 0:
        return np.zeros(1), np.ones(1, np.complex128)
    spread = math.sqrt(total)
    half = math.ceil((deviations * (spread + 2) + 4) / 2)
    period = 2 * half + 1
    highest = min(half, math.ceil(min(stretch * deviations / spread / (2 * math.pi), 1) * period))
    steps = np.arange(-highest, highest + 1)
    angles = 2 * math.pi * steps / period
    weights = np.exp(-1j * angles * total) / (period * stats.poisson.pmf(total, total))
    return angles, weights


def difference_table(
    means: tuple[float, float], angles: tuple[Real, Real], deviations: float
) -> tuple[NDArray[np.int64], Complex]:
    """Return E[1{A = a} e^{i(θ₊X₊ + θ₋X₋)}] for A = X₊ − X₋, the difference of Poisson counts.

    Parameters
    ----------
    means : (float, float)
        Means of X₊ and X₋.
    angles : (array of shape (F₊,), array of shape (F₋,))
        θ₊ and θ₋.
    deviations : float
        Standard deviations of A beyond which a chance is negligible.

    Returns
    -------
    values : integer array, shape (R,)
        The a that have a chance.
    table : complex array, shape (F₊, F₋, R)

    Examples
    --------
    >>> values, table = difference_table((2.0, 1.0), (np.zeros(1), np.zeros(1)), 8)
    >>> round(float((table[0, 0].real @ values)), 12)
    1.0
    """
    more, less = means
    size = next_fast_len(math.ceil(2 * deviations * (math.sqrt(more + less) + 2)))
    centre = round(more - less)
    waves = 2 * math.pi * np.arange(size) / size
    first = np.exp(more * (np.exp(1j * (angles[0][:, None] + waves)) - 1) - 1j * waves * centre)
    second = np.exp(less * (np.exp(1j * (angles[1][:, None] - waves)) - 1))
    table = np.fft.fft(first[:, None, :] * second[None, :, :], axis=-1) / size
    values = centre + np.rint(np.fft.fftfreq(size, 1 / size)).astype(np.int64)
    return values, table
