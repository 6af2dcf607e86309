"""SGD in pattern space where routing is fixed: dense and separately trained networks.

Every patch is one of P patterns, so that a unit is known by its products z_rp = ⟨w_r, pattern_p⟩
alone, and a step costs O(B·k·l + m·P) whatever the dimension d. The arithmetic is that of
`kernels.fixed` up to rounding. Source: dossier §6 [D].
"""

import math

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.losses import fails, loss_slope
from moe_theory.kernels.pattern_gram import apply_gram
from moe_theory.kernels.state import CURSOR, DONE, FITTED, NEVER, REACHED


@kernel
def pattern_values(z, output, values):
    """Write Σ_r a_r relu(z_rp) over the units of each expert, shape (k, P)."""
    n_experts, n_patterns = values.shape
    n_units = len(output) // n_experts
    values[:] = 0
    for s in range(n_experts):
        for r in range(s * n_units, (s + 1) * n_units):
            for p in range(n_patterns):
                values[s, p] += output[r] * max(z[r, p], 0)


@kernel
def outputs_pattern_fixed(values, routed, scale):
    """Return f of every input from what each pattern adds in each expert, shape (N,)."""
    n_samples, n_experts, n_routed = routed.shape
    factor = values.dtype.type(scale)
    out = np.zeros(n_samples, values.dtype)
    for i in range(n_samples):
        for s in range(n_experts):
            for j in range(n_routed):
                out[i] += values[s, routed[i, s, j]]
        out[i] *= factor
    return out


@kernel
def _first_failure(values, routed, labels, scale, cursor, loss, target):
    """Return a sample that `losses.fails`, looking from ``cursor`` on, or NEVER if none does."""
    n_samples, n_experts, n_routed = routed.shape
    total = 0.0
    for offset in range(n_samples):
        i = (cursor + offset) % n_samples
        f = values.dtype.type(0)
        for s in range(n_experts):
            for j in range(n_routed):
                f += values[s, routed[i, s, j]]
        failed, total = fails(labels[i] * f * scale, n_samples, loss, target, total)
        if failed:
            return i
    return NEVER


@kernel
def train_pattern_fixed(
    z, coefficients, gram_start, gram_column, gram_value, routed, labels, output, scale, order,
    bounds, learning_rate, loss, stop, target, state,
):  # fmt: skip
    """Take one SGD step per batch, updating ``z`` (m, P) in place; return whether f stayed finite.

    ``coefficients`` (m, P) sums what SGD added of each pattern to each unit, and the Gram matrix
    comes as for `pattern_gram.apply_gram`; both are empty for orthonormal patterns, where the sums
    are z − z(0). ``routed`` (N, k, l), the other arguments and ``state`` as for
    `fixed.train_fixed`.
    """
    n_samples, n_experts, n_routed = routed.shape
    n_units, n_patterns = z.shape[0] // n_experts, z.shape[1]
    orthonormal = len(gram_start) == 0
    number = z.dtype.type
    factor = number(scale)
    rate = number(learning_rate)
    zero = number(0)
    values = np.empty((n_experts, n_patterns), z.dtype)
    slopes = np.empty((n_experts, n_patterns), z.dtype)
    change = np.empty(n_patterns, z.dtype)
    pattern_values(z, output, values)
    for t in range(len(bounds) - 1):
        slopes[:] = 0
        size = number(bounds[t + 1] - bounds[t])
        for b in range(bounds[t], bounds[t + 1]):
            i = order[b]
            f = zero
            for s in range(n_experts):
                for j in range(n_routed):
                    f += values[s, routed[i, s, j]]
            f *= factor
            if not math.isfinite(f):
                return False
            y = number(labels[i])
            slope = number(loss_slope(y * f, loss)) * y * factor / size
            for s in range(n_experts):
                for j in range(n_routed):
                    slopes[s, routed[i, s, j]] += slope
        values[:] = 0
        for s in range(n_experts):
            for r in range(s * n_units, (s + 1) * n_units):
                a = output[r]
                step = -rate * a
                if orthonormal:
                    for p in range(n_patterns):
                        moved = z[r, p] + (step * slopes[s, p] if z[r, p] > 0 else zero)
                        z[r, p] = moved
                        values[s, p] += a * max(moved, zero)
                else:
                    for p in range(n_patterns):
                        change[p] = step * slopes[s, p] if z[r, p] > 0 else zero
                        coefficients[r, p] += change[p]
                    apply_gram(change, gram_start, gram_column, gram_value, z[r])
                    for p in range(n_patterns):
                        values[s, p] += a * max(z[r, p], zero)
        state[DONE] += 1
        if bounds[t + 1] % n_samples == 0:
            if state[FITTED] == NEVER:
                failed = _first_failure(values, routed, labels, factor, state[CURSOR], loss, -1.0)
                if failed == NEVER:
                    state[FITTED] = state[DONE]
                else:
                    state[CURSOR] = failed
            if target >= 0:
                failed = _first_failure(values, routed, labels, factor, state[CURSOR], loss, target)
                if failed == NEVER:
                    state[REACHED] = state[DONE]
            if state[REACHED] != NEVER or (stop and state[FITTED] != NEVER):
                return True
    return True
