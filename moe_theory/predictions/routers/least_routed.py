"""The least l at which trained routers keep the discriminative patch as often as wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from moe_theory._typed import typed
from moe_theory._validation import choice, real
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.predictions.assumptions import NoiseLaw
from moe_theory.predictions.routers.success import RoutedInputs, router_success
from moe_theory.predictions.routers.success_mean import success_curves, typical_scores
from moe_theory.training.sgd import SGD

# The chances themselves are computed to about 1e-8.
HIGHEST = 1 - 1e-6


@typed
def trained_n_routed(
    patterns: PatchPatterns,
    model: SeparateMoE,
    sgd: SGD,
    n_train: int,
    certainty: float,
    *,
    inputs: RoutedInputs = "fresh",
    method: NoiseLaw = "exact",
) -> int | None:
    """Return the least l < n at which the success of trained routers reaches ``certainty``.

    The success is that of the worse class. `certain_n_routed` answers the same of routers that
    know o₁ − o₂ exactly, which is what these tend to as N grows.

    Parameters
    ----------
    patterns : PatchPatterns
        Without closer patterns; any δ_d, spread and class balance.
    model : SeparateMoE
        Its ``router_init_std``; its l plays no part.
    sgd : SGD
        Router training in which all samples weigh the same, as in `trained_routers`.
    n_train : int
        N, the number of samples that train the routers.
    certainty : float
        In (0, 1 − 1e-6].
    inputs, method
        As for `router_success`; ``method="gaussian"`` is far faster.

    Returns
    -------
    int or None
        None if only l = n does, at which nothing is routed away.

    Raises
    ------
    ValueError
        If an argument is out of range, or as `router_success` does.

    Warns
    -----
    UserWarning
        As `router_success` does.

    Notes
    -----
    The law of the number of patches ahead of the discriminative one is solved once and gives the
    success for all l; only the exact success on fresh inputs is solved anew for some log₂ n of
    them, each of which takes milliseconds.

    Source: derived in docs/theory/routers.md; P23's router lemma, asked for l.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=64, patch_dim=66)
    >>> model, sgd = SeparateMoE(2, 40, 1), SGD(learning_rate=0.1, batch_size=10, n_epochs=20)
    >>> [trained_n_routed(patterns, model, sgd, n_train, 0.99) for n_train in (10, 20, 40)]
    [5, 2, 1]
    >>> trained_n_routed(patterns, model, sgd, 10, 0.99, inputs="training")
    8
    """
    certainty = real("certainty", certainty, 0, HIGHEST, open_low=True)
    training = choice("inputs", inputs, ("fresh", "training")) == "training"
    gaussian = choice("method", method, ("exact", "gaussian")) == "gaussian"
    model = replace(model, n_routed=1)
    scores = typical_scores(patterns, model, sgd, n_train, training=training, gaussian=gaussian)
    if training or gaussian or patterns.spread > 0:
        curves = success_curves(patterns, scores, n_train)
        reached = np.nanmin(np.stack(curves), axis=0)[:-1] >= certainty
        return 1 + int(np.argmax(reached)) if reached.any() else None

    def reaches(n_routed: int) -> bool:
        success = router_success(patterns, replace(model, n_routed=n_routed), sgd, n_train)
        return min(success.positive, success.negative) >= certainty

    low, high = 0, patterns.n_patches
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high if high < patterns.n_patches else None
