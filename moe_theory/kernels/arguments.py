"""What kernels take: arrays and numbers that belong together, in named tuples.

Shapes: P patterns or distinct patches, N samples of n patches, k experts, m hidden units, l patches
that an expert keeps, c experts that a patch chooses. The units of expert s are the m/k rows of
``experts`` or ``z`` from s·m/k on.
"""

from typing import Any, NamedTuple

from moe_theory.kernels.codes import SOFTMAX


class Samples(NamedTuple):
    """Samples to train on.

    ``table`` (P, d) holds the distinct patches, and is empty where patches are known by their
    products alone; ``rows`` holds numbers of patches, (N, n) of all patches of an input where
    routers learn, and (N, k, l) of what each expert receives where routing is fixed; ``labels``
    (N,) is ±1.
    """

    table: Any
    rows: Any
    labels: Any


class Rule(NamedTuple):
    """How patches and experts find each other.

    ``n_kept`` is l where experts choose, and c where patches do, who also need ``capacity``, the
    largest number of patches of one input that an expert takes, and ``by_score``, whether it takes
    those with the largest scores or the first. ``gated`` tells whether the expert that an input
    chose is multiplied by its gate. Where patches choose, ``gate`` is one of the `codes` of gates,
    ``renormalize`` tells whether the gates of the experts that a patch chose are divided by their
    sum, and ``n_shared`` counts the experts, the last ones, that every patch visits.
    """

    n_kept: int
    capacity: int
    by_score: bool
    gated: bool = False
    gate: int = SOFTMAX
    renormalize: bool = False
    n_shared: int = 0


class RawNetwork(NamedTuple):
    """A network by its weights: ``experts`` (m, d), ``routers`` (k, d), ``output`` (m,).

    ``activation`` is one of the `codes` of φ; ``bias`` (k,) is added to gates for the choice of
    experts, and is empty where there is none.
    """

    experts: Any
    output: Any
    routers: Any
    scale: float
    rule: Rule
    activation: int
    bias: Any


class Gram(NamedTuple):
    """Products of patterns in compressed rows, see `pattern_step`; empty if orthonormal."""

    start: Any
    column: Any
    value: Any


class PatternNetwork(NamedTuple):
    """A network by the products of its weights with the patterns.

    ``z`` (m, W) are those of the units, ``scores`` (k, W) those of the routers, W being P filled up
    to whole vectors; ``learned`` (m, W) and ``learned_routers`` (k, W) sum what training added of
    each pattern, and are empty for orthonormal patterns, where that is the change of the products.
    """

    z: Any
    scores: Any
    learned: Any
    learned_routers: Any
    output: Any
    scale: float
    rule: Rule
    gram: Gram
    activation: int
    bias: Any


class Steps(NamedTuple):
    """What to do: batch t is order[bounds[t]:bounds[t+1]], and N bounds end an epoch.

    Training ends early at zero training error if ``stop``, and where the mean training loss is at
    most ``target``, if that is not negative. One call looks at most at ``n_looked`` samples
    for each of the two. ``normalize`` takes each expert's gradient at unit length, ``balance`` is
    the weight of the balance loss, ``z_weight`` that of the z-loss, and ``bias_rate`` the step of
    the bias. ``noise`` is added to the scores of the inputs visited, (V, k), or of all their
    patches, (V, n·k), from the first of the first batch on, and is empty where there is none.
    """

    order: Any
    bounds: Any
    learning_rate: float
    router_rate: float
    loss: int
    stop: bool
    target: float
    n_looked: int
    normalize: bool
    balance: float
    noise: Any
    z_weight: float
    bias_rate: float
