"""How a step in pattern space moves the products of units and routers with the patterns.

The columns of ``z`` (m, W), ``scores``, ``values`` and ``slopes`` (k, W) are the P patterns, filled
up with columns of zeros to whole vectors.
"""

import math

import numpy as np

from moe_theory.kernels.bits import fma
from moe_theory.kernels.codes import CUBIC, RELU
from moe_theory.kernels.jit import inlined, kernel
from moe_theory.kernels.vectors import (
    broadcast,
    lanes_of,
    load,
    multiply_add,
    store,
    where_greater,
    zeros_like,
)


@inlined
def is_orthonormal(gram):
    """Return whether the Gram matrix is the identity, which is not written down."""
    return len(gram.start) == 0


@kernel
def pattern_values(z, output, values, activation):
    """Write what each pattern adds in each expert, Σ_r a_r φ(z_rp) over its units, (k, W)."""
    n_experts, n_patterns = values.shape
    n_units = len(output) // n_experts
    zero = values.dtype.type(0)
    values[:] = 0
    for s in range(n_experts):
        value = values[s]
        for r in range(s * n_units, (s + 1) * n_units):
            own, a = z[r], output[r]
            if activation == RELU:
                for p in range(n_patterns):
                    value[p] += a * (own[p] if own[p] > zero else zero)
            elif activation == CUBIC:
                for p in range(n_patterns):
                    value[p] += a * (own[p] * own[p] * own[p])
            else:
                for p in range(n_patterns):
                    value[p] += a * own[p]


@kernel
def renew(network, rate, slopes, values, change):
    """Step every unit by the ``slopes`` in the values of its expert, and renew these values."""
    orthonormal = is_orthonormal(network.gram)
    if orthonormal and network.activation == RELU:
        n_units = len(network.z) // len(values)
        for s in range(len(values)):
            _renew_expert(network.z, network.output, rate, slopes, values, s, n_units)
    else:
        _move_units(network, rate, slopes, change, orthonormal)
        pattern_values(network.z, network.output, values, network.activation)


@kernel
def to_unit_length(network, slopes, change):
    """Divide the ``slopes`` of every expert by the Frobenius norm of its gradient, if it has one.

    The gradient of unit r is Σ_p c_rp·pattern_p, of squared length Σ_pq c_rp K_pq c_rq.
    """
    n_units = len(network.z) // len(slopes)
    for s in range(len(slopes)):
        own = slopes[s]
        largest = 0.0
        for p in range(len(own)):
            largest = max(largest, abs(np.float64(own[p])))
        if largest == 0.0:
            continue
        for p in range(len(own)):
            own[p] /= largest
        square = 0.0
        for r in range(s * n_units, (s + 1) * n_units):
            _write_steps(network, r, own.dtype.type(1), own, change)
            square += _squared_length(change, network.gram)
        if square > 0.0:
            length = math.sqrt(square)
            for p in range(len(own)):
                own[p] /= length


@kernel
def _squared_length(change, gram):
    total = 0.0
    if is_orthonormal(gram):
        for p in range(len(change)):
            part = np.float64(change[p])
            total = fma(part, part, total)
        return total
    for p in range(len(gram.start) - 1):
        if change[p] != 0:
            for entry in range(gram.start[p], gram.start[p + 1]):
                product = np.float64(change[gram.column[entry]]) * np.float64(gram.value[entry])
                total = fma(np.float64(change[p]), product, total)
    return total


@kernel
def _write_steps(network, r, rate, slopes, change):
    """Write what unit r adds of each pattern, rate times the slopes in its pre-activations.

    ``slopes`` (W,) are those in what patterns add in its expert.
    """
    own, a = network.z[r], network.output[r]
    zero, three = own.dtype.type(0), own.dtype.type(3)
    if network.activation == RELU:
        for p in range(len(own)):
            step = rate * slopes[p] * a
            change[p] = step if own[p] > zero else zero
    elif network.activation == CUBIC:
        for p in range(len(own)):
            change[p] = rate * slopes[p] * a * (three * own[p] * own[p])
    else:
        for p in range(len(own)):
            change[p] = rate * slopes[p] * a


@inlined
def _renew_expert(z, output, rate, slopes, values, s, n_units):
    """Do it for one expert and orthonormal patterns, two vectors of patterns at a time."""
    none, down = zeros_like(z), broadcast(-rate)
    lanes, end = lanes_of(z), z.shape[1]
    first = s * n_units
    for p in range(0, end - lanes, 2 * lanes):
        q = p + lanes
        left = multiply_add(load(slopes, s, p), down, none)
        right = multiply_add(load(slopes, s, q), down, none)
        total, other = none, none
        for r in range(first, first + n_units):
            a = broadcast(output[r])
            h, g = load(z, r, p), load(z, r, q)
            h = multiply_add(where_greater(h, none, left, none), a, h)
            g = multiply_add(where_greater(g, none, right, none), a, g)
            store(z, r, p, h)
            store(z, r, q, g)
            total = multiply_add(where_greater(h, none, h, none), a, total)
            other = multiply_add(where_greater(g, none, g, none), a, other)
        store(values, s, p, total)
        store(values, s, q, other)
    if end // lanes % 2:
        p = end - lanes
        left, total = multiply_add(load(slopes, s, p), down, none), none
        for r in range(first, first + n_units):
            a, h = broadcast(output[r]), load(z, r, p)
            h = multiply_add(where_greater(h, none, left, none), a, h)
            store(z, r, p, h)
            total = multiply_add(where_greater(h, none, h, none), a, total)
        store(values, s, p, total)


@kernel
def _move_units(network, rate, slopes, change, orthonormal):
    z = network.z
    n_units = len(z) // len(slopes)
    for r in range(len(z)):
        _write_steps(network, r, -rate, slopes[r // n_units], change)
        own = z[r]
        if orthonormal:
            for p in range(len(own)):
                own[p] += change[p]
        else:
            for p in range(len(own)):
                network.learned[r, p] += change[p]
            _apply_gram(change, network.gram, own)


@kernel
def move_routers(network, rate, slopes, change):
    """Step every router by the slopes in its scores, (k, W)."""
    scores = network.scores
    orthonormal = is_orthonormal(network.gram)
    for s in range(len(scores)):
        if orthonormal:
            own, slope = scores[s], slopes[s]
            for p in range(len(own)):
                own[p] -= rate * slope[p]
        else:
            for p in range(scores.shape[1]):
                change[p] = -rate * slopes[s, p]
                network.learned_routers[s, p] += change[p]
            _apply_gram(change, network.gram, scores[s])


@kernel
def _apply_gram(change, gram, products):
    """Add K·change to ``products``, K in compressed rows: of row p, start[p] to start[p + 1]."""
    for p in range(len(gram.start) - 1):
        if change[p] != 0:
            for entry in range(gram.start[p], gram.start[p + 1]):
                products[gram.column[entry]] += change[p] * gram.value[entry]
