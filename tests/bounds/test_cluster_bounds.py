"""C22's statements as bounds: how they print, their conditions, and checks of rates with logs."""

import re

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from moe_theory.bounds import SYMBOL, Bound, Measurements, check, cluster_bounds

BOUNDS = cluster_bounds()
EXPERTS = BOUNDS["n_experts"]
CLUSTERS = np.array([2, 4, 8, 16, 32])


def needed(clusters, dim):
    """The rate of Theorem 4.2, written out."""
    return clusters * np.log(clusters) * np.log(np.log(dim))


def test_rates():
    assert EXPERTS.evaluate(n_clusters=6, patch_dim=40) == pytest.approx(needed(6, 40))
    assert BOUNDS["n_train"].exponents == {"patch_dim": 1}
    steps = BOUNDS["n_steps"]
    assert steps.evaluate(learning_rate=1e-3, init_std=1e-4) == pytest.approx(10)
    assert steps.exponents == {"learning_rate": -1, "init_std": sp.Rational(1, 2)}
    assert {bound.architecture for bound in BOUNDS.values()} == {"dense", "sample"}
    assert all("C22" in b.source or "docs/theory/clusters.md" in b.source for b in BOUNDS.values())


def test_limits_of_growth():
    """K log K grows as K in the limit, and d counts less than any power."""
    assert (EXPERTS.exponent("n_clusters"), EXPERTS.exponent("patch_dim")) == (1, 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_clusters": 4, "patch_dim": 2}, "d >= 3 must hold; got patch_dim = 2"),
        ({"n_clusters": 1, "patch_dim": 9}, "n_clusters must be such that 2 <= K; got 1"),
    ],
)
def test_conditions(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EXPERTS.evaluate(**values)


@pytest.mark.parametrize(("factor", "verdict"), [(0.0, "not violated"), (0.3, "violated")])
def test_experts_over_clusters_by_the_same_fit(factor, verdict):
    """K log K itself is no violation though its slope over few K is far above 1."""
    errors = np.full(5, 0.02)
    measured = 3 * needed(CLUSTERS, 50) * CLUSTERS**factor
    found = check(EXPERTS, Measurements({"n_clusters": CLUSTERS}, measured, errors))
    assert found.verdict == verdict
    (growth,) = found.growth
    assert growth.bound > 1.3
    assert growth.measured - growth.bound == pytest.approx(factor, abs=1e-9)
    # d is not given, so that its factor is part of the constant.
    assert found.constant == pytest.approx(3 * np.log(np.log(50)) * 2**factor)


def test_experts_over_clusters_and_dimension():
    clusters, dims = (grid.ravel() for grid in np.meshgrid(CLUSTERS, [50, 200, 800]))
    values = {"n_clusters": clusters, "patch_dim": dims}
    measured = needed(clusters, dims)
    found = check(EXPERTS, Measurements(values, measured, np.full(15, 0.05)))
    assert found.verdict == "not violated"
    np.testing.assert_allclose(found.extrapolation, 0, atol=1e-12)
    found = check(EXPERTS, Measurements(values, measured * dims, np.full(15, 0.05)))
    assert [g.verdict for g in found.growth] == ["not violated", "violated"]


def test_samples_over_dimension():
    dims = [25, 50, 100, 200]
    for power, verdict in ((0.5, "not violated"), (1, "not violated"), (1.5, "violated")):
        measured = np.array(dims, float) ** power
        data = Measurements({"patch_dim": dims}, measured, [0.05] * 4)
        assert check(BOUNDS["n_train"], data).verdict == verdict


def test_a_dimension_without_rate_is_refused():
    with pytest.raises(ValueError, match="d >= 3 must hold"):
        check(EXPERTS, Measurements({"patch_dim": [2, 4, 8, 16]}, [1, 2, 3, 4]))


@given(st.floats(0.5, 2), st.sampled_from(["≤", "≥"]))
def test_a_bound_without_hidden_constant_judges_amounts(ratio, order):
    bound = Bound(SYMBOL["n_experts"], "amount", "upper" if order == "≤" else "lower", order)
    data = Measurements({"n_experts": [2, 5]}, [2 * ratio, 5 * ratio], [0.1, 0.1])
    beyond = np.log(ratio) * (1 if order == "≤" else -1)
    # Two settings, so that each has an interval of 97.5 %.
    assert check(bound, data).verdict == ("violated" if beyond > 0.22414027 else "not violated")
    assert check(bound, data).growth == ()


def test_an_amount_needs_all_parameters():
    found = check(BOUNDS["routing_change"], Measurements({"n_experts": [2, 4, 8]}, [1, 2, 3]))
    assert (found.verdict, found.reason) == ("not testable", "score_change must be known")
    nothing = Measurements({"n_experts": [2], "score_change": 0.1}, [np.inf])
    assert check(BOUNDS["routing_change"], nothing).verdict == "not testable"


@pytest.mark.parametrize(("order", "kind"), [("≥", "upper"), ("≤", "sufficient"), ("≤", "lower")])
def test_orders_without_constant_have_one_kind(order, kind):
    with pytest.raises(ValueError, match=f"as the order is {order}; got '{kind}'"):
        Bound(SYMBOL["n_experts"], "amount", kind, order)


def test_how_they_read():
    floor = BOUNDS["dense_error"]
    assert str(floor) == "≥ 1/8"
    assert floor.latex() == r"\geq \frac{1}{8}"
    assert floor.reads == "at least so much"
    assert BOUNDS["n_train"].reads == "so much is enough; less may do"
    shown = floor._repr_html_()
    assert "at least so much</" in shown
    assert "α and γ have the same law" in shown
