"""Random orders, many at once."""

from moe_theory.kernels.jit import kernel


@kernel
def shuffle_rows(rows, draws):
    """Shuffle each row in place, given uniform ``draws`` from [0, 1) of the same shape.

    From the last place on, each swaps its entry with one not after it (Fisher and Yates).
    """
    n_rows, length = rows.shape
    for row in range(n_rows):
        own, drawn = rows[row], draws[row]
        for i in range(length - 1, 0, -1):
            j = min(int(drawn[i] * (i + 1)), i)
            own[i], own[j] = own[j], own[i]
