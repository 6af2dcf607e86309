"""N*(ε) of trained networks, by root finding."""

from __future__ import annotations

import math

from moe_theory._typed import typed
from moe_theory._validation import real, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.theory.predictions.trained import trained_error
from moe_theory.theory.predictions.trained_domain import FEWEST_SAMPLES
from moe_theory.training.sgd import SGD

LARGEST_N = 1 << 14


@typed
def trained_samples(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, epsilon: float
) -> float:
    """Return N*(ε), the number of samples at which `trained_error` falls to ε.

    Parameters
    ----------
    patterns, model, sgd
        As for `trained_error`.
    epsilon : float
        ε, in [0.002, 0.4].

    Returns
    -------
    float
        Between two even numbers of samples, by interpolation of log ε in log N; 4 if so few
        are enough.

    Raises
    ------
    ValueError
        As `trained_error` does, or if 16384 samples are not enough.

    Notes
    -----
    Takes some seconds. Source: dossier §5.3 [D]; derivation in docs/theory/trained.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=256, patch_dim=258)
    >>> sgd = SGD(0.2 * 16, batch_size=20, n_steps=20_000, stop_loss=0.03)
    >>> 9 < trained_samples(patterns, DenseCNN(40, init_std=0.01), sgd, epsilon=0.05) < 13
    True
    """
    epsilon = real("epsilon", epsilon, 0.002, 0.4)

    def excess(n_train: int) -> float:
        error = trained_error(patterns, model, sgd, n_train).error
        return math.log(max(error, 1e-9) / epsilon)

    few, many = FEWEST_SAMPLES, 2 * FEWEST_SAMPLES
    above, below = excess(few), 0.0
    if above <= 0:
        return float(few)
    while (below := excess(many)) > 0:
        few, above, many = many, below, 2 * many
        if many > LARGEST_N:
            raise reject("epsilon", epsilon, f"an error that {LARGEST_N} samples can reach")
    # Steps below 10 % would be lost in the noise of the copies.
    while many - few > max(2, few // 10):
        middle = 2 * round(math.sqrt(few * many) / 2)
        if middle in (few, many):
            break
        value = excess(middle)
        if value > 0:
            few, above = middle, value
        else:
            many, below = middle, value
    share = above / (above - below)
    return float(few * (many / few) ** share)
