"""Grids, allocation of bits, and quantized networks."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from cases import settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory.inference import (
    ALLOCATIONS,
    Quantizer,
    allocate_bits,
    compression_limit,
    expert_scores,
    largest_variances,
    quantize,
)

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA, TEST = PATTERNS.sample(60, seed=0), PATTERNS.sample(50, seed=0, split="test")
SGD = settings_of(n_steps=100, batch_size=10, learning_rate=1.0)
MODELS = [
    DenseCNN(8),
    SeparateMoE(4, 16, 2),
    JointMoE(8, 16, 3, router_init_std=0.3),
    TokenChoiceMoE(8, 16, 2, router_init_std=0.3),
    SampleMoE(8, 16, "linear", router_init_std=0.3),
]
RUNS = [train(model, DATA, SGD, seed=0) for model in MODELS]
JOINT = RUNS[2]


@st.composite
def weights(draw):
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["normal", "positive", "equal", "zero"]))
    values = {"normal": rng.normal(size=shape), "positive": 3 + rng.random(shape),
              "equal": np.full(shape, 0.7), "zero": np.zeros(shape)}[kind]  # fmt: skip
    return values.astype(draw(st.sampled_from(["float32", "float64"])))


def grid_by_hand(group, bits, symmetric):
    """All points of the grid that a group of weights shares."""
    low, high = (-max(abs(group)), max(abs(group))) if symmetric else (min(group), max(group))
    return np.linspace(low, high, 2**bits)


@settings(max_examples=150)
@given(weights(), st.integers(1, 8), st.booleans(), st.none() | st.integers(1, 5))
def test_every_weight_goes_to_the_nearest_point(values, bits, symmetric, group_size):
    quantizer = Quantizer(symmetric, group_size)
    rounded = quantizer.apply(values, bits)
    assert rounded.dtype == values.dtype
    size = group_size or values.shape[1]
    tolerance = 8 * np.finfo(values.dtype).eps * (1 + np.abs(values).max())
    n_grids = 0
    for row in range(len(values)):
        for first in range(0, values.shape[1], size):
            group = values[row, first : first + size].astype(float)
            grid = grid_by_hand(group, bits, symmetric)
            gaps = np.abs(group[:, None] - grid).min(axis=1)
            moved = np.abs(rounded[row, first : first + size] - group)
            np.testing.assert_allclose(moved, gaps, atol=tolerance)
            assert np.all(moved <= (grid[-1] - grid[0]) / (2**bits - 1) / 2 + tolerance)
            n_grids += row == 0
    assert quantizer.stored_numbers(values.shape[1]) == n_grids * (1 if symmetric else 2)


@settings(max_examples=60)
@given(weights(), st.integers(1, 6), st.booleans())
def test_rounding_twice_changes_nothing(values, bits, symmetric):
    quantizer = Quantizer(symmetric)
    once = quantizer.apply(values, bits)
    # float32 rounds the ends of the grid, so that the second one differs in the last bit.
    tolerance = 8 * np.finfo(values.dtype).eps * (1 + np.abs(values).max())
    np.testing.assert_allclose(quantizer.apply(once, bits), once, atol=tolerance)


def test_one_symmetric_bit_keeps_the_signs():
    values = np.array([[-0.3, 0.2, 0.9], [0.1, -0.4, 0.2]])
    expected = np.sign(values) * np.abs(values).max(axis=1, keepdims=True)
    np.testing.assert_allclose(Quantizer().apply(values, 1), expected)


@settings(max_examples=150)
@given(
    st.integers(1, 9),
    st.lists(st.integers(1, 6), min_size=2, max_size=3, unique=True),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_bits_are_spent_best(k, levels, share, seed):
    """No other numbers of experts at each level come closer to the average from below."""
    average = min(levels) + share * (max(levels) - min(levels))
    run = train(JointMoE(k, k, 2), DATA, settings_of(), seed=0)
    scores = np.random.default_rng(seed).permutation(k).astype(float)
    bits = allocate_bits(run, average, scores, levels=levels)
    totals = [sum(choice) for choice in combinations_with_replacement(sorted(levels), k)]
    best = max(total for total in totals if total <= average * k + 1e-9)
    assert bits.sum() == best
    assert set(bits.tolist()) <= set(levels)
    # A larger score never gets fewer bits.
    assert np.all(np.diff(bits[np.argsort(scores)]) >= 0)


def test_three_levels_come_as_evenly_as_the_average_allows():
    run = train(JointMoE(9, 9, 2), DATA, settings_of(), seed=0)
    bits = allocate_bits(run, 2.0, np.arange(9.0), levels=(1, 2, 3))
    assert np.bincount(bits).tolist() == [0, 3, 3, 3]


def test_small_changes_of_router_norms_get_most_bits():
    change = expert_scores(JOINT, "router_norm_change")
    bits = allocate_bits(JOINT, 2.5, "router_norm_change", levels=(4, 1))
    assert change[bits == 4].max() <= change[bits == 1].min()
    magnitude = expert_scores(JOINT, "weight_magnitude")
    bits = allocate_bits(JOINT, 2.5, "weight_magnitude", levels=(4, 1))
    assert magnitude[bits == 4].min() >= magnitude[bits == 1].max()


def test_lifted_experts_are_served_first():
    variances = largest_variances(JOINT)
    by_hand = [max(np.var(row.astype(float)) for row in JOINT.weights.experts[i : i + 2])
               for i in range(0, 16, 2)]  # fmt: skip
    np.testing.assert_allclose(variances, by_hand)
    zeta = np.sort(variances)[-3] / np.median(variances) * (1 - 1e-9)
    order = np.argsort(variances)
    # Scores say the opposite, so that only the lift can favour the three of largest variance.
    bits = allocate_bits(JOINT, 1 + 3 * 4 / 8, -variances, levels=(5, 1), lift=zeta)
    assert sorted(np.flatnonzero(bits == 5)) == sorted(order[-3:])
    assert bits[order[0]] == 1


@pytest.mark.parametrize("run", RUNS, ids=["dense", "separate", "joint", "token", "sample"])
def test_many_bits_change_nothing_and_few_do(run):
    exact = run.predict(TEST)
    gaps = [np.abs(quantize(run, bits).predict(TEST) - exact).max() for bits in (16, 8, 3, 1)]
    assert gaps[0] < 1e-3 * np.abs(exact).max()
    assert gaps[0] < gaps[1] < gaps[2] < gaps[3]
    small = quantize(run, 3)
    np.testing.assert_array_equal(small.weights.routers, run.weights.routers)
    np.testing.assert_array_equal(small.weights.output, run.weights.output)
    assert small.compression[-1].average_bits == 3
    assert run.compression == ()
    each = [1 + s % 3 for s in range(run.model.n_experts)]
    mixed = quantize(run, each, quantizer=Quantizer(symmetric=False, group_size=5))
    assert mixed.compression[-1].bits == tuple(each)
    units = run.model.n_hidden // run.model.n_experts
    for s, bits in enumerate(each):
        own = mixed.weights.experts[s * units : (s + 1) * units]
        for row in own:
            assert len(np.unique(row[:5].round(9))) <= 2**bits


@pytest.mark.parametrize("allocation", [name for name in ALLOCATIONS if name != "uniform"])
def test_every_allocation_gives_the_average(allocation):
    for run in RUNS[1:]:
        small = quantize(run, 2.5, allocation=allocation, levels=(4, 2), data=DATA, seed=1)
        assert small.compression[-1].average_bits == 2.5


def test_bad_requests_are_named():
    for bits in (0, 0.5, -1, 17, np.nan):
        with pytest.raises(ValueError, match="bits must be a finite number in"):
            quantize(JOINT, bits)
    with pytest.raises(ValueError, match="average_bits must be an integer where all"):
        quantize(JOINT, 2.5)
    with pytest.raises(ValueError, match="allocation must be one of 'uniform'"):
        quantize(JOINT, 2.5, allocation="norm", levels=(3, 2))
    with pytest.raises(ValueError, match="levels must be two or three bit-widths"):
        quantize(JOINT, 2.5, allocation="random")
    with pytest.raises(ValueError, match="levels must be different bit-widths"):
        quantize(JOINT, 2, allocation="random", levels=(2, 2))
    with pytest.raises(ValueError, match=r"average_bits must be in \[2, 3\]"):
        quantize(JOINT, 3.5, allocation="random", levels=(3, 2))
    with pytest.raises(ValueError, match="levels must be an integer in"):
        quantize(JOINT, 1, allocation="random", levels=(2, 0))
    with pytest.raises(ValueError, match=r"len\(bits\) must be 8, one per expert; got 2"):
        quantize(JOINT, [3, 2])
    with pytest.raises(ValueError, match="bits must be an integer in"):
        quantize(JOINT, [0] * 8)
    with pytest.raises(ValueError, match="bits must be an average where levels is given"):
        quantize(JOINT, [3] * 8, levels=(3, 2))
    with pytest.raises(ValueError, match="must be None where all experts get the same"):
        quantize(JOINT, 3, levels=(3, 2))
    with pytest.raises(ValueError, match="lift must be a finite number in"):
        quantize(JOINT, 2.5, allocation="random", levels=(3, 2), lift=0)
    with pytest.raises(ValueError, match="group_size must be an integer >= 1"):
        Quantizer(group_size=0)
    with pytest.raises(ValueError, match="weights must be finite everywhere"):
        Quantizer().apply(np.array([[np.nan]]), 3)


@settings(max_examples=60)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 999))
def test_limit_is_the_last_level_before_the_first_failure(n_levels, n_draws, seed):
    rng = np.random.default_rng(seed)
    accuracy, before = 1 - 0.05 * rng.random((n_draws, n_levels)), np.full(n_draws, 1.0)
    levels = np.arange(n_levels) / 10
    found = compression_limit(levels, accuracy, before, tolerance=0.03, n_resamples=200)
    expected = np.nan
    for level, losses in zip(levels, (before[:, None] - accuracy).T, strict=True):
        if losses.mean() >= 0.03:
            break
        expected = level
    np.testing.assert_equal(found.value, expected)
    ends = [-1 if np.isnan(x) else x for x in (found.milder, found.harsher)]
    assert ends[0] <= ends[1]
    if n_draws == 1:
        np.testing.assert_equal((found.milder, found.harsher), (expected, expected))


def test_interval_of_a_limit_covers():
    """Draws fail at once at a level of their own: the mean loss there is known."""
    rng = np.random.default_rng(0)
    levels, covered = np.linspace(0.1, 0.9, 9), 0
    for _ in range(100):
        places = rng.random(20)
        accuracy = np.where(levels[None, :] > places[:, None], 0.5, 1.0)
        # The mean loss is level/2, below 0.275 up to level 0.5.
        found = compression_limit(levels, accuracy, np.ones(20), tolerance=0.275, n_resamples=300)
        covered += found.milder <= 0.5 + 1e-9 and found.harsher >= 0.5 - 1e-9
    # 95 % nominal; five standard errors of 100 trials allow 0.84.
    assert covered >= 84
