"""Probabilities of the top expert under uniform noise: exact, and as smooth as is claimed."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from moe_theory.bounds import cluster_bounds
from moe_theory.routing import routing_probabilities

BOUNDS = cluster_bounds()
numbers = st.floats(-2, 2).map(lambda value: round(value, 3))
# Few different scores too, so that ties occur, and gaps of exactly 1.
scores = st.integers(1, 9).flatmap(
    lambda k: st.lists(numbers | st.sampled_from([0.0, 0.5, 1.0]), min_size=k, max_size=k)
)


def by_quadrature(h, expert):
    """The integral over the expert's own noise."""
    others = np.delete(h, expert)
    corners = sorted({0.0, 1.0, *np.clip(np.concatenate([others, others + 1]) - h[expert], 0, 1)})

    def all_lower(u):
        return np.prod(np.clip(h[expert] + u - others, 0, 1))

    return sum(quad(all_lower, low, high, epsabs=1e-13)[0] for low, high in pairwise(corners))


@settings(max_examples=60, deadline=None)
@given(scores)
def test_equals_quadrature(h):
    h = np.array(h)
    found = routing_probabilities(h)
    np.testing.assert_allclose(found, [by_quadrature(h, m) for m in range(len(h))], atol=1e-11)
    assert found.sum() == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("k", [2, 5, 12])
def test_equals_simulation(k):
    rng = np.random.default_rng(k)
    for h in rng.normal(0, 0.3, (3, k)):
        chosen = (h + rng.random((40_000, k))).argmax(axis=1)
        expected = 40_000 * routing_probabilities(h)
        counts = np.bincount(chosen, minlength=k)
        assert (counts[expected == 0] == 0).all()
        spread = np.sqrt(np.maximum(expected, 1))
        assert (np.abs(counts - expected) < 5.5 * spread).all()


def test_two_experts_in_closed_form():
    gaps = np.linspace(-1.5, 1.5, 31)
    first = routing_probabilities(np.stack([gaps, np.zeros(31)], axis=1))[:, 0]
    lower = np.clip(1 - np.abs(gaps), 0, 1) ** 2 / 2
    np.testing.assert_allclose(first, np.where(gaps > 0, 1 - lower, lower), atol=1e-15)


@pytest.mark.parametrize("k", [1, 2, 7, 64])
def test_equal_scores_share(k):
    np.testing.assert_allclose(routing_probabilities(np.full((2, k), 3.25)), 1 / k, rtol=1e-12)


@given(scores, st.floats(-5, 5), st.randoms(use_true_random=False))
def test_shifts_and_orders(h, shift, random):
    order = list(range(len(h)))
    random.shuffle(order)
    found = routing_probabilities(h)
    moved = routing_probabilities(np.array(h)[order] + shift)
    np.testing.assert_allclose(moved, found[order], atol=1e-12)
    # Who has the higher score is chosen as often or more.
    assert (np.diff(found[np.argsort(h, kind="stable")]) >= -1e-12).all()


@given(scores, st.data())
def test_lemma_and_the_bound_derived_here(h, data):
    change = data.draw(st.floats(1e-6, 0.7))
    moves = data.draw(st.lists(st.floats(-1, 1), min_size=len(h), max_size=len(h)))
    other = np.array(h) + change * np.array(moves)
    size = np.abs(other - h).max()
    moved = np.abs(routing_probabilities(h) - routing_probabilities(other)).max()
    assume(size > 0)
    assert moved <= BOUNDS["routing_change_derived"].evaluate(score_change=size) + 1e-12
    if len(h) > 1:
        assert (
            moved <= BOUNDS["routing_change"].evaluate(n_experts=len(h), score_change=size) + 1e-12
        )


@pytest.mark.parametrize("k", [2, 3, 8])
def test_the_derived_constant_is_the_best(k):
    """One expert against one other, at equal scores; those that are out do not count."""
    change = 1e-4
    h = np.array([0.0, 0.0, *[-5.0] * (k - 2)])
    up = h + change * np.array([1.0, -1.0, *[0.0] * (k - 2)])
    moved = np.abs(routing_probabilities(up) - routing_probabilities(h)).max()
    assert moved == pytest.approx(2 * change, rel=1e-3)


def test_rows_are_by_themselves_and_equal_bits():
    rows = np.random.default_rng(0).normal(0, 0.5, (50, 6))
    together = routing_probabilities(rows)
    alone = np.array([routing_probabilities(row) for row in rows])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("given_scores", "message"),
    [([np.nan, 0], "scores must be finite"), ([], "scores.shape must be"), ([[]], "scores.shape")],
)
def test_bad_scores(given_scores, message):
    with pytest.raises(ValueError, match=message):
        routing_probabilities(given_scores)
    with pytest.raises(TypeError, match="scores must be an array of real numbers"):
        routing_probabilities(["a"])
