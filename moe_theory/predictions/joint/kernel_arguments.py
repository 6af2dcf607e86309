"""What the kernels of `joint` take: arrays and numbers that belong together, in named tuples.

Shapes: N inputs of n patches, each patch one of P patterns; k experts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class Inputs(NamedTuple):
    """Inputs as each expert sees them.

    ``members`` (k, N, n) are the patterns of the inputs, those that an expert keeps first, of which
    there are ``n_routed``; ``labels`` (N,) is ±1.
    """

    members: Array
    labels: Array
    n_routed: int


class Experts(NamedTuple):
    """What changes in training, (k, P) each.

    ``scores`` S, ``weights`` e^S, ``values`` h and ``gains`` e^S·h. ``u`` is how far training has
    moved the units that are active on a pattern: ``up`` of them have positive output weight and
    ``up_start`` as the sum of their initial pre-activations, ``down`` and ``down_start`` are those
    of negative output weight.
    """

    scores: Array
    weights: Array
    values: Array
    gains: Array
    u: Array
    up: Array
    up_start: Array
    down: Array
    down_start: Array


class Course(NamedTuple):
    """Which steps to take, and how far.

    The first steps are those of SGD, of length ``rate``, until the loss of a batch has halved: step
    t is for the samples ``order[bounds[t]:bounds[t+1]]``. Later ones are for all samples, at most
    ``growth`` times the time gone by, while no score moves by more than ``largest`` and the mean
    loss falls by no more than that share. The flow ends at the mean loss ``target``, after the time
    ``longest``, or after too many steps. ``scale`` is that of the output, ``ratio`` η_r/η.
    """

    order: Array
    bounds: Array
    rate: float
    ratio: float
    scale: float
    target: float
    longest: float
    growth: float
    largest: float


class Sums(NamedTuple):
    """Sums over patches or samples.

    Of what each expert keeps of an input, ``totals`` (k, N) is Σ e^S and ``means`` (k, N) Σ G h;
    ``force`` (N,) is minus the slope of the mean loss in its Σ G h. Of the samples that send a
    pattern to one expert, ``per_gate`` (P,) is Σ force/Z and ``per_mean`` (P,) Σ force·(Σ G h)/Z.
    """

    totals: Array
    means: Array
    force: Array
    per_gate: Array
    per_mean: Array


class Speeds(NamedTuple):
    """``pulls`` du/dt and ``lifts`` dS/dt, (k, P)."""

    pulls: Array
    lifts: Array
