"""`router_success`: how often trained routers keep the discriminative patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import choice
from moe_theory.data.digits import DigitPatches
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.predictions.assumptions import NoiseLaw, positive_counts
from moe_theory.predictions.routers.patterns_ahead import Overtaking
from moe_theory.predictions.routers.router_scores import RouterScores
from moe_theory.predictions.routers.success_mean import over_classes, success_curves, typical_scores
from moe_theory.training.sgd import SGD

RoutedInputs = Literal["fresh", "training"]


@dataclass(frozen=True)
class RouterSuccess:
    """Chance that the discriminative patch of an input is among the l of its experts.

    Attributes
    ----------
    positive : float
        For an input with y = +1 and the experts s = 0, 2, … meant for it.
    negative : float
        For an input with y = −1 and the experts s = 1, 3, …
    own : float
        Their mean, weighted by the fractions of the classes, as `RoutingMetrics.own` measures it.

    Notes
    -----
    Source: derived in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(4, 8, 10, positive_fraction=0.25)
    >>> RouterSuccess.of_classes(patterns, 1.0, 0.6).own
    0.7
    """

    positive: float
    negative: float
    own: float

    @classmethod
    def of_classes(
        cls, patterns: PatchPatterns | DigitPatches, positive: float, negative: float
    ) -> RouterSuccess:
        """Weigh the two classes by the ``positive_fraction`` of ``patterns``."""
        fraction = patterns.positive_fraction
        return cls(positive, negative, fraction * positive + (1 - fraction) * negative)


@typed
def router_success(
    patterns: PatchPatterns,
    model: SeparateMoE,
    sgd: SGD,
    n_train: int,
    *,
    inputs: RoutedInputs = "fresh",
    method: NoiseLaw = "exact",
) -> RouterSuccess:
    """Return the chance that trained routers keep the discriminative patch of an input.

    The chance is over the training samples, the initial routers and the input. Without spread it
    is exact: there is no Gaussian or large-p approximation, and the numerical error is about
    1e-11 on fresh inputs and 1e-8 on training inputs. With spread, the law of the squared norm of
    the router is approximated, and on training inputs terms of order 1/N² are left out.

    Parameters
    ----------
    patterns : PatchPatterns
        Without closer patterns; any δ_d, spread and class balance.
    model : SeparateMoE
        Its l and ``router_init_std``.
    sgd : SGD
        Router training in which all samples weigh the same, as in `trained_routers`.
    n_train : int
        N, the number of samples that train the routers.
    inputs : {"fresh", "training"}
        A new input; or one of the N that trained the routers, so that its patches have helped to
        make the scores: the mean of ``run.routing(data).own`` over trainings on ``data``. With
        held-out router samples "training" speaks of those.
    method : {"exact", "gaussian"}
        "gaussian" takes the scores that irrelevant centres have from the other inputs as
        independent and Gaussian: the limit of large p in which every pattern is frequent,
        N(n − 1)/p large.

    Returns
    -------
    RouterSuccess
        On training inputs a class is weighted by its mean share of the samples, and NaN if it has
        no sample.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Warns
    -----
    UserWarning
        With spread, if d and p are so small that the squared norm of the router fluctuates much,
        or if N < 4 and the inputs are training inputs.

    Notes
    -----
    With ``router_init_std`` 0, patterns that tie with the discriminative one go ahead or stay
    behind by rounding; the result is the limit of a small initial spread, from which rounding may
    differ by about 0.01.

    On fresh inputs it takes milliseconds for each possible N₊, but about a second with spread and
    on training inputs, a tenth of it with ``method="gaussian"``; up to a minute for p < 8 and
    thousands of patches. But for the exact success on fresh inputs without spread, other l of the
    same setting cost nothing more.

    The Gaussian scores, given N₊ and without spread: that of a pattern less that of o₁ has, in
    units of η_r T_r/N, the mean (n − 1)(N₊ − N₋)/p − (N₊ − δ_d N₋) and the variance
    (n − 1)(N/p)(1 − 1/p) + 2ν², ν = σ₀N/(η_r T_r). It goes ahead with the chance w, a Gaussian
    tail, and the success is Σ_b Binom(b; p, w)·BinomCDF(l − 1; n − 1, b/p), averaged over N₊ and
    the initial score of o₁. For balanced classes, σ₀ = 0 and p → ∞ this is
    BinomCDF(l − 1; n − 1, Q(½(1 − δ_d)/σ_u)), σ_u² = (n − 1)/(pN). On training inputs a pattern
    that stands c times in the input has the mean c + (n − 1)(N₊ − 1 − N₋)/p.

    Source: derived in docs/theory/routers.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=32, patch_dim=34)
    >>> sgd, model = SGD(learning_rate=0.1, batch_size=10, n_epochs=20), SeparateMoE(2, 40, 1)
    >>> round(router_success(patterns, model, sgd, n_train=10).own, 5)
    0.84487
    >>> round(router_success(patterns, model, sgd, n_train=10, inputs="training").own, 5)
    0.71584
    """
    training = choice("inputs", inputs, ("fresh", "training")) == "training"
    gaussian = choice("method", method, ("exact", "gaussian")) == "gaussian"
    scores = typical_scores(patterns, model, sgd, n_train, training=training, gaussian=gaussian)
    n_routed = model.patches_per_expert(patterns.n_patches)
    if training or gaussian or patterns.spread > 0:
        return _at(n_routed, patterns, scores, n_train)
    law = Overtaking(scores.n, scores.p, n_routed, scores.delta_d, scores.noise)
    with single_blas_thread():
        means = over_classes(patterns, n_train, law.success, training=False, negligible=1e-11)
    return RouterSuccess.of_classes(patterns, float(means[0]), float(means[1]))


def _at(
    n_routed: int, patterns: PatchPatterns, scores: RouterScores, n_train: int
) -> RouterSuccess:
    curves = success_curves(patterns, scores, n_train)
    positive, negative = (float(curve[n_routed - 1]) for curve in curves)
    if not scores.training:
        return RouterSuccess.of_classes(patterns, positive, negative)
    counts, chances = positive_counts(patterns, n_train)
    share = float(counts @ chances) / n_train
    # A class without samples has no success and no weight.
    own = share * np.nan_to_num(positive) + (1 - share) * np.nan_to_num(negative)
    return RouterSuccess(positive, negative, float(own))
