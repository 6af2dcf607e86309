"""`expert_load`: how much every expert serves, and which experts serve nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_network, check_samples, check_shapes, router_array
from moe_theory._arithmetic import log, products
from moe_theory._stopping import stop_if_asked
from moe_theory._validation import finite, instance, read_only, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.models import Model, Weights
from moe_theory.routing.pairs import served_pairs

Array = NDArray[Any]

# Pairs of a patch and an expert that are looked at together, to bound the memory.
BLOCK = 2**22


@dataclass(frozen=True, eq=False)
class Load:
    """What every expert with a router serves, per expert s.

    An expert serves a patch if it receives it; a *pair* is a patch and an expert that serves it. A
    patch that has chosen an expert without room makes no pair. Shared experts, which serve all
    patches, are left out.

    Attributes
    ----------
    patches : array, shape (k,)
        Share of all pairs that are of expert s; they sum to 1. Where experts choose patches, each
        takes l of every input, so that it is 1/k whatever the routers do. Where inputs choose, it
        is the share of the inputs that chose s.
    inputs : array, shape (k,)
        Fraction of inputs of which expert s serves at least one patch; 1 where experts choose.
    idle : bool array, shape (k,)
        Whether expert s serves no patch: it is dead by its router.
    silent : bool array, shape (k,)
        Whether all units of expert s are 0 on every patch that it serves, so that it adds nothing
        to any output. Experts that are idle are also silent.
    untrained : bool array, shape (k,), or None
        Whether the hidden weights of expert s are bit for bit those before the training. None
        where these are not known.
    pairs_per_patch : float
        Mean number of experts that serve a patch. Expert s receives the fraction
        ``patches[s] * pairs_per_patch`` of all patches, which is l/n where experts choose.
    unserved : float
        Fraction of patches that no expert with a router serves: of limited capacity, or not chosen
        by any expert.
    n_samples : int
        N, the number of inputs, of which the fractions are means.
    """

    patches: Array
    inputs: Array
    idle: Array
    silent: Array
    untrained: Array | None
    pairs_per_patch: float
    unserved: float
    n_samples: int

    @property
    def entropy(self) -> float:
        """Entropy of ``patches`` over log k: 1 if all are equal, or k = 1, and 0 if one has all."""
        if len(self.patches) == 1:
            return 1.0
        some = self.patches[self.patches > 0]
        total = -np.add.accumulate(some * log(some))[-1]
        return float(total / log([len(self.patches)])[0])

    @property
    def max_over_mean(self) -> float:
        """The largest load over the mean, k·max ``patches``: 1 of equal loads, at most k.

        MaxVio is this less 1. Source: Wang et al., Auxiliary-Loss-Free Load Balancing, 2024.
        """
        return float(len(self.patches) * self.patches.max())

    @property
    def n_idle(self) -> int:
        """How many experts serve no patch."""
        return int(self.idle.sum())

    @property
    def n_silent(self) -> int:
        """How many experts add nothing to any output."""
        return int(self.silent.sum())

    @property
    def n_untrained(self) -> int | None:
        """How many experts have the hidden weights that they started with, where it is known."""
        return None if self.untrained is None else int(self.untrained.sum())


def expert_load(
    data: PatchData, model: Model, weights: Weights, initial: Weights | None = None
) -> Load:
    """Measure how many patches and inputs every expert serves, and which experts are dead.

    Parameters
    ----------
    data : PatchData
        N inputs; their discriminative patches need not be known.
    model : SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE
        The network. Noise in the scores is left out, as in testing.
    weights : Weights
        Its weights.
    initial : Weights, optional
        Those before the training, to tell which experts were never trained.

    Returns
    -------
    Load

    Raises
    ------
    TypeError
        If an argument is another object than it should be.
    ValueError
        If the network has no experts, shapes do not agree, or a score is not finite.

    Examples
    --------
    The third router scores every patch lower than the first two do between them.

    >>> import numpy as np
    >>> from moe_theory import PatchPatterns, TokenChoiceMoE, Weights
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    >>> along = patterns.o1 - patterns.o2
    >>> weights = Weights(np.ones((3, 18)), np.ones(3), np.stack([along, -along, along / 2]))
    >>> found = expert_load(patterns.sample(50, seed=0), TokenChoiceMoE(3, 3), weights)
    >>> found.n_idle, found.idle.tolist(), found.unserved
    (1, [False, False, True], 0.0)
    """
    check_samples(data)
    check_network(model)
    if not model.has_routers:
        raise reject("model", model, "a network with experts")
    for name, given in (("weights", weights), ("initial", initial)):
        if given is not None or name == "weights":
            instance(name, given, Weights, "Weights, such as run.weights of a TrainingRun")
            assert given is not None
            check_shapes(name, given, model, data.patch_dim)
            if given.bias is not None:
                finite(f"{name}.bias", given.bias)
    routers = router_array(weights.routers, data.patch_dim)
    dictionary = data.dictionary.astype(routers.dtype, copy=False)
    scores = products(routers, dictionary)
    finite("the scores of patches", scores)
    bias = np.empty(0) if weights.bias is None else weights.bias
    k, size = len(routers), max(1, BLOCK // (len(routers) * data.n_patches))
    pairs, inputs, unserved = np.zeros(k, np.int64), np.zeros(k, np.int64), 0
    met = np.zeros((k, data.n_patterns), np.bool_)
    for first in range(0, data.n_samples, size):
        stop_if_asked()
        rows = data.indices[first : first + size]
        served, _ = served_pairs(model, scores, bias, rows)
        pairs += served.sum(axis=(0, 1))
        inputs += served.any(axis=1).sum(axis=0)
        unserved += int((~served.any(axis=2)).sum())
        for s in range(k):
            met[s, rows[served[:, :, s]]] = True
    return Load(
        patches=read_only(pairs / pairs.sum()),
        inputs=read_only(inputs / data.n_samples),
        idle=read_only(pairs == 0),
        silent=read_only(_silent(model, weights.experts, dictionary, met)),
        untrained=None if initial is None else read_only(_equal(model, weights, initial)),
        pairs_per_patch=float(pairs.sum() / data.indices.size),
        unserved=unserved / data.indices.size,
        n_samples=data.n_samples,
    )


def _by_expert(model: Model, experts: Array) -> Array:
    """Return the hidden weights of the experts with routers, (k, u, d)."""
    return experts.reshape(-1, model.units_per_expert, experts.shape[1])[: model.n_experts]


def _silent(model: Model, experts: Array, dictionary: Array, met: Array) -> NDArray[np.bool_]:
    """Return which experts are 0 on all patterns that they have ``met`` (k, P)."""
    silent = np.ones(len(met), np.bool_)
    patterns = dictionary.astype(experts.dtype, copy=False)
    for s, own in enumerate(_by_expert(model, experts)):
        if met[s].any():
            silent[s] = not model.activate(products(own, patterns[met[s]])).any()
    return silent


def _equal(model: Model, weights: Weights, initial: Weights) -> NDArray[np.bool_]:
    now, before = (_by_expert(model, one.experts) for one in (weights, initial))
    equal: NDArray[np.bool_] = (now == before).all(axis=(1, 2))
    return equal
