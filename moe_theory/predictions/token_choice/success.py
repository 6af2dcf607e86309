"""Who receives the discriminative patch if patches choose experts, and if experts choose patches.

Given routers, the irrelevant patches of an input are independent draws of the p patterns. So the
discriminative patch waits in a queue of independent rivals, see `queue_success`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import router_array
from moe_theory._arithmetic import products
from moe_theory._typed import typed
from moe_theory._validation import integer, read_only, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import TokenChoiceMoE
from moe_theory.predictions.token_choice.queue_success import place_success, ranked_success

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rivals:
    """How the irrelevant patterns stand against the discriminative one, per class and expert.

    The first index is the class, 0 for y = +1 and 1 for y = −1.

    Attributes
    ----------
    chosen : bool array, shape (2, k)
        Whether the discriminative pattern chooses expert s.
    choosing : array, shape (k,)
        q, the fraction of irrelevant patterns that choose expert s.
    ahead, tied : array, shape (2, k)
        Fractions that router s scores higher than, and equal to, the discriminative pattern.
    choosing_ahead, choosing_tied : array, shape (2, k)
        Fractions that choose expert s *and* score higher there, or equal.
    """

    chosen: NDArray[np.bool_]
    choosing: Array
    ahead: Array
    tied: Array
    choosing_ahead: Array
    choosing_tied: Array

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, read_only(value))


@typed
def rivals(patterns: PatchPatterns, routers: NDArray[Any], n_chosen: int = 1) -> Rivals:
    """Count the irrelevant patterns that compete with o₁ and o₂ for a place at each expert.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and without ``max_closer``; any δ_d and closer patterns.
    routers : array, shape (k, d)
        Routing weights. Scores are taken in their type, so that ties are those of `choose_patches`.
    n_chosen : int
        Number of experts that every patch chooses.

    Raises
    ------
    ValueError
        If irrelevant patches are not independent draws of p patterns, or shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> found = rivals(patterns, np.stack([patterns.o1, patterns.o2]))
    >>> found.chosen.tolist(), float(found.ahead[0, 0])
    ([[True, False], [False, True]], 0.0)
    """
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the statement is for a finite dictionary")
    if patterns.max_closer is not None:
        allowed = "None: a limit makes the patches of an input dependent"
        raise reject("max_closer", patterns.max_closer, allowed)
    routers = router_array(routers, patterns.patch_dim)
    n_chosen = integer("n_chosen", n_chosen, 1, len(routers))
    scores = products(patterns.dictionary.astype(routers.dtype, copy=False), routers)
    chooses = np.zeros(scores.shape, np.bool_)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :n_chosen]
    np.put_along_axis(chooses, best, True, axis=1)
    others, theirs = scores[2:], chooses[2:]
    higher, equal = (np.stack([how(others, own) for own in scores[:2]])
                     for how in (np.greater, np.equal))  # fmt: skip
    return Rivals(
        chosen=chooses[:2],
        choosing=_fraction(theirs),
        ahead=_fraction(higher),
        tied=_fraction(equal),
        choosing_ahead=_fraction(higher & theirs),
        choosing_tied=_fraction(equal & theirs),
    )


@dataclass(frozen=True, eq=False)
class ExpertSuccess:
    """Chance that each expert receives the discriminative patch of a fresh input.

    Attributes
    ----------
    positive, negative : array, shape (k,)
        Of inputs with y = +1 and y = −1, as `RoutingMetrics.success_positive` measures it.
    best_expert : float
        The largest of the k chances, weighted by the fractions of the classes. If every patch
        chooses one expert, this is the chance that any expert receives the patch.
    """

    positive: Array
    negative: Array
    best_expert: float

    @classmethod
    def of_classes(cls, patterns: PatchPatterns, positive: Array, negative: Array) -> ExpertSuccess:
        """Weigh the two classes by the ``positive_fraction`` of ``patterns``."""
        share = patterns.positive_fraction
        best = share * float(positive.max()) + (1 - share) * float(negative.max())
        return cls(read_only(positive), read_only(negative), best)


@typed
def token_choice_success(
    patterns: PatchPatterns, routers: NDArray[Any], model: TokenChoiceMoE
) -> ExpertSuccess:
    """Return how often each expert receives the discriminative patch if patches choose experts.

    Parameters
    ----------
    patterns, routers
        As for `rivals`.
    model : TokenChoiceMoE
        The rule: how many experts a patch chooses, their capacity, and who has priority.

    Returns
    -------
    ExpertSuccess
        Exact, given the routers. 0 for experts that the discriminative pattern does not choose.

    Raises
    ------
    ValueError
        As `rivals` does, or if the model has another number of experts.

    Notes
    -----
    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> routers = np.stack([patterns.o1, patterns.o2])
    >>> model = TokenChoiceMoE(n_experts=2, n_hidden=2, capacity=1, priority="score")
    >>> token_choice_success(patterns, routers, model).best_expert
    1.0
    """
    routers = router_array(routers, patterns.patch_dim)
    if len(routers) != model.n_experts:
        raise reject("routers.shape", routers.shape, f"({model.n_experts}, d) as in the model")
    found = rivals(patterns, routers, model.n_chosen)
    n, capacity = patterns.n_patches, model.patches_per_expert(patterns.n_patches)
    success = np.zeros(found.chosen.shape)
    for y, s in np.argwhere(found.chosen):
        if model.priority == "place":
            success[y, s] = place_success(n, capacity, float(found.choosing[s]))
        else:
            ahead, tied = float(found.choosing_ahead[y, s]), float(found.choosing_tied[y, s])
            success[y, s] = ranked_success(n, capacity, ahead, tied)
    return ExpertSuccess.of_classes(patterns, *success)


@typed
def expert_choice_success(
    patterns: PatchPatterns, routers: NDArray[Any], n_routed: int
) -> ExpertSuccess:
    """Return how often each expert receives the discriminative patch if it takes its top l.

    Parameters
    ----------
    patterns, routers
        As for `rivals`.
    n_routed : int
        l, in [1, n].

    Returns
    -------
    ExpertSuccess
        Exact, given the routers.

    Raises
    ------
    ValueError
        As `rivals` does, or if l is not in [1, n].

    Notes
    -----
    Source: derived in docs/theory/token-choice.md.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> routers = np.stack([patterns.o1, patterns.o2])
    >>> expert_choice_success(patterns, routers, n_routed=1).positive.tolist()[0]
    1.0
    """
    n = patterns.n_patches
    n_routed = integer("n_routed", n_routed, 1, n)
    found = rivals(patterns, routers)
    success = np.zeros(found.ahead.shape)
    for y, s in np.ndindex(*success.shape):
        ahead, tied = float(found.ahead[y, s]), float(found.tied[y, s])
        success[y, s] = ranked_success(n, n_routed, ahead, tied)
    return ExpertSuccess.of_classes(patterns, *success)


def _fraction(marks: NDArray[np.bool_]) -> Array:
    """Return the fraction of irrelevant patterns, over the last axis but one, that are marked."""
    fraction: Array = marks.sum(axis=-2) / max(marks.shape[-2], 1)
    return fraction
