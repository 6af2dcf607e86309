"""Sums of what experts add against the outputs of networks that were quantized and pruned."""

import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    DenseCNN,
    JointMoE,
    SampleMoE,
    SeparateMoE,
    TaskPatterns,
    TokenChoiceMoE,
    train,
)
from moe_theory.inference import (
    QUANTIZERS,
    Contributions,
    expert_contributions,
    fine_tune,
    footprint,
    prune,
    quantize,
    received_gates,
    router_proficiency,
    working_experts,
)

TASKS = TaskPatterns(6, 10, 16, frequencies=(0.5, 0.5))
DATA, TEST = TASKS.sample(40, seed=0), TASKS.sample(60, seed=0, split="test")
MODELS = {
    "dense": DenseCNN(6, init_std=0.5),
    "separate": SeparateMoE(8, 16, 3, init_std=0.3),
    "all": SeparateMoE(2, 8, 3, pooling="all", init_std=0.3),
    "joint": JointMoE(8, 16, 3, init_std=0.5, router_init_std=0.5),
    "token": TokenChoiceMoE(8, 24, 2, init_std=0.5, router_init_std=0.5),
    "capacity": TokenChoiceMoE(8, 24, 2, 2, "score", init_std=0.5, router_init_std=0.5),
    "cubic": DenseCNN(6, init_std=0.5, activation="cubic"),
    "sample": SampleMoE(8, 16, "cubic", "sum", init_std=0.3, router_init_std=0.5),
    "ungated": SampleMoE(4, 16, "linear", gate="none", init_std=0.3, router_init_std=0.5),
}
SGD = settings_of(n_steps=30, batch_size=10, learning_rate=1.0)
RUNS = {kind: train(model, DATA, SGD, seed=1) for kind, model in MODELS.items()}


@pytest.mark.parametrize("quantizer", [None, *QUANTIZERS])
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_sums_are_the_outputs_of_the_quantized_network(kind, quantizer):
    run = RUNS[kind]
    parts = expert_contributions(run, TEST, (1, 2, 4, 32), quantizer=quantizer, calibration=DATA)
    rng = np.random.default_rng(0)
    each = rng.choice([1, 2, 4], size=(5, run.model.n_experts))
    f = parts.outputs(each)
    for bits, own in zip(each, f, strict=True):
        small = quantize(run, bits.tolist(), quantizer=quantizer, data=DATA)
        np.testing.assert_allclose(own, small.predict(TEST), atol=1e-12)
        assert parts.accuracy(bits) == pytest.approx(1 - small.error(TEST))
        high = np.where(small.predict(TEST) > 0.2, 1, -1)
        assert parts.accuracy(bits, 0.2) == pytest.approx(np.mean(high == TEST.labels))
    np.testing.assert_allclose(parts.outputs([32] * run.model.n_experts), run.predict(TEST),
                               atol=1e-12)  # fmt: skip
    np.testing.assert_array_equal(parts.accuracy(each.reshape(5, 1, -1))[:, 0],
                                  parts.accuracy(each))  # fmt: skip
    rows = [3, 1, 7]
    np.testing.assert_array_equal(parts.subset(rows).outputs(each), f[:, rows])


@pytest.mark.parametrize("kind", ["separate", "joint", "token", "capacity", "sample"])
def test_width_0_is_a_pruned_expert_whose_router_stays(kind):
    run = RUNS[kind]
    parts = expert_contributions(run, TEST, (0, 32))
    scores = np.repeat(np.random.default_rng(1).permutation(4), 2).astype(float)
    for ratio in (0.25, 0.5, 0.75):
        small = prune(run, ratio, scores, keep_routers=True)
        bits = np.where(working_experts(small), 32, 0)
        assert (bits == 0).sum() == 8 * ratio
        np.testing.assert_allclose(parts.outputs(bits), small.predict(TEST), atol=1e-12)


def test_a_patch_that_chooses_a_pruned_expert_adds_nothing():
    """By hand: its gates are those before, and its share of that expert is gone."""
    run = RUNS["token"]
    small = prune(run, 0.5, np.arange(8.0))
    assert small.compression[-1].routers_kept
    assert small.model.n_experts == 8
    gates = received_gates(run, TEST)
    np.testing.assert_array_equal(received_gates(small, TEST), gates)
    f = np.zeros(TEST.n_samples)
    for i, x in enumerate(TEST.patches()):
        for s in range(4, 8):
            own = slice(3 * s, 3 * s + 3)
            fires = np.maximum(x @ run.weights.experts[own].T, 0) @ run.weights.output[own]
            f[i] += (gates[i, :, s] * fires).sum() / 6
    np.testing.assert_allclose(small.predict(TEST), f, atol=1e-12)
    dropped = prune(run, 0.5, np.arange(8.0), keep_routers=False)
    assert dropped.model.n_experts == 4
    assert np.abs(dropped.predict(TEST) - f).max() > 0.01


def test_routers_make_no_difference_where_experts_choose():
    for kind in ("separate", "joint"):
        run = RUNS[kind]
        scores = np.repeat(np.arange(4.0), 2)
        kept, dropped = (prune(run, 0.5, scores, keep_routers=stay) for stay in (True, False))
        np.testing.assert_allclose(kept.predict(TEST), dropped.predict(TEST), atol=1e-12)
        assert not prune(run, 0.5, scores).compression[-1].routers_kept
        assert footprint(kept).flops == footprint(dropped).flops
        assert footprint(kept).expert_bits == footprint(dropped).expert_bits
        n_routers = 4 * run.patch_dim
        assert footprint(kept).n_parameters == footprint(dropped).n_parameters + n_routers


def test_pruned_experts_stay_pruned():
    run = RUNS["token"]
    small = prune(run, 0.5, np.arange(8.0))
    for step in (fine_tune(small, DATA, SGD, seed=3), quantize(small, 3, quantizer="hqq")):
        assert not step.weights.experts[:12].any()
        assert working_experts(step).tolist() == [False] * 4 + [True] * 4
    assert not np.array_equal(fine_tune(small, DATA, SGD).weights.experts, small.weights.experts)
    # A second pruning is one of those that are left, whatever the scores of the others.
    twice = prune(small, 0.5, [9.0, 9, 9, 9, 1, 2, 3, 4])
    assert twice.compression[-1].kept == (6, 7)
    alone = prune(small, 0.5, [9.0, 9, 9, 9, 1, 2, 3, 4], keep_routers=False)
    assert alone.model.n_experts == 2
    assert working_experts(alone).tolist() == [True, True]
    np.testing.assert_array_equal(alone.weights.routers, run.weights.routers[6:])
    halved = prune(quantize(run, [1, 2, 3, 4, 5, 6, 7, 8]), 0.5, np.arange(8.0))
    assert footprint(halved).expert_bits == sum(3 * (16 * b + 64) for b in (5, 6, 7, 8))
    assert footprint(small).expert_bits == footprint(run).expert_bits / 2
    assert footprint(small).flops <= footprint(run).flops
    # Down to fewer than a patch chooses: with routers kept there is no lower limit but one.
    assert working_experts(prune(run, 0.875, np.arange(8.0))).sum() == 1
    with pytest.raises(ValueError, match="leave the 2 experts that each patch chooses"):
        prune(run, 0.875, np.arange(8.0), keep_routers=False)


def test_a_run_with_kept_routers_can_be_saved(tmp_path):
    small = prune(RUNS["token"], 0.5)
    small.save(tmp_path / "run.npz")
    again = type(small).load(tmp_path / "run.npz")
    assert again.compression == small.compression
    quantized = quantize(small, 2, quantizer="hqq")
    quantized.save(tmp_path / "run.npz")
    assert type(small).load(tmp_path / "run.npz").compression == quantized.compression


@pytest.mark.parametrize("kind", ["joint", "separate", "token"])
def test_proficiency_by_hand(kind):
    run = RUNS[kind]
    least = 0.15 if kind == "token" else None
    found = router_proficiency(run, TEST, least)
    gates = received_gates(run, TEST)
    for s in range(8):
        for place, y in enumerate((1, -1)):
            hits = [
                gates[i, TEST.positions[i], s] >= (least or 1 / 3)
                for i in range(TEST.n_samples)
                if TEST.labels[i] == y
            ]
            assert found[s, place] == pytest.approx(np.mean(hits))
    assert 0 < found.mean() < 1


def test_equal_scores_are_proficient():
    """A router of zeros gives each of the l patches that it receives a gate of 1/l."""
    from dataclasses import replace  # noqa: PLC0415

    from moe_theory.models import Weights  # noqa: PLC0415

    run = RUNS["joint"]
    zero = Weights(run.weights.experts, run.weights.output, np.zeros_like(run.weights.routers))
    flat = replace(run, weights=zero)
    first = (TEST.positions < 3)[TEST.labels == 1].mean()
    np.testing.assert_allclose(router_proficiency(flat, TEST)[:, 0], first)


def test_bad_requests_are_named():
    run = RUNS["joint"]
    parts = expert_contributions(run, TEST, (0, 2))
    with pytest.raises(ValueError, match=r"bits must be among the widths \(0, 2\); got 3"):
        parts.outputs([3] * 8)
    with pytest.raises(ValueError, match=r"bits.shape must be \(..., 8\), one per expert"):
        parts.outputs([2] * 7)
    with pytest.raises(ValueError, match="widths must be 0, 32, or an integer in"):
        expert_contributions(run, TEST, (17,))
    with pytest.raises(ValueError, match="widths must be different"):
        expert_contributions(run, TEST, (2, 2))
    with pytest.raises(ValueError, match="data must be given, for compensated rounding"):
        expert_contributions(run, TEST, (2,), quantizer="gptq")
    with pytest.raises(ValueError, match="least_gate must be given where patches or inputs choose"):
        router_proficiency(RUNS["token"], TEST)
    with pytest.raises(ValueError, match="model must be a network with routers"):
        router_proficiency(RUNS["dense"], TEST)
    with pytest.raises(ValueError, match="keep_routers must be True or False"):
        prune(run, 0.5, keep_routers=1)


def test_no_allocation_and_what_is_no_number():
    found = Contributions((0, 32), np.zeros((2, 3, 5)), np.ones(5, np.int8))
    assert found.outputs(np.zeros((0, 3), int)).shape == (0, 5)
    with pytest.raises(ValueError, match=r"bits\.dtype must be that of numbers"):
        found.outputs([None] * 3)
