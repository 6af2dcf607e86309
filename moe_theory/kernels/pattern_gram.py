"""Steps in pattern space: products with a Gram matrix of patterns, most of whose entries are 0."""

from moe_theory.kernels.jit import inlined, kernel


@inlined
def is_orthonormal(gram):
    """Return whether the Gram matrix is the identity, which is not written down."""
    return len(gram.start) == 0


@kernel
def apply_gram(change, gram, products):
    """Add K·change to ``products``, K in compressed rows: of row p, start[p] to start[p + 1]."""
    for p in range(len(change)):
        if change[p] != 0:
            for entry in range(gram.start[p], gram.start[p + 1]):
                products[gram.column[entry]] += change[p] * gram.value[entry]


@kernel
def move_experts(network, rate, slopes, change):
    """Step every unit by the slopes in the values of its expert, (k, P)."""
    z = network.z
    n_units = len(z) // len(slopes)
    zero = z.dtype.type(0)
    orthonormal = is_orthonormal(network.gram)
    for r in range(len(z)):
        s, step = r // n_units, -rate * network.output[r]
        if orthonormal:
            own, slope = z[r], slopes[s]
            for p in range(len(own)):
                moved = own[p] + step * slope[p]
                own[p] = moved if own[p] > zero else own[p]
        else:
            for p in range(z.shape[1]):
                change[p] = step * slopes[s, p] if z[r, p] > zero else zero
                network.learned[r, p] += change[p]
            apply_gram(change, network.gram, z[r])


@kernel
def move_routers(network, rate, slopes, change):
    """Step every router by the slopes in its scores, (k, P)."""
    scores = network.scores
    orthonormal = is_orthonormal(network.gram)
    for s in range(len(scores)):
        if orthonormal:
            for p in range(scores.shape[1]):
                scores[s, p] -= rate * slopes[s, p]
        else:
            for p in range(scores.shape[1]):
                change[p] = -rate * slopes[s, p]
                network.learned_routers[s, p] += change[p]
            apply_gram(change, network.gram, scores[s])
