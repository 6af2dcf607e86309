"""Who receives the discriminative patch before training: means over random routers."""

from __future__ import annotations

import numpy as np
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._typed import typed
from moe_theory._validation import integer, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import TokenChoiceMoE
from moe_theory.predictions.assumptions import check_orthogonal
from moe_theory.predictions.token_choice.queue_success import place_success, ranked_success


@typed
@single_blas_thread()
def untrained_token_success(patterns: PatchPatterns, model: TokenChoiceMoE) -> float:
    """Return the mean over Gaussian routers of the success at an expert that the patch chooses.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns.
    model : TokenChoiceMoE
        The rule; of its ``router_init_std`` it matters only that it is positive.

    Returns
    -------
    float
        The mean of `token_choice_success` over routers, at each expert that the discriminative
        pattern chooses: if it chooses one, of ``best_expert``. Exact for any p.

    Raises
    ------
    ValueError
        If patterns have spread, some are closer to o₁ or o₂, or all routers start at zero.

    Notes
    -----
    The priority makes no difference if p is large: the discriminative patch of untrained routers
    has a uniformly random rank in the queue of its expert, as it has a uniformly random place.

    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=256, patch_dim=258)
    >>> for priority in ("place", "score"):
    ...     model = TokenChoiceMoE(8, 40, capacity=4, priority=priority)
    ...     print(round(untrained_token_success(patterns, model), 3))
    0.816
    0.813
    """
    check_orthogonal(patterns)
    if model.router_init_std == 0:
        raise reject("router_init_std", 0.0, "positive: routers at zero are not random")
    n, p = patterns.n_patches, patterns.n_irrelevant
    capacity = model.patches_per_expert(n)
    counts = np.arange(p + 1)
    chances = stats.binom.pmf(counts, p, model.n_chosen / model.n_experts)
    success = place_success if model.priority == "place" else ranked_success
    given = np.array([success(n, capacity, count / max(p, 1)) for count in counts])
    if model.priority == "score":
        # Of M rivals in the queue each number 0 … M is as likely to have the higher score.
        given = np.cumsum(given) / (counts + 1)
    return float(chances @ given)


@typed
@single_blas_thread()
def untrained_expert_success(patterns: PatchPatterns, n_experts: int, n_routed: int) -> float:
    """Return the mean over Gaussian routers of the success at the best of k experts that choose.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns.
    n_experts, n_routed : int
        k; l, in [1, n].

    Returns
    -------
    float
        The mean of `expert_choice_success`'s ``best_expert`` over routers. Exact for any p.

    Raises
    ------
    ValueError
        If a number is impossible, patterns have spread, or some are closer to o₁ or o₂.

    Notes
    -----
    For large p it is 1 − Π_i (n − 1 − i)/(n − 1 − i + k) over i = 0 … l − 1.

    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=256, patch_dim=258)
    >>> round(untrained_expert_success(patterns, n_experts=8, n_routed=4), 3)
    0.623
    """
    check_orthogonal(patterns)
    n, p = patterns.n_patches, patterns.n_irrelevant
    n_experts = integer("n_experts", n_experts, 1)
    n_routed = integer("n_routed", n_routed, 1, n)
    ahead = np.arange(p + 1)
    at_least = ((p + 1 - np.arange(p + 2)) / (p + 1)) ** n_experts
    given = np.array([ranked_success(n, n_routed, count / max(p, 1)) for count in ahead])
    return float((at_least[:-1] - at_least[1:]) @ given)
