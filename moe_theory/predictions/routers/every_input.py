"""`every_input_success`: how likely trained routers keep the patch of every input there is."""

from __future__ import annotations

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE
from moe_theory.predictions.assumptions import check_orthogonal
from moe_theory.predictions.routers.patterns_ahead import NoneAhead
from moe_theory.predictions.routers.success import RouterSuccess
from moe_theory.predictions.routers.success_mean import over_classes, typical_scores
from moe_theory.training.sgd import SGD


@typed
def every_input_success(
    patterns: PatchPatterns, model: SeparateMoE, sgd: SGD, n_train: int
) -> RouterSuccess:
    """Return the chance that a trained router keeps the patch of every input that can occur.

    The chance is over the training samples and the initial routers; `router_success` means over
    inputs, too. It is exact: there is no Gaussian or large-p approximation, and the numerical
    error is about 1e-11.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns; any δ_d and class balance.
    model : SeparateMoE
        Its ``router_init_std``. All l < n have the same chance, and l = n the chance 1.
    sgd : SGD
        Router training in which all samples weigh the same, as in `trained_routers`.
    n_train : int
        N, the number of samples that train the routers.

    Returns
    -------
    RouterSuccess
        ``positive`` for o₁ at router 1 in all inputs of class +1, ``negative`` for o₂ at router 2
        in all of class −1. The chance of both is at least their sum less 1.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    The irrelevant patches of an input may all be of the one pattern that is ahead of o₁. So for
    l < n every input is safe if, and only if, no pattern is ahead.

    Source: derived in docs/theory/routers.md; the statement of P23's router lemma at l* = 1.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=32, patch_dim=34)
    >>> sgd, model = SGD(learning_rate=0.1, batch_size=10, n_epochs=20), SeparateMoE(2, 40, 1)
    >>> [round(every_input_success(patterns, model, sgd, n).own, 4) for n in (10, 20, 40)]
    [0.6424, 0.975, 0.9999]
    """
    check_orthogonal(patterns)
    scores = typical_scores(patterns, model, sgd, n_train)
    n_routed = model.patches_per_expert(patterns.n_patches)
    law = NoneAhead(scores.n, scores.p, n_routed, scores.delta_d, scores.noise)
    with single_blas_thread():
        means = over_classes(patterns, n_train, law.success, training=False, negligible=1e-11)
    return RouterSuccess.of_classes(patterns, float(means[0]), float(means[1]))
