"""Grids of least error and compensated rounding, against every rounding that there is."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from cases import settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import DenseCNN, JointMoE, PatchPatterns, SeparateMoE, TokenChoiceMoE, train
from moe_theory.inference import (
    QUANTIZERS,
    Quantizer,
    quantize,
    received_gates,
    received_moments,
)
from moe_theory.inference.moments import compensation
from moe_theory.inference.received import expert_slices
from moe_theory.models import Weights

BITS, DIM = 2, 6
EVERY = np.array(list(product(range(2**BITS), repeat=DIM)), float)
PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA, TEST = PATTERNS.sample(60, seed=0), PATTERNS.sample(200, seed=0, split="test")
SGD = settings_of(n_steps=100, batch_size=10, learning_rate=1.0)
MODELS = {
    "dense": DenseCNN(8),
    "separate": SeparateMoE(4, 16, 2),
    "joint": JointMoE(8, 16, 3, init_std=0.2, router_init_std=0.3),
    "token": TokenChoiceMoE(8, 16, 2, init_std=0.2, router_init_std=0.3),
}
RUNS = {kind: train(model, DATA, SGD, seed=0) for kind, model in MODELS.items()}
seeds = st.integers(0, 2**32 - 1)


def tiny(seed, n_rows=1):
    return np.random.default_rng(seed).normal(size=(n_rows, DIM))


def squared_error(weights, rounded):
    return float(((weights - rounded) ** 2).sum())


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_least_squares_of_a_symmetric_grid_is_the_least_of_every_rounding(seed):
    weights = tiny(seed)
    points = EVERY - (2**BITS - 1) / 2
    # The best step for each rounding; a negative one mirrors another rounding.
    steps = points @ weights[0] / (points**2).sum(axis=1)
    least = ((weights - steps[:, None] * points) ** 2).sum(axis=1).min()
    found = Quantizer(scale="least_squares").apply(weights, BITS)
    assert squared_error(weights, found) == pytest.approx(least, rel=1e-9)


def test_least_squares_of_a_grid_of_two_numbers_is_close_to_the_least_of_every_rounding():
    centred = EVERY - EVERY.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    excess = []
    for seed in range(60):
        weights = tiny(seed)
        own = weights[0] - weights[0].mean()
        gain = np.divide((centred @ own) ** 2, spread, out=np.zeros(len(EVERY)), where=spread > 0)
        least = (own**2).sum() - gain.max()
        found = Quantizer(symmetric=False, scale="least_squares").apply(weights, BITS)
        excess.append(squared_error(weights, found) / least - 1)
    assert min(excess) > -1e-9
    assert np.mean(np.array(excess) < 1e-9) > 0.95
    assert np.mean(excess) < 0.005


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 5), st.booleans(), st.none() | st.integers(2, 4))
def test_least_squares_is_no_worse_than_other_grids(seed, bits, symmetric, group_size):
    weights = np.random.default_rng(seed).standard_t(3, size=(5, 9))
    errors = {
        scale: squared_error(weights, Quantizer(symmetric, group_size, scale).apply(weights, bits))
        for scale in ("least_squares", "range", "half_quadratic")
    }
    assert errors["least_squares"] <= errors["range"] * (1 + 1e-9) + 1e-12
    assert errors["least_squares"] <= errors["half_quadratic"] * (1 if symmetric else 1.1) + 1e-12


def test_one_bit_of_least_squares_is_the_mean_size():
    weights = np.array([[-1.0, -0.2, 0.1, 0.5], [0.0, 3.0, -1.0, 2.0]])
    found = Quantizer(scale="least_squares").apply(weights, 1)
    np.testing.assert_allclose(np.abs(found), [[0.45] * 4, [1.5] * 4])
    np.testing.assert_array_equal(found > 0, [[0, 0, 1, 1], [0, 1, 0, 1]])


def test_grids_of_nothing_and_of_equal_weights():
    for name, value in product(QUANTIZERS, (0.0, 0.7)):
        quantizer = QUANTIZERS[name]
        for bits in (1, 3, 8):
            found = quantizer.apply(np.full((2, 5), value), bits, np.eye(5))
            np.testing.assert_allclose(found, value, atol=1e-12)


def moments_of(seed, dim=DIM):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(40, dim)) * rng.lognormal(size=dim) + 2 * rng.normal(size=(40, 1))
    return inputs.T @ inputs / 40


def damped(moments):
    return moments + 0.01 * np.trace(moments) / len(moments) * np.eye(len(moments))


def lost(weights, rounded, moments):
    gaps = weights - rounded
    return np.einsum("rq,qp,rp->r", gaps, moments, gaps)


def rounded_one_by_one(weights, low, step, moments):
    """Fix each weight at the point whose loss is least if all later ones stay free numbers."""
    matrix = damped(moments)
    fixed = np.empty(len(weights))
    for q in range(len(weights)):
        losses = []
        for level in range(2**BITS):
            gap = weights[: q + 1] - np.append(fixed[:q], low + level * step)
            # Later weights move so as to make up for it: the Schur complement.
            rest = matrix[: q + 1, q + 1 :]
            inner = matrix[: q + 1, : q + 1]
            if rest.size:
                inner = inner - rest @ np.linalg.solve(matrix[q + 1 :, q + 1 :], rest.T)
            losses.append(gap @ inner @ gap)
        fixed[q] = low + int(np.argmin(losses)) * step
    return fixed


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_compensated_rounding_takes_the_best_point_of_each_weight(seed):
    weights, moments = tiny(seed, 2), moments_of(seed)
    found = QUANTIZERS["gptq"].apply(weights, BITS, moments)
    low, step = Quantizer(scale="least_squares").grids(weights, BITS)
    for r in range(2):
        expected = rounded_one_by_one(weights[r], low[r, 0], step[r, 0], moments)
        np.testing.assert_allclose(found[r], expected, atol=1e-9)


def test_compensated_rounding_among_every_rounding():
    """Never better than the best of all, mostly near it, and better than to the nearest point."""
    ratios = {"gptq": [], "nearest": []}
    for seed in range(60):
        weights, moments = tiny(seed), moments_of(seed)
        low, step = Quantizer(scale="least_squares").grids(weights, BITS)
        every = lost(weights, low[0, 0] + EVERY * step[0, 0], damped(moments))
        for name, quantizer in (("gptq", QUANTIZERS["gptq"]),
                                ("nearest", QUANTIZERS["least_squares"])):  # fmt: skip
            rounded = quantizer.apply(weights, BITS, moments)
            ratios[name].append(lost(weights, rounded, damped(moments))[0] / every.min())
    assert min(ratios["gptq"]) >= 1 - 1e-9
    unlucky = {name: np.quantile(values, 0.9) for name, values in ratios.items()}
    assert unlucky["gptq"] < 2
    assert unlucky["nearest"] > 3
    assert np.mean(np.array(ratios["gptq"]) <= ratios["nearest"]) > 0.7


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 4), st.booleans(), st.none() | st.integers(2, 4))
def test_inputs_that_do_not_go_together_leave_nothing_to_make_up_for(
    seed, bits, symmetric, group_size
):
    weights = tiny(seed, 3)
    moments = np.diag(np.random.default_rng(seed).lognormal(size=DIM))
    plain = Quantizer(symmetric, group_size, "least_squares")
    compensated = Quantizer(symmetric, group_size, "least_squares", "compensated")
    np.testing.assert_allclose(compensated.apply(weights, bits, moments),
                               plain.apply(weights, bits), atol=1e-9)  # fmt: skip


def test_grids_of_later_groups_fit_what_weights_have_become():
    weights, moments = tiny(5, 3), moments_of(5)
    found = Quantizer(group_size=3, rounding="compensated").apply(weights, BITS, moments)
    for r in range(3):
        for first in (0, 3):
            points = np.unique(np.round(np.diff(np.unique(found[r, first : first + 3])), 9))
            step = points.min() if len(points) else 0
            assert np.allclose(points / step, np.round(points / step)) if step else True
    whole = Quantizer(rounding="compensated").apply(weights, BITS, moments)
    assert not np.allclose(found[:, 3:], whole[:, 3:])


def test_factor_of_compensation():
    for seed in range(5):
        moments = moments_of(seed, 9)
        factor = compensation(moments)
        np.testing.assert_allclose(factor, np.triu(factor))
        np.testing.assert_allclose(factor.T @ factor, np.linalg.inv(damped(moments)), rtol=1e-8)
    np.testing.assert_array_equal(compensation(np.zeros((3, 3))), np.eye(3))
    with pytest.raises(ValueError, match="moments must be those of patches"):
        compensation(np.diag([1.0, -1.0]))


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_moments_are_those_of_what_experts_receive(kind):
    run = RUNS[kind]
    taken = received_gates(run, TEST) > 0
    for s, moments in enumerate(received_moments(run, TEST)):
        inputs = TEST.patches()[taken[:, :, s]]
        np.testing.assert_allclose(moments, inputs.T @ inputs / max(1, len(inputs)), atol=1e-12)


def test_an_expert_that_receives_nothing_is_rounded_to_the_nearest():
    run = RUNS["token"]
    routers = run.weights.routers.copy()
    routers[3] = -100 * TEST.dictionary.sum(axis=0)
    weights = Weights(run.weights.experts, run.weights.output, routers)
    away = replace(run, weights=weights)
    assert not received_gates(away, TEST)[:, :, 3].any()
    assert not received_moments(away, TEST)[3].any()
    small = quantize(away, 2, quantizer="gptq", data=TEST).weights.experts[6:8]
    np.testing.assert_allclose(small, QUANTIZERS["least_squares"].apply(weights.experts[6:8], 2))


def hqq_by_hand(weights, bits):
    """The released algorithm in its own terms: codes w·s + z with the zero z to be found."""
    top = 2**bits - 1
    scale = top / (weights.max() - weights.min())
    zero, beta, best, kept = -weights.min() * scale, 10.0, np.inf, None
    for _ in range(20):
        code = np.clip(np.round(weights * scale + zero), 0, top)
        gap = weights - (code - zero) / scale
        if np.abs(gap).mean() >= best:
            break
        best, kept = np.abs(gap).mean(), zero
        size = np.abs(gap) + 1e-300
        outlier = np.sign(gap) * np.maximum(size - size ** (0.7 - 1) / beta, 0)
        zero = np.mean(code - (weights - outlier) * scale)
        beta *= 1.01
    code = np.clip(np.round(weights * scale + kept), 0, top)
    return (code - kept) / scale


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 4), st.sampled_from([0.1, 1.0, 3.0]))
def test_half_quadratic_zero_by_hand(seed, bits, size):
    weights = size * np.random.default_rng(seed).standard_t(3, size=(4, 11))
    found = QUANTIZERS["hqq"].apply(weights, bits)
    expected = [hqq_by_hand(row, bits) for row in weights]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_half_quadratic_grids_have_less_mean_error_than_those_of_the_range():
    weights = 2 * np.random.default_rng(0).standard_t(3, size=(200, 24))
    for bits, symmetric in product((1, 2, 3), (True, False)):
        gaps = {
            scale: np.abs(weights - Quantizer(symmetric, scale=scale).apply(weights, bits))
            .mean(axis=1)
            for scale in ("half_quadratic", "range")
        }  # fmt: skip
        assert np.all(gaps["half_quadratic"] <= gaps["range"] + 1e-12)
        assert gaps["half_quadratic"].mean() < 0.98 * gaps["range"].mean()


@pytest.mark.parametrize("kind", ["separate", "joint", "token"])
def test_compensation_helps_where_experts_receive_few_directions(kind):
    """In what units receive, squared; a dense network's inputs are alike in all directions."""
    run, errors = RUNS[kind], {}
    moments = received_moments(run, TEST)
    for name in QUANTIZERS:
        small = quantize(run, 3, quantizer=name, data=TEST)
        errors[name] = sum(
            lost(run.weights.experts[own], small.weights.experts[own], moments[s]).sum()
            for s, own in enumerate(expert_slices(run))
        )
    assert errors["gptq"] < 0.8 * min(errors["least_squares"], errors["range"], errors["hqq"])


def test_quantizers_by_name_and_bad_ones():
    run = RUNS["joint"]
    named = quantize(run, 3, quantizer="hqq")
    given_ = quantize(run, 3, quantizer=Quantizer(False, scale="half_quadratic"))
    np.testing.assert_array_equal(named.weights.experts, given_.weights.experts)
    with pytest.raises(ValueError, match="quantizer must be one of 'range', 'least_squares'"):
        quantize(run, 3, quantizer="awq")
    with pytest.raises(ValueError, match="data must be given, for compensated rounding"):
        quantize(run, 3, quantizer="gptq")
    with pytest.raises(ValueError, match="moments must be given, for compensated rounding"):
        QUANTIZERS["gptq"].apply(np.ones((2, 3)), 2)
    with pytest.raises(ValueError, match=r"moments.shape must be \(3, 3\)"):
        QUANTIZERS["gptq"].apply(np.ones((2, 3)), 2, np.eye(2))
    with pytest.raises(ValueError, match="scale must be one of 'range'"):
        Quantizer(scale="log")
    with pytest.raises(ValueError, match="rounding must be one of 'nearest'"):
        Quantizer(rounding="up")
