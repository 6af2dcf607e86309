"""The one-step learning curve of the dense network in the limit of large m, p and N."""

from __future__ import annotations

import sympy as sp
from scipy import special, stats

from moe_theory._typed import typed
from moe_theory._validation import integer, real
from moe_theory.bounds.parameters import SYMBOL

_n, _p = SYMBOL["n_patches"], SYMBOL["n_irrelevant"]
_N, _epsilon = SYMBOL["n_train"], SYMBOL["epsilon"]

_variance = (_n - 1) / (_p * _N) * (1 - 1 / _p)
_quantile = sp.sqrt(2) * sp.erfcinv(2 * _epsilon)

ONE_STEP_ERROR: sp.Expr = sp.erfc(1 / (2 * sp.sqrt(2 * (_n - 1) * _variance))) / 2
"""ε = Q(½/√((n − 1)v)), v = (n − 1)/(pN)·(1 − 1/p), in the symbols of `bounds.parameters`."""

ONE_STEP_SAMPLES: sp.Expr = 4 * _quantile**2 * (_n - 1) ** 2 * (1 - 1 / _p) / _p
"""N*(ε) = 4 z_ε² (n − 1)²(1 − 1/p)/p, the N at which `ONE_STEP_ERROR` is ε < ½.

Its growth exponents are 2 in n and −1 in p; in 1/ε it grows as a logarithm.
"""


@typed
def one_step_error_asymptotic(n_patches: int, n_irrelevant: int, n_train: int) -> float:
    """Return ε = Q(½/√((n − 1)v)), v = (n − 1)/(pN)·(1 − 1/p), the limit of `one_step_error`.

    Parameters
    ----------
    n_patches, n_irrelevant, n_train : int
        n >= 2, p >= 2 and N >= 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The limit is m → ∞, p → ∞ and many patches of every pattern, with balanced classes: labels
    drawn at random, or an odd N, add a common mode that does not vanish.
    Source: derived in docs/theory/one-step.md.

    Examples
    --------
    >>> round(one_step_error_asymptotic(n_patches=64, n_irrelevant=256, n_train=60), 3)
    0.162
    """
    n, p = integer("n_patches", n_patches, 2), integer("n_irrelevant", n_irrelevant, 2)
    variance = (n - 1) / (p * integer("n_train", n_train, 1)) * (1 - 1 / p)
    return float(stats.norm.sf(0.5 / ((n - 1) * variance) ** 0.5))


@typed
def one_step_samples_asymptotic(n_patches: int, n_irrelevant: int, epsilon: float) -> float:
    """Return N*(ε) = 4 z_ε² (n − 1)²(1 − 1/p)/p, at which `one_step_error_asymptotic` is ε.

    Parameters
    ----------
    n_patches, n_irrelevant : int
        n >= 2 and p >= 2.
    epsilon : float
        ε, in (0, ½].

    Returns
    -------
    float
        Not rounded to a whole number of samples.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Source: derived in docs/theory/one-step.md: an exponent of 2 in n, where the bound of P23 has 8.

    Examples
    --------
    >>> round(one_step_samples_asymptotic(n_patches=64, n_irrelevant=256, epsilon=0.05))
    167
    """
    n, p = integer("n_patches", n_patches, 2), integer("n_irrelevant", n_irrelevant, 2)
    epsilon = real("epsilon", epsilon, 0, 0.5, open_low=True)
    return 2 * (2 * float(special.erfcinv(2 * epsilon)) * (n - 1)) ** 2 * (1 - 1 / p) / p
