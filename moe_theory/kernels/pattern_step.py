"""How a step in pattern space moves the products of units and routers with the patterns.

The columns of ``z`` (m, W), ``scores``, ``values`` and ``slopes`` (k, W) are the P patterns, filled
up with columns of zeros to whole vectors.
"""

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
def pattern_values(z, output, values):
    """Write what each pattern adds in each expert, Σ_r a_r relu(z_rp) over its units, (k, W)."""
    n_experts, n_patterns = values.shape
    n_units = len(output) // n_experts
    zero = values.dtype.type(0)
    values[:] = 0
    for s in range(n_experts):
        value = values[s]
        for r in range(s * n_units, (s + 1) * n_units):
            own, a = z[r], output[r]
            for p in range(n_patterns):
                value[p] += a * (own[p] if own[p] > zero else zero)


@kernel
def renew(network, rate, slopes, values, change):
    """Step every unit by the ``slopes`` in the values of its expert, and renew these values."""
    if is_orthonormal(network.gram):
        n_units = len(network.z) // len(values)
        for s in range(len(values)):
            _renew_expert(network.z, network.output, rate, slopes, values, s, n_units)
    else:
        _move_units(network, rate, slopes, change)
        pattern_values(network.z, network.output, values)


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
def _move_units(network, rate, slopes, change):
    z = network.z
    n_units = len(z) // len(slopes)
    zero = z.dtype.type(0)
    for r in range(len(z)):
        s, a = r // n_units, network.output[r]
        for p in range(z.shape[1]):
            step = -rate * slopes[s, p] * a
            change[p] = step if z[r, p] > zero else zero
            network.learned[r, p] += change[p]
        _apply_gram(change, network.gram, z[r])


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
