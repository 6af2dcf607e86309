"""Products with a Gram matrix of patterns, most of whose entries are zero."""

from moe_theory.kernels.jit import kernel


@kernel
def apply_gram(change, start, column, value, products):
    """Add K·change to ``products``, K in compressed rows: of row p, start[p] to start[p + 1]."""
    for p in range(len(change)):
        if change[p] != 0:
            for entry in range(start[p], start[p + 1]):
                products[column[entry]] += change[p] * value[entry]


@kernel
def move_products(step, slopes, coefficients, gram_start, gram_column, gram_value, products):
    """Add ``step`` times the patterns weighted by ``slopes`` to one weight vector's products."""
    if len(gram_start) == 0:
        for p in range(len(slopes)):
            products[p] += step * slopes[p]
    else:
        for p in range(len(slopes)):
            slopes[p] *= step
            coefficients[p] += slopes[p]
        apply_gram(slopes, gram_start, gram_column, gram_value, products)
