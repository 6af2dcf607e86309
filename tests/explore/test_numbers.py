"""What the page computes in the browser is what Python computes."""

import pytest
from watched import GOALS, name, patterns_of, queries

from moe_theory.advice import advise
from moe_theory.bounds import complexity

pytestmark = pytest.mark.browser
QUANTITIES = {"samples": "sample complexity", "flops": "computational complexity"}
NETWORKS = ({"arm": "dense", "l": 64, "k": 1}, {"arm": "separate", "l": 4, "k": 2},
            {"arm": "joint", "l": 8, "k": 20})  # fmt: skip


def test_advice_is_that_of_python(watched):
    asked = queries(200)
    found = watched.call("moeTheory.advise(...q)", asked)
    for (n, p, epsilon, goal), rows in zip(asked, found, strict=True):
        known = advise(patterns_of(n, p), epsilon, goal).options
        assert [f"{row['arm']},{row['l']},{row['k']}" for row in rows] == [name(o) for o in known]
        for row, option in zip(rows, known, strict=True):
            ours = (*row["samples"], row["steps"], *row["flops"], row["saving"])
            theirs = (
                option.samples, option.samples_low, option.samples_high, option.steps,
                option.flops, option.flops_low, option.flops_high, option.saving,
            )  # fmt: skip
            assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("goal", GOALS)
def test_bounds_are_those_of_python(watched, goal):
    asked = [[goal, 64, 256, 0.05, network] for network in NETWORKS]
    found = watched.call("moeTheory.bound(...q)", asked)
    for network, value in zip(NETWORKS, found, strict=True):
        bound = complexity(QUANTITIES[goal], network["arm"])
        sizes = {"n_patches": 64, "n_routed": network["l"], "n_experts": network["k"],
                 "epsilon": 0.05, "batch_size": 20, "n_hidden": 40, "patch_dim": 258}  # fmt: skip
        own = {parameter.name: sizes[parameter.name] for parameter in bound.parameters}
        assert value == pytest.approx(float(bound.evaluate(**own)), rel=1e-12)


@pytest.mark.parametrize(("k", "l"), [(2, "best"), (20, 4), ("any", 8)])
def test_choices_restrict_what_is_best(watched, k, l):
    asked = {"n": 64, "p": 300, "epsilon": 0.05, "k": k, "l": l}
    (found,) = watched.call("moeTheory.choose(moeTheory.inside(q)).best", [asked])
    options = [
        option for option in advise(patterns_of(64, 300), 0.05).options
        if option.arm == "dense"
        or ((option.arm == "separate" or k in ("any", option.n_experts))
            and l in ("best", option.n_routed))
    ]  # fmt: skip
    assert f"{found['arm']},{found['l']},{found['k']}" == name(options[0])


def test_wrong_addresses_give_a_choice_inside_the_table(watched):
    asked = [{"n": "9999", "p": "-3", "epsilon": "7", "k": "3", "l": "x", "goal": "<b>"},
             {"n": "", "p": "Infinity", "epsilon": "nan", "map": "1"}]  # fmt: skip
    for state in watched.call("moeTheory.inside(q)", asked):
        assert 16 <= state["n"] <= 128
        assert 2 * state["n"] <= state["p"] <= 8 * state["n"]
        assert 0.02 <= state["epsilon"] <= 0.2
        assert state["goal"] in GOALS
