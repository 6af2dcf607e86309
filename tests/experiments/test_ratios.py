"""Ratios of thresholds and thresholds of sizes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from moe_theory import SGD, JointMoE, PatchPatterns, Results, Sweep, TokenChoiceMoE, grid, train
from moe_theory.experiments import (
    Search,
    crossing,
    gates_per_expert,
    measurements,
    ratio,
    size_thresholds,
)

POSITIVE = st.floats(0.01, 100)
WIDTH = st.floats(1.0, 4.0)


@st.composite
def rows(draw):
    value = draw(POSITIVE)
    return {"value": value, "low": value / draw(WIDTH), "high": value * draw(WIDTH)}


@given(rows(), rows())
def test_the_inverse_ratio_is_the_inverse(more, less):
    there, back = ratio(more, less), ratio(less, more)
    assert there.low <= there.value <= there.high
    for a, b in ((there.value, back.value), (there.low, back.high), (there.high, back.low)):
        assert a * b == pytest.approx(1)


@given(rows(), rows())
def test_an_exact_amount_adds_nothing(more, less):
    exact = {"value": less["value"], "low": less["value"], "high": less["value"]}
    found = ratio(more, exact)
    assert found.low == pytest.approx(more["low"] / exact["value"])
    assert found.high == pytest.approx(more["high"] / exact["value"])
    assert ratio(more, less).high >= found.high * (1 - 1e-12)


def test_intervals_cover_as_they_say():
    rng = np.random.default_rng(5)
    n_trials, hits = 2000, 0
    for _ in range(n_trials):
        made = []
        for truth, spread in ((90.0, 0.1), (12.0, 0.2)):
            value = truth * math.exp(rng.normal(0, spread))
            width = math.exp(1.96 * spread)
            made.append({"value": value, "low": value / width, "high": value * width})
        found = ratio(*made)
        hits += found.low <= 7.5 <= found.high
    low, high = binom.interval(0.999, n_trials, 0.95)
    assert low <= hits <= high


def test_what_was_not_reached_gives_one_side():
    known = {"value": 10.0, "low": 8.0, "high": 12.0}
    never = {"value": math.inf, "low": 640.0, "high": math.inf}
    assert (ratio(never, known).value, ratio(never, known).high) == (math.inf, math.inf)
    assert ratio(never, known).low == pytest.approx(640 / 12)
    assert (ratio(known, never).value, ratio(known, never).low) == (0.0, 0.0)
    assert ratio(known, never).high == pytest.approx(12 / 640)
    assert math.isnan(ratio(never, never).value)
    assert str(ratio(never, never)) == "neither reached"
    assert ratio({**known, "low": 0.0}, known).low == 0.0


def test_thresholds_of_a_size():
    rng = np.random.default_rng(0)
    table = [
        {"arm": arm, "m": m, "diverged": False, "test_error": scale / m * rng.uniform(0.9, 1.1)}
        for arm, scale in (("a", 1.0), ("b", 4.0))
        for m in (2, 4, 8, 16, 32)
        for _ in range(20)
    ]
    found = size_thresholds(Results({}, table), "m", ["arm"], (0.2, 0.01))
    a, never, b, _ = found.rows
    assert (a["arm"], b["arm"], a["epsilon"]) == ("a", "b", 0.2)
    assert a["low"] < a["value"] < a["high"]
    assert b["value"] == pytest.approx(4 * a["value"], rel=0.1)
    assert (never["value"], never["low"], never["censored"]) == (math.inf, 32.0, "above")
    sizes = [[row["test_error"] for row in table if row["arm"] == "a" and row["m"] == m]
             for m in (2, 4, 8, 16, 32)]  # fmt: skip
    same = crossing((2, 4, 8, 16, 32), sizes, 0.2)
    assert (a["value"], a["low"], a["high"]) == (same.value, same.low, same.high)
    diverged = [{**row, "diverged": True, "test_error": None} for row in table]
    assert size_thresholds(Results({}, diverged), "m", ["arm"], 0.2).rows[0]["value"] == math.inf


def test_bad_requests_for_sizes():
    with pytest.raises(ValueError, match="places must be 2 positive numbers, rising"):
        crossing((4, 2), [[0.5], [0.1]], 0.2)
    with pytest.raises(ValueError, match="results must be at least one row"):
        size_thresholds(Results({}, []), "m", ["arm"], 0.2)


def test_gates_per_expert():
    data = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
    sample, test = data.sample(60, seed=1), data.sample(200, seed=1, split="test")
    run = train(JointMoE(4, 8, 4), sample, SGD(1.0, 20, n_steps=100), seed=1)
    metrics, found = run.routing(test), gates_per_expert(run, test)
    difference = np.asarray(found["gates_positive"]) - np.asarray(found["gates_negative"])
    assert np.all(np.diff(difference) <= 0)
    pairs = zip(metrics.gate_positive, metrics.gate_negative, strict=True)
    assert sorted(pairs) == sorted(
        zip(found["gates_positive"], found["gates_negative"], strict=True)
    )


def test_patches_that_choose_experts_are_measured_as_joint_training_is():
    data = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
    sample, test = data.sample(60, seed=1), data.sample(200, seed=1, split="test")
    run = train(TokenChoiceMoE(4, 8), sample, SGD(1.0, 20, n_steps=100), seed=1, test=test)
    metrics, row = run.routing(test), measurements(run, test, sample)
    gates = gates_per_expert(run, test)
    # Without a capacity the patch reaches the one expert that it chooses.
    assert row["router_success"] == 1.0
    received = [gates["gates_positive"].max(), gates["gates_negative"].max()]
    assert row["router_gate"] == pytest.approx(np.mean(received))
    np.testing.assert_array_equal(np.sort(gates["gates_positive"]), np.sort(metrics.gate_positive))


def test_gates_are_stored_as_lists():
    data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    settings = grid(data, {"joint": JointMoE(2, 4, 2)}, SGD(1.0, 10, n_steps=5), n_train=20)
    sweep = Sweep(settings, 50, 1, measure=lambda run, test, _: gates_per_expert(run, test))
    assert len(sweep.run(progress=False).rows[0]["gates_positive"]) == 2


TABLE = [
    {"arm": "dense", "m": m, "diverged": False, "test_error": 1 / m} for m in (2, 8) for _ in "ab"
]


@pytest.mark.parametrize("confidence", [95, 1, 0, -0.5, math.nan, True, "95 %"])
def test_percent_where_a_fraction_is_wanted(confidence):
    with pytest.raises(ValueError, match="confidence must be a finite number in"):
        crossing((2, 8), [[0.5], [0.1]], 0.2, confidence=confidence)


@pytest.mark.parametrize("epsilon", [5, 1, 0, -1e-30, math.nan, (0.1, 20), "0.1"])
def test_errors_that_cannot_be_reached_for(epsilon):
    with pytest.raises(ValueError, match="epsilon must be a finite number in"):
        size_thresholds(Results({}, TABLE), "m", ["arm"], epsilon)


@pytest.mark.parametrize("precision", [10, 0, math.inf])
def test_precision_is_a_fraction(precision):
    with pytest.raises(ValueError, match="precision must be a finite number in"):
        Search(precision=precision)


@pytest.mark.parametrize(
    ("places", "errors", "options", "message"),
    [
        ((2, math.nan), [[0.5], [0.1]], {}, "places must be"),
        ((2, math.inf), [[0.5], [0.1]], {}, "places must be"),
        ((), [], {}, r"places\.shape must be"),
        ((2, 8), [[0.5], []], {}, r"errors\[1\]\.shape must be"),
        ((2, 8), [[0.5], [[0.1]]], {}, r"errors\[1\]\.shape must be"),
        ((2, 8), [[0.5, math.nan], [0.1]], {}, r"errors\[0\] must be finite"),
        ((2, 8), [[0.5], [0.1]], {"n_resamples": 0}, "n_resamples must be"),
        ((2, 8), [[0.5], [0.1]], {"seed": -1}, "seed must be"),
    ],
)
def test_curves_that_cannot_cross(places, errors, options, message):
    with pytest.raises(ValueError, match=message):
        crossing(places, errors, 0.2, **options)


@pytest.mark.parametrize(("size", "labels"), [("n", ["arm"]), ("m", ["arms"])])
def test_sizes_and_labels_that_are_no_columns(size, labels):
    with pytest.raises(
        ValueError, match=f"a column: arm, m, .*; got '{[size, labels[0]][size == 'm']}'"
    ):
        size_thresholds(Results({}, TABLE), size, labels, 0.2)
