"""SGD of paired routers on the linear loss −y⟨w₁ − w₂, Σ_j x⁽ʲ⁾⟩."""

import numpy as np

from moe_theory.kernels.jit import kernel


@kernel
def patch_sums(table, indices):
    """Return Σ_j x⁽ʲ⁾ of each input, shape (N, d)."""
    n_samples, n_patches = indices.shape
    dim = table.shape[1]
    sums = np.zeros((n_samples, dim), table.dtype)
    for i in range(n_samples):
        for j in range(n_patches):
            for q in range(dim):
                sums[i, q] += table[indices[i, j], q]
    return sums


@kernel
def train_routers(sums, labels, routers, order, bounds, learning_rate):
    """Take one SGD step per batch, in place.

    ``sums`` (N, d) are the patch sums of the inputs, ``routers`` (k, d) with k even, ``order`` the
    sample numbers of all batches, batch t being order[bounds[t]:bounds[t+1]].
    """
    n_routers, dim = routers.shape
    rate = routers.dtype.type(learning_rate)
    step = np.empty(dim, routers.dtype)
    for t in range(len(bounds) - 1):
        step[:] = 0
        for b in range(bounds[t], bounds[t + 1]):
            i = order[b]
            sign = routers.dtype.type(labels[i])
            for q in range(dim):
                step[q] += sign * sums[i, q]
        factor = rate / routers.dtype.type(bounds[t + 1] - bounds[t])
        for s in range(n_routers):
            signed = factor if s % 2 == 0 else -factor
            for q in range(dim):
                routers[s, q] += signed * step[q]
