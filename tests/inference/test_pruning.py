"""Pruning and fine-tuning: what is kept, what it computes, what is refused."""

import numpy as np
import pytest
import twins
from cases import exploding, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    DenseCNN,
    DivergenceError,
    JointMoE,
    SampleMoE,
    SeparateMoE,
    TaskPatterns,
    TokenChoiceMoE,
    train,
)
from moe_theory.inference import SCORES, Pruning, expert_scores, fine_tune, prune, quantize

TASKS = TaskPatterns(6, 10, 16, frequencies=(0.5, 0.5))
DATA, TEST = TASKS.sample(40, seed=0), TASKS.sample(30, seed=0, split="test")
MODELS = {
    "separate": SeparateMoE(8, 16, 3),
    "joint": JointMoE(8, 16, 3, init_std=0.5, router_init_std=0.5),
    "token": TokenChoiceMoE(8, 16, 2, init_std=0.5, router_init_std=0.5),
    "sample": SampleMoE(8, 16, init_std=0.5, router_init_std=0.5),
}


def trained(kind, **options):
    sgd = settings_of(**{"n_steps": 30, "batch_size": 10, "learning_rate": 1.0} | options)
    return train(MODELS[kind], DATA, sgd, seed=1)


RUNS = {kind: trained(kind) for kind in MODELS}


def kept_by_hand(values, n_kept, together):
    """The best experts one after the other; of equal ones the earlier."""
    sums = [sum(values[i : i + together]) for i in range(0, len(values), together)]
    left = list(range(len(sums)))
    while len(left) > n_kept:
        worst = min(left, key=lambda g: (sums[g], -g))
        left.remove(worst)
    return [g * together + i for g in left for i in range(together)]


@settings(max_examples=60)
@given(st.sampled_from(sorted(MODELS)), st.floats(0, 0.85), st.data())
def test_the_smallest_scores_go(kind, ratio, data):
    run = RUNS[kind]
    scores = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=8, max_size=8)), float)
    together = 2 if kind == "separate" else 1
    n_groups = 8 // together
    left_out, beyond = divmod(ratio * n_groups, 1)
    n_kept = n_groups - int(left_out) - (beyond > 0.5 + 1e-9)
    least = 2 if kind == "token" else 1
    if n_kept < least:
        with pytest.raises(ValueError, match="ratio must be small enough"):
            prune(run, ratio, scores, keep_routers=False)
        return
    small = prune(run, ratio, scores, keep_routers=False)
    kept = kept_by_hand(scores.tolist(), n_kept, together)
    assert list(small.compression[-1].kept) == kept
    assert small.model.n_experts == len(kept)
    np.testing.assert_array_equal(small.weights.routers, run.weights.routers[kept])
    np.testing.assert_array_equal(small.router_norm_change, run.router_norm_change[kept])
    expected = [twins.output(small.model, small.weights, x) for x in TEST.patches()]
    np.testing.assert_allclose(small.predict(TEST), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["separate", "joint"])
def test_outputs_are_those_of_the_experts_left(kind):
    """Where experts choose patches, f is a sum over experts, so that pruned ones are terms."""
    run = RUNS[kind]
    scores = np.arange(8.0)
    parts = [prune(run, 0.5, sign * scores).predict(TEST) for sign in (1, -1)]
    np.testing.assert_allclose(parts[0] + parts[1], run.predict(TEST), atol=1e-12)


def test_order_of_experts_does_not_matter_to_what_is_computed():
    run = RUNS["joint"]
    twice = prune(prune(run, 0.25, np.arange(8.0)), 1 / 3, np.arange(6.0))
    once = prune(run, 0.5, np.arange(8.0))
    np.testing.assert_array_equal(twice.weights.experts, once.weights.experts)
    assert [step.n_before for step in twice.compression] == [8, 6]


def test_nothing_pruned_is_the_same_network():
    for run in RUNS.values():
        same = prune(run, 0.0, keep_routers=False)
        np.testing.assert_array_equal(same.predict(TEST), run.predict(TEST))
        assert same.compression == (Pruning("router_norm_change", 0.0, tuple(range(8)), 8),)


def test_fine_tuning_goes_on_where_training_stopped():
    """Training twice is fine-tuning with the second's batches: same seed, same weights."""
    run, sgd = RUNS["joint"], settings_of(n_steps=20, batch_size=10, learning_rate=0.5)
    tuned = fine_tune(run, DATA, sgd, seed=7)
    np.testing.assert_array_equal(tuned.initial.experts, run.weights.experts)
    np.testing.assert_array_equal(tuned.initial.routers, run.weights.routers)
    again = train(run.model, DATA, sgd, seed=7, initial=run.weights)
    np.testing.assert_array_equal(tuned.weights.experts, again.weights.experts)
    moved = np.linalg.norm(tuned.weights.routers, axis=1) - run.router_norm
    np.testing.assert_allclose(tuned.router_norm_change, moved, atol=1e-12)
    assert not np.array_equal(tuned.weights.experts, run.weights.experts)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_pruned_networks_can_be_trained_further(kind):
    small = prune(RUNS[kind], 0.5)
    sgd = settings_of(n_steps=40, batch_size=10, learning_rate=1.0)
    tuned = fine_tune(quantize(small, 4), DATA, sgd, seed=2, test=TEST)
    assert tuned.history.train_loss[-1] < tuned.history.train_loss[0]
    assert tuned.compression == small.compression
    assert tuned.error(TEST) == tuned.history.test_error[-1]
    assert small.flops == RUNS[kind].flops


def test_initial_weights_must_fit():
    run, sgd = RUNS["joint"], settings_of()
    with pytest.raises(ValueError, match=r"initial.experts.shape must be \(8, 16\)"):
        train(JointMoE(4, 8, 3), DATA, sgd, initial=run.weights)
    with pytest.raises(ValueError, match=r"initial.routers.shape must be None"):
        train(DenseCNN(16), DATA, sgd, initial=run.weights)


def test_bad_requests_are_named():
    run = RUNS["joint"]
    for ratio in (1.0, 0.95):
        with pytest.raises(
            ValueError, match="ratio must be small enough to leave one of 8 experts"
        ):
            prune(run, ratio)
    for ratio in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="ratio must be a finite number in"):
            prune(run, ratio)
    with pytest.raises(ValueError, match="score must be one of 'router_norm_change'"):
        prune(run, 0.5, "size")
    with pytest.raises(ValueError, match=r"score must be one of .* or 8 numbers"):
        prune(run, 0.5, [1.0, 2.0])
    with pytest.raises(ValueError, match="score must be finite everywhere"):
        prune(run, 0.5, [np.nan] * 8)
    with pytest.raises(ValueError, match="data must be given, to measure gate_mass"):
        prune(run, 0.5, "gate_mass")
    with pytest.raises(ValueError, match="leave one of 4 pairs of experts"):
        prune(RUNS["separate"], 0.9)
    dense = train(DenseCNN(4), DATA, settings_of())
    with pytest.raises(ValueError, match="model must be a network with experts"):
        prune(dense, 0.5)


def test_a_run_that_diverged_is_refused():
    data, sgd = exploding(DATA.n_patches, DATA.patch_dim)
    run = train(MODELS["joint"], data, sgd, raise_on_divergence=False)
    assert run.diverged_at == 1
    for act in (prune, quantize):
        with pytest.raises(DivergenceError):
            act(run, 0.5 if act is prune else 4)
    with pytest.raises(DivergenceError):
        fine_tune(run, DATA, settings_of())


@pytest.mark.parametrize("kind", sorted(MODELS))
@pytest.mark.parametrize("score", SCORES)
def test_every_score_of_every_network(kind, score):
    values = expert_scores(RUNS[kind], score, data=TEST, seed=3)
    assert values.shape == (8,)
    assert np.isfinite(values).all()
    again = expert_scores(RUNS[kind], score, data=TEST, seed=3)
    np.testing.assert_array_equal(values, again)
    if score == "random":
        orders = {tuple(expert_scores(RUNS[kind], score, seed=s)) for s in range(20)}
        assert len(orders) > 10


def test_irrelevant_experts_change_least_in_fine_tuning():
    """P24's observation on a network with experts that never receive the task's patterns."""
    tasks = TaskPatterns(8, 60, 66, frequencies=(0.0, 0.5, 0.5))
    model = JointMoE(16, 64, 2, output_weights="expert_signs", init_std=0.06, router_init_std=0.12)
    sgd = settings_of(learning_rate=0.4, batch_size=20, n_steps=300, router_learning_rate=2.0)
    run = train(model, tasks.sample(300, seed=0), sgd, seed=0)
    task = tasks.only(0)
    tuned = fine_tune(run, task.sample(200, seed=1), sgd, seed=0)
    metrics = tuned.routing(task.sample(500, seed=2))
    carries = np.maximum(metrics.gate_positive, metrics.gate_negative) > 0.5
    assert 2 <= carries.sum() < 16
    change = tuned.router_norm_change
    assert np.abs(change[~carries]).max() < 0.2 * change[carries].mean()


@pytest.mark.parametrize("n_experts", range(2, 12))
def test_half_an_expert_is_kept_whatever_their_number(n_experts):
    """Python's round would take it away from every second number of experts."""
    data = TASKS.sample(10, seed=0)
    run = train(JointMoE(n_experts, n_experts, 3), data, settings_of())
    for n_halves in range(1, 2 * n_experts - 2, 2):
        pruned = prune(run, n_halves / (2 * n_experts), np.arange(float(n_experts)))
        assert pruned.model.n_experts == n_experts - (n_halves - 1) // 2
    for n_left_out in range(n_experts):
        assert prune(run, n_left_out / n_experts).model.n_experts == n_experts - n_left_out
        assert prune(run, 1 - (n_experts - n_left_out) / n_experts).model.n_experts == (
            n_experts - n_left_out
        )
