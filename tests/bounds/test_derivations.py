"""Savings, regions, and what the table is silent about."""

import pytest
from draws import values
from hypothesis import given
from hypothesis import strategies as st

from moe_theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    SYMBOL,
    Formula,
    complexity,
    derive_computation,
    derive_router_share,
    derive_router_training,
    derive_savings,
    step_flops,
    wins,
)
from moe_theory.bounds.derivations import dominant_monomials

ratios = {
    ("sample complexity", "separate", "dense"): "n⁸/l⁸",
    ("computational complexity", "separate", "dense"): "n⁵/l⁵",
    ("sample complexity", "joint", "dense"): "n⁸/(k⁴ l⁶)",
    ("computational complexity", "joint", "dense"): "n⁵/(k² l³)",
}
architectures = st.sampled_from(ARCHITECTURES)


@pytest.mark.parametrize("case", ratios)
def test_savings_ratios(case):
    quantity, cheap, dear = case
    derivation = derive_savings(complexity(quantity, cheap), complexity(quantity, dear))
    assert str(derivation.result) == ratios[case]
    assert str(derivation).splitlines()[-1] == f"Result: {ratios[case]}"
    assert derivation._repr_markdown_().count("$") % 2 == 0


@given(values(), st.sampled_from(QUANTITIES), architectures, architectures)
def test_savings_are_at_least_one_exactly_on_the_region(point, quantity, cheap, dear):
    first, second = complexity(quantity, cheap), complexity(quantity, dear)
    savings = derive_savings(first, second).result
    used = {p.name: point[p.name] for p in savings.parameters}
    # Powers of integers up to 64 are far apart: rounding cannot move them over 1.
    saves = savings.evaluate(**used) >= 1 - 1e-9
    assert wins(first, second).contains(**point) == saves
    if {cheap, dear} == {"separate", "dense"}:
        assert wins(complexity(quantity, "separate"), complexity(quantity, "dense")).contains(
            **point
        )


def test_regions_refuse_bad_values_and_other_quantities():
    region = wins(
        complexity("sample complexity", "joint"), complexity("sample complexity", "dense")
    )
    with pytest.raises(ValueError, match="l <= n must hold"):
        region.contains(n_patches=2, n_routed=3, n_experts=1)
    with pytest.raises(ValueError, match="n_experts is missing"):
        region.contains(n_patches=4, n_routed=3)
    assert region.contains(n_patches=[4, 4], n_routed=3, n_experts=[1, 64]).tolist() == [
        True,
        False,
    ]
    assert region.latex() == r"k^{2} l^{3} \leq n^{4}"
    with pytest.raises(ValueError, match="cheap must be a bound on iteration complexity"):
        derive_savings(
            complexity("sample complexity", "joint"), complexity("iteration complexity", "dense")
        )
    with pytest.raises(ValueError, match="expression must be a monomial"):
        wins(step_flops("dense"), step_flops("joint"))


@given(values(largest=400), architectures)
def test_dominant_terms_bound_the_whole_step(point, architecture):
    """Every other monomial divides a dominant one: the whole is at most Σ|coefficients| times."""
    exact = step_flops(architecture)
    terms = dominant_monomials(exact.expression)
    constants = sum(exact.expression.as_coefficients_dict().values())
    at = {SYMBOL[name]: value for name, value in point.items()}
    whole = exact.expression.subs(at)
    assert whole <= constants * max(term.subs(at) for term in terms)
    assert whole >= sum(term.subs(at) for term in terms)


@given(values())
def test_the_share_is_a_share(point):
    formula = derive_router_share().result
    used = {p.name: point[p.name] for p in formula.parameters}
    assert 0 < formula.evaluate(**used) < 1


def test_router_share_tends_to_the_ratio_of_products():
    """For large d the share tends to x/(1 + x), x = (k n + k l)/(2 m l)."""
    sizes = {"batch_size": 10**4, "n_patches": 16, "n_routed": 6, "n_experts": 8, "n_hidden": 40}
    share = derive_router_share().result.evaluate(**sizes, patch_dim=10**6)
    x = (8 * 16 + 8 * 6) / (2 * 40 * 6)
    assert share == pytest.approx(x / (1 + x), rel=1e-3)


def test_router_training_is_small_where_it_is_claimed():
    ratio = derive_router_training().result
    assert ratio.exponent("n_patches") == 2
    assert ratio.exponent("delta_d") == -3
    sizes = {"batch_size": 20, "n_hidden": 40, "n_patches": 16, "n_routed": 2}
    assert ratio.evaluate(**sizes, delta_d=0, epsilon=0.05) < 1e-9
    with pytest.raises(ValueError, match="l <= n must hold"):
        ratio.evaluate(**{**sizes, "n_routed": 17}, delta_d=0, epsilon=0.05)


def test_derivations_show_their_steps():
    text = str(derive_computation("joint"))
    assert "condition: k n ≤ m l" in text
    assert "iterations that suffice: k² l²/ε⁸" in text
    assert isinstance(derive_computation("dense").result, Formula)
