"""The table of predictions is what the predictions say, and advice is what the table says."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, train
from moe_theory.advice import Predicted, advise, predicted_curve, predicted_samples
from moe_theory.advice.conventions import N_PATCHES, RATIOS, networks
from moe_theory.advice.interpolate import samples_and_steps
from moe_theory.advice.operations import flops_of
from moe_theory.advice.tabulate import predict
from moe_theory.cli import main


def patterns_of(n, p, **changes):
    return PatchPatterns(**{"n_patches": n, "n_irrelevant": p, "patch_dim": p + 2} | changes)


KEYS = [("dense", 16, 2, 16, 1), ("separate", 16, 2, 2, 2), ("joint", 16, 4, 8, 8)]
# With l = 1 samples of unlike labels may share all they receive, which no network tells apart.
KEYS += [("separate", n, 2, 1, 2) for n in (16, 32)]


@pytest.mark.parametrize("key", KEYS)
def test_table_is_what_is_predicted_now(key):
    """Last bits depend on the processor, and a draw may end on the other side of 0."""
    arm, n, ratio, n_routed, k = key
    known = predicted_curve(n, ratio, arm, n_routed, k)
    made = predict(*key)
    assert [row["n_train"] for row in made] == [point.n_train for point in known]
    for row, point in zip(made, known, strict=True):
        assert abs(row["error"] - point.error) <= max(0.5 * point.standard_error, 2e-4)
        assert row["steps"] == pytest.approx(point.steps, rel=0.02)


def test_table_is_whole():
    for n in N_PATCHES:
        for ratio in RATIOS:
            for arm, n_routed, k in networks(n):
                curve = predicted_curve(n, ratio, arm, n_routed, k)
                assert curve[0].n_train == 4
                assert all(0 <= point.error < 0.55 for point in curve)
                assert all(point.standard_error < 0.06 for point in curve)


@pytest.mark.parametrize("epsilon", [0.2, 0.07, 0.02])
def test_on_the_grid_the_table_is_not_changed(epsilon):
    found = predicted_samples(patterns_of(64, 256), epsilon)
    for option in found:
        known = predicted_curve(64, 4, option.arm, option.n_routed, option.n_experts)
        samples, steps = samples_and_steps(known, epsilon)
        assert option.samples == pytest.approx(samples)
        assert math.isinf(samples) or option.steps == pytest.approx(steps)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(16, 128).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(2 * n, 8 * n), st.floats(0.02, 0.2))
    )
)
def test_smaller_errors_take_more(drawn):
    n, p, epsilon = drawn
    patterns = patterns_of(n, p)
    few, many = (predicted_samples(patterns, level) for level in (0.2, epsilon))
    assert all(a.samples <= b.samples * (1 + 1e-9) for a, b in zip(few, many, strict=True))
    for goal in ("samples", "flops"):
        advice = advise(patterns, epsilon, goal)
        values = [getattr(option, goal) for option in advice.options]
        assert values == sorted(values)
        assert advice.best is advice.options[0]
        dense = next(option for option in advice.options if option.arm == "dense")
        for option in advice.options:
            assert option.saving == getattr(dense, goal) / getattr(option, goal)
        assert advice.best.samples <= dense.samples or goal == "flops"


@pytest.mark.parametrize("arm", ["dense", "separate", "joint"])
def test_operations_are_those_that_a_run_counts(arm):
    patterns = patterns_of(16, 32)
    network, option = {
        "dense": (DenseCNN(40), ("dense", 16, 1)),
        "separate": (SeparateMoE(2, 40, 4), ("separate", 4, 2)),
        "joint": (JointMoE(8, 40, 4), ("joint", 4, 8)),
    }[arm]
    sgd = SGD(1.0, batch_size=20, n_steps=30, router_n_epochs=100)
    run = train(network, patterns.sample(40, seed=0), sgd, 0)
    known = flops_of(patterns, Predicted(*option, samples=40, steps=30))
    assert known == pytest.approx(run.flops.total, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "p", "epsilon", "changes", "message"),
    [
        (12, 48, 0.05, {}, "n_patches must be in"),
        (64, 64, 0.05, {}, "n_irrelevant must be in"),
        (64, 1024, 0.05, {}, "n_irrelevant must be in"),
        (64, 256, 0.01, {}, "epsilon must be"),
        (64, 256, 0.05, {"spread": 0.1}, "spread must be 0"),
        (64, 256, 0.05, {"balanced": False}, "balanced"),
    ],
)
def test_outside_the_table(n, p, epsilon, changes, message):
    with pytest.raises(ValueError, match=message):
        predicted_samples(patterns_of(n, p, **changes), epsilon)


def test_bad_requests():
    with pytest.raises(ValueError, match="minimise"):
        advise(patterns_of(64, 256), 0.05, "time")
    with pytest.raises(ValueError, match="network must be one of the table"):
        predicted_curve(64, 3, "dense", 64, 1)


def test_command_line(capsys):
    assert main(["advise", "--n-patches", "48", "--n-irrelevant", "192"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["network", "l", "k"]
    assert len(lines) > 10
