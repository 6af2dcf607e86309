"""Random orders against the textbook algorithm, and against chance."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_theory.kernels.shuffle import shuffle_rows


def twin(row, draws):
    row = list(row)
    for i in reversed(range(1, len(row))):
        j = int(draws[i] * (i + 1))
        row[i], row[j] = row[j], row[i]
    return row


@given(st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_rows_are_shuffled_as_in_the_textbook(n_rows, length, seed):
    draws = np.random.default_rng(seed).random((n_rows, length))
    rows = np.tile(np.arange(length, dtype=np.int32), (n_rows, 1))
    shuffle_rows(rows, draws)
    assert rows.tolist() == [twin(range(length), own) for own in draws]


def test_the_largest_draw_stays_inside():
    rows = np.tile(np.arange(9, dtype=np.int32), (1, 1))
    shuffle_rows(rows, np.full((1, 9), np.nextafter(1.0, 0.0)))
    assert rows.tolist() == [list(range(9))]


def test_all_orders_are_equally_likely():
    draws = np.random.default_rng(0).random((24_000, 4))
    rows = np.tile(np.arange(4, dtype=np.int32), (len(draws), 1))
    shuffle_rows(rows, draws)
    found, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(found) == len(list(permutations(range(4))))
    assert stats.chisquare(counts).pvalue > 1e-4
