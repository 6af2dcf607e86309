"""What balance loss, z-loss and bias do where patches choose experts.

A column is a patch, or a pattern that stands for ``visits`` (C,) patches of the batch.
"""

import numpy as np

from moe_theory.kernels.codes import SIGMOID
from moe_theory.kernels.elementary import log
from moe_theory.kernels.jit import inlined, kernel


@inlined
def uses_load(steps):
    """Return whether a step needs to know how often experts are chosen."""
    return steps.balance > 0 or steps.z_weight > 0 or steps.bias_rate > 0


@kernel
def through_gates(choices, rule, slopes):
    """Multiply the ``slopes`` in scores by what sigmoid gates add to those of a softmax, 1 − A."""
    if rule.gate == SIGMOID:
        affinities = choices.affinities
        one = affinities.dtype.type(1)
        for s in range(len(slopes)):
            for c in range(slopes.shape[1]):
                slopes[s, c] *= one - affinities[s, c]


@inlined
def is_centred(rule):
    """Return whether gates of a patch sum to a constant, so that only differences count."""
    return rule.gate != SIGMOID or rule.renormalize


@kernel
def count_choices(choices, visits, counts):
    """Count the patches that chose each expert, (k,), whether it had room for them or not."""
    counts[:] = 0
    for c in range(len(visits)):
        for q in range(len(choices.places)):
            counts[int(choices.places[q, c])] += visits[c]


@kernel
def add_load_slopes(choices, visits, counts, rule, steps, rate, slopes):
    """Add ``rate`` times the slopes of balance loss and z-loss in the scores to ``slopes`` (k, C).

    Of λ·k·Σ_s F_s P_s with fixed F and P_s the mean of A_s/Σ_q A_q, (λk/R)·P_s·(F_s − Σ_q F_q P_q)
    a patch, and that times 1 − A_s of sigmoid gates; of the mean of Z² with Z = log Σ_s exp(h_s),
    (2μ/R)·Z·A_s.
    """
    scores, affinities = choices.scores, choices.affinities
    n_experts, number = len(scores), scores.dtype.type
    n_choices = counts.sum()
    n_rows = n_choices // len(choices.places)
    factor = rate * number(steps.balance * n_experts / n_rows)
    z_factor = rate * number(2.0 * steps.z_weight / n_rows)
    shares = np.empty(n_experts, scores.dtype)
    for s in range(n_experts):
        shares[s] = number(counts[s]) / number(n_choices)
    for c in range(len(visits)):
        if visits[c] == 0:
            continue
        times = number(visits[c])
        total, mean, best = number(0), number(0), 0
        for s in range(n_experts):
            total += affinities[s, c]
            mean += shares[s] * affinities[s, c]
            best = s if scores[s, c] > scores[best, c] else best
        if steps.balance > 0 and total > number(0):
            for s in range(n_experts):
                share = affinities[s, c] / total
                slope = times * factor * share * (shares[s] - mean / total)
                if rule.gate == SIGMOID:
                    slope *= number(1) - affinities[s, c]
                slopes[s, c] += slope
        if steps.z_weight > 0:
            size = number(np.float64(scores[best, c]) - log(np.float64(affinities[best, c])))
            for s in range(n_experts):
                slopes[s, c] += times * z_factor * size * affinities[s, c]


@kernel
def move_bias(bias, counts, rate):
    """Raise the bias of experts chosen less than the mean, and lower that of those chosen more."""
    total, step = counts.sum(), bias.dtype.type(rate)
    for s in range(len(bias)):
        over = counts[s] * len(bias) - total
        if over > 0:
            bias[s] -= step
        elif over < 0:
            bias[s] += step
