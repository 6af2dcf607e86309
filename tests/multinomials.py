"""Multinomial laws by enumeration, for brute-force twins of exact statements."""

import itertools
from collections import Counter
from math import factorial


def multinomial(total, cells):
    """Chance of every way in which ``total`` falls into equal ``cells``."""
    law = {}
    for falls in itertools.combinations_with_replacement(range(cells), total):
        counts = tuple(falls.count(cell) for cell in range(cells))
        ways = factorial(total)
        for count in counts:
            ways //= factorial(count)
        law[counts] = ways / cells**total
    return law


def differences(first, second, cells):
    """Chance of every sorted difference of two independent multinomials."""
    law = Counter()
    seconds = multinomial(second, cells).items()
    for (one, p), (two, q) in itertools.product(multinomial(first, cells).items(), seconds):
        law[tuple(sorted(a - b for a, b in zip(one, two, strict=True)))] += p * q
    return law
