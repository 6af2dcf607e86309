"""Bounds as objects: exponents, ratios, directions, conditions and how they print."""

import math

import numpy as np
import pytest
import sympy as sp
from draws import values
from hypothesis import assume, given
from hypothesis import strategies as st

from moe_theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    SYMBOL,
    Bound,
    Formula,
    complexity,
    derive_computation,
    derive_router_share,
    derive_router_training,
    parameter,
    pruning_bounds,
    router_bounds,
    step_flops,
    training_flops,
)

TABLE = {(q, a): complexity(q, a) for q in QUANTITIES for a in ARCHITECTURES}
BOUNDS = [*TABLE.values(), *router_bounds().values(), *pruning_bounds().values()]
FORMULAS = [
    *BOUNDS,
    derive_router_share().result,
    derive_router_training().result,
    *(step_flops(name) for name in ARCHITECTURES),
]
formulas = st.sampled_from(FORMULAS)
bounds = st.sampled_from(BOUNDS)


def restricted(formula, point):
    return {p.name: point[p.name] for p in formula.parameters}


@given(formulas, values())
def test_lambdified_equals_symbolic(formula, point):
    """Substitution at rationals is exact; floating point may differ by rounding."""
    point = {**point, "epsilon": round(point["epsilon"], 3), "delta_d": round(point["delta_d"], 3)}
    used = restricted(formula, point)
    exact = formula.expression.subs(
        {SYMBOL[name]: sp.Rational(str(value)) for name, value in used.items()}
    )
    assert formula.evaluate(**used) == pytest.approx(float(exact), rel=1e-9)


@given(formulas, st.lists(values(), min_size=1, max_size=4))
def test_arrays_equal_numbers(formula, points):
    arrays = {p.name: np.array([point[p.name] for point in points]) for p in formula.parameters}
    got = np.broadcast_to(formula.evaluate(**arrays), len(points))
    want = [formula.evaluate(**restricted(formula, point)) for point in points]
    np.testing.assert_allclose(got, want, rtol=1e-9)


@given(bounds, values(), st.data())
def test_exponents_agree_with_numeric_log_slopes(bound, point, data):
    """Bounds of the table are power laws: any two sizes give the exponent."""
    assume(bound.parameters)
    over = data.draw(st.sampled_from(bound.parameters))
    point = {**point, "n_routed": 1, "n_experts": 1}
    factor = 0.5 if over.high == 1 else 3
    grown = {**point, over.name: point[over.name] * factor}
    if over.name in ("delta_d", "gamma"):
        grown[over.name] = 1 - (1 - point[over.name]) * factor
    # l ≤ n and k ≤ m restrict values, not the slope.
    grown |= (
        {"n_patches": 10**4, "n_hidden": 10**4} if over.name in ("n_routed", "n_experts") else {}
    )
    base = {**point, **{k: v for k, v in grown.items() if k != over.name}}
    ratio = bound.evaluate(**restricted(bound, grown)) / bound.evaluate(**restricted(bound, base))
    scales = over.scaled([grown[over.name], base[over.name]])
    slope = math.log(ratio) / math.log(scales[0] / scales[1])
    assert slope == pytest.approx(float(bound.exponent(over.name)), abs=1e-6)


@given(st.sampled_from(ARCHITECTURES), values())
def test_exponents_of_costs_are_limits(architecture, point):
    """Operations are linear in every size that occurs, plus what does not depend on it."""
    formula = step_flops(architecture)
    for over in formula.parameters:
        assert formula.exponent(over.name) == 1
        at = {SYMBOL[name]: value for name, value in point.items()}
        sizes = [formula.expression.subs({**at, over.symbol: size}) for size in (10**9, 2 * 10**9)]
        assert math.log2(sizes[1] / sizes[0]) == pytest.approx(1, abs=1e-3)


@given(values(), st.sampled_from(QUANTITIES))
def test_ratios_agree_with_values(point, quantity):
    for first in ARCHITECTURES:
        for second in ARCHITECTURES:
            a, b = TABLE[quantity, first], TABLE[quantity, second]
            ratio = a.ratio(b)
            want = a.evaluate(**restricted(a, point)) / b.evaluate(**restricted(b, point))
            assert ratio.evaluate(**restricted(ratio, point)) == pytest.approx(want, rel=1e-9)
            for over in (*a.parameters, *b.parameters):
                assert ratio.exponent(over.name) == a.exponent(over.name) - b.exponent(over.name)


@given(formulas, values(), st.data())
def test_monotone_as_claimed(formula, point, data):
    """Whatever direction is claimed, larger values of the parameter do not go against it."""
    assume(formula.parameters)
    over = data.draw(st.sampled_from(formula.parameters))
    claimed = formula.monotone(over.name)
    if isinstance(formula, Bound):
        assert claimed is not None
    if claimed is None:
        return
    low, high = (over.low, over.high) if over.high == 1 else (1, 2 * point[over.name])
    larger = point[over.name] + (high - point[over.name]) * data.draw(st.floats(0.01, 0.99))
    grown = {**point, over.name: larger}
    if over.name in ("n_routed", "n_experts"):
        top = "n_patches" if over.name == "n_routed" else "n_hidden"
        assume(larger <= point[top])
    before, after = (formula.evaluate(**restricted(formula, p)) for p in (point, grown))
    assert claimed * (after - before) >= -1e-9 * abs(before)
    assert low < larger


def test_monotone_is_told_where_it_can_be_and_not_where_it_cannot():
    n, l, k = SYMBOL["n_patches"], SYMBOL["n_routed"], SYMBOL["n_experts"]
    assert Formula(n - l + 1).monotone("n_routed") == -1
    assert Formula((n - l) * n).monotone("n_patches") == 1  # 2n − l > 0 only as l ≤ n
    assert Formula(k / (1 + k**2)).monotone("n_experts") == -1
    assert Formula(l * (n - l)).monotone("n_routed") is None
    assert Formula(n).monotone("k") == 0
    assert TABLE["sample complexity", "joint"].monotone("epsilon") == -1
    assert router_bounds()["router_batch_size"].monotone("delta_d") == 1


@given(values())
def test_separate_is_dense_at_l_equal_n(point):
    point = {**point, "n_routed": point["n_patches"]}
    for quantity in QUANTITIES:
        dense, separate = TABLE[quantity, "dense"], TABLE[quantity, "separate"]
        assert dense.evaluate(**restricted(dense, point)) == separate.evaluate(
            **restricted(separate, point)
        )
    assert sp.simplify(
        step_flops("separate").expression.subs(SYMBOL["n_routed"], SYMBOL["n_patches"])
        - step_flops("dense").expression
    ) == 0  # fmt: skip


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_derived_computation_equals_the_table(architecture):
    derived, stated = derive_computation(architecture).result, None
    stated = TABLE["computational complexity", architecture]
    assert derived.ratio(stated).expression == 1
    assert (derived.kind, derived.order, derived.quantity) == ("upper", "O", stated.quantity)
    assert [str(a) for a in derived.assumes] == [str(a) for a in stated.assumes]


def test_joint_computation_needs_cheap_routers():
    derived = derive_computation("joint").result
    assert [a.text for a in derived.conditions] == ["l >= l*", "k n ≤ m l"]
    sizes = {"n_hidden": 8, "n_experts": 8, "n_routed": 2, "patch_dim": 4, "batch_size": 5}
    with pytest.raises(ValueError, match=r"k n ≤ m l must hold; got n_experts = 8, .*n_routed = 2"):
        derived.evaluate(**sizes, n_patches=16, epsilon=0.1)
    assert derived.evaluate(**sizes, n_patches=2, epsilon=0.5) > 0


def test_crossovers():
    quantity = "sample complexity"
    separate, joint, dense = (TABLE[quantity, a] for a in ("separate", "joint", "dense"))
    (at,) = joint.crossover(separate, "n_experts")
    for l in (1, 4, 9):
        k = float(at.subs(SYMBOL["n_routed"], l))
        assert joint.evaluate(n_experts=k, n_routed=l, epsilon=0.1) == pytest.approx(
            separate.evaluate(n_routed=l, epsilon=0.1)
        )
    assert separate.crossover(dense, "n_routed") == (SYMBOL["n_patches"],)
    assert dense.crossover(dense, "epsilon") == ()
    # One step of joint training costs as much as one of the dense network at this k.
    (k,) = step_flops("joint").crossover(step_flops("dense"), "n_experts")
    sizes = {"n_patches": 16, "n_routed": 6, "n_hidden": 40, "patch_dim": 784, "batch_size": 20}
    at_k = float(k.subs({SYMBOL[name]: value for name, value in sizes.items()}))
    assert step_flops("joint").evaluate(**sizes, n_experts=at_k) == pytest.approx(
        step_flops("dense").evaluate(**{n: v for n, v in sizes.items() if n != "n_routed"})
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_routed": 9, "n_patches": 4}, r"l <= n must hold; got n_routed = 9, n_patches = 4"),
        ({"n_routed": [2, 9], "n_patches": 4}, r"l <= n must hold; got n_routed = 9"),
        ({"n_routed": 2, "l_star": 3}, r"l >= l\* must hold; got n_routed = 2, l_star = 3"),
        ({"n_routed": 2, "n_experts": 9, "n_hidden": 4}, "k <= m must hold; got n_experts = 9"),
        ({"n_routed": -1}, "n_routed must be such that 1 <= l; got -1"),
        ({"n_routed": 0}, "n_routed must be such that 1 <= l; got 0"),
        ({"n_routed": 2, "epsilon": 0.0}, "epsilon must be such that 0 < ε < 1; got 0.0"),
        ({"n_routed": 2, "epsilon": [0.1, 1.0]}, "epsilon must be such that 0 < ε < 1; got 1.0"),
        ({"n_routed": 2, "epsilon": float("nan")}, "epsilon must be such that 0 < ε < 1; got nan"),
        ({"n_routed": 2, "delta_d": 1.0}, "delta_d must be such that -1 < δ_d < 1; got 1.0"),
        ({"n_routed": "2"}, "n_routed must be a real number or array"),
        ({"epsilon": 0.1}, "values must be complete; n_routed is missing"),
        ({"width": 3}, "parameter must be one of n_patches, patch_dim"),
    ],
)
def test_bad_values_name_the_assumption(values, message):
    given_values = {"epsilon": 0.1, **values} if "epsilon" not in values else values
    with pytest.raises(ValueError, match=message):
        TABLE["sample complexity", "separate"].evaluate(**given_values)


@pytest.mark.parametrize("epsilon", [1e-30, 1e-300, 5e-324, np.array([0.1, 1e-30])])
@pytest.mark.parametrize("bound", [complexity("sample complexity", a) for a in ARCHITECTURES])
def test_values_beyond_floating_point_are_refused(bound, epsilon):
    """1/ε¹⁶ was a division by zero, or infinite with a warning."""
    point = {p.name: 4 for p in bound.parameters} | {"epsilon": epsilon}
    with pytest.raises(
        ValueError, match=r"such that .*ε.* is a floating-point number; got .*epsilon"
    ):
        bound.evaluate(**point)
    assert np.isfinite(bound.evaluate(**point | {"epsilon": 1e-15}))


def test_bad_symbols_and_fields():
    with pytest.raises(ValueError, match="expression must be symbols of bounds"):
        Formula(sp.Symbol("q") ** 2)
    with pytest.raises(ValueError, match="parameter must be one of"):
        TABLE["sample complexity", "dense"].exponent("width")
    with pytest.raises(ValueError, match="kind must be one of 'sufficient', 'upper', 'lower'"):
        Bound(sp.Integer(1), "samples", "necessary", "Ω")
    with pytest.raises(ValueError, match="architecture must be one of"):
        complexity("sample complexity", "sparse")
    with pytest.raises(ValueError, match="quantity must be one of"):
        complexity("memory", "dense")


def test_how_bounds_print():
    bound = router_bounds()["router_batch_size"]
    assert str(bound) == "Ω(n²/(1 − δ_d)²)"
    assert bound.latex() == r"\Omega\left(\frac{n^{2}}{\left(1 - \delta_d\right)^{2}}\right)"
    assert TABLE["computational complexity", "joint"].latex() == (
        r"\mathcal{O}\left(\frac{B m k^{2} l^{3} d}{\varepsilon^{8}}\right)"
    )
    assert pruning_bounds()["irrelevant"].latex() == r"\mathcal{O}\left(\frac{1}{\sqrt{d}}\right)"
    assert TABLE["sample complexity", "dense"]._repr_latex_().startswith("$")
    assert parameter("δ_d").name == "delta_d"


def test_polynomials_of_integers_are_exact():
    big = 10**9 + 7
    sizes = dict.fromkeys(("n_patches", "n_hidden", "patch_dim", "batch_size"), big)
    exact = 4 * big**4 + 2 * big**3 + 4 * big**2 + 8 * big
    assert step_flops("dense").evaluate(**sizes) == exact
    whole = training_flops("dense").evaluate(
        n_patches=big, n_hidden=big, patch_dim=big, n_visits=big, n_steps=1
    )
    assert whole == exact


def test_two_names_of_one_parameter_are_refused():
    n = Formula(parameter("n").symbol)
    assert n.evaluate(n=4) == n.evaluate(n_patches=4) == 4
    for twice in ({"n": 4, "n_patches": 5}, {"n_patches": 5, "n": 5}, {"ε": 0.1, "epsilon": 0.2}):
        with pytest.raises(ValueError, match="are the same parameter; give one of them") as raised:
            n.evaluate(**({"l": 3} | twice))
        assert all(name in str(raised.value) for name in twice)


def test_integers_beyond_64_bits_are_named():
    n = Formula(parameter("n").symbol ** 2)
    with pytest.raises(ValueError, match="n_patches must be below 2⁶⁴, or a float, with 1 <= n"):
        n.evaluate(n_patches=2**70)
    assert n.evaluate(n_patches=2.0**70) == 2.0**140
    assert n.evaluate(n_patches=2**40) == 2**80
