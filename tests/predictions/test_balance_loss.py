"""Balance loss against data loss: formulas against differences, and against training."""

import math

import numpy as np
import pytest

from moe_theory import SGD, PatchData, PatchPatterns, TokenChoiceMoE, train
from moe_theory.models import Weights
from moe_theory.predictions import (
    balance_threshold,
    push_to_leave,
    resting_gate,
    score_forces,
    symmetry_growth,
)

STILL = 1e-300  # a learning rate at which weights keep their bits
PATTERNS = PatchPatterns(n_patches=8, n_irrelevant=24, patch_dim=26)
DATA = PATTERNS.sample(64, seed=0)
COUNTS = np.bincount(DATA.indices.ravel(), minlength=26)
SHARES = COUNTS / COUNTS.sum()


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def network(scores, values):
    """Weights whose experts, of two units each, add ``values`` (k, P) for the patterns."""
    parts = np.stack([np.maximum(values, 0), np.maximum(-values, 0)], axis=1)
    experts = parts.reshape(-1, values.shape[1]) @ PATTERNS.dictionary
    output = np.tile([1.0, -1.0], len(values))
    return Weights(experts, output, scores.T @ PATTERNS.dictionary)


def scores_after(initial, n_steps=1, **given):
    n_experts = len(initial.routers)
    model = TokenChoiceMoE(n_experts, 2 * n_experts)
    sgd = SGD(STILL, batch_size=64, n_steps=n_steps, dtype="float64", **given)
    return PATTERNS.dictionary @ train(model, DATA, sgd, initial=initial).weights.routers.T


@pytest.mark.parametrize("n_experts", [2, 5])
@pytest.mark.parametrize("pattern", [0, 1])
def test_forces_are_the_first_step_of_training_and_the_threshold_turns_it(n_experts, pattern):
    rng = np.random.default_rng(n_experts)
    scores = rng.normal(size=(26, n_experts))
    values = np.zeros((n_experts, 26))
    best, label = int(scores[pattern].argmax()), 1 - 2 * pattern
    values[:, pattern] = 6.0 * label
    rows = np.arange(26) % 5 < 3
    scores[rows & (np.arange(26) > 1), best] += 3.0
    gates, chosen = softmax(scores), scores.argmax(axis=1)
    load = np.bincount(chosen, weights=SHARES, minlength=n_experts)
    f = gates[pattern, best] * 6.0 / 8
    slope = 1 / (1 + math.exp(f))
    seen = np.where(np.arange(n_experts) == best, 6.0, 0.0)
    forces = score_forces(gates[pattern], seen, load, slope)
    threshold = balance_threshold(gates[pattern], seen, load, slope, best)
    assert 0 < threshold < 100
    initial, rate = network(scores, values), 1e-3
    for factor in (0.0, 0.97, 1.03):
        weight = factor * threshold
        after = scores_after(initial, balance_weight=weight, router_learning_rate=rate)
        moved = (after - scores)[pattern] / (rate * SHARES[pattern])
        np.testing.assert_allclose(moved, forces.data + weight * forces.balance, atol=1e-9)
        assert (moved[best] > 0) == (factor < 1)


def test_no_threshold_where_there_is_nothing_to_take():
    assert balance_threshold([0.6, 0.4], [5.0, 0.0], [0.5, 0.5], 0.1, 0) == math.inf
    assert balance_threshold([0.6, 0.4], [-5.0, 0.0], [0.9, 0.1], 0.1, 0) == 0.0
    # The share of a pattern is in neither, and n neither: only load, value and slope.
    scaled = balance_threshold([0.6, 0.4], [10.0, 0.0], [0.9, 0.1], 0.1, 0)
    assert scaled == pytest.approx(
        2 * balance_threshold([0.6, 0.4], [5.0, 0.0], [0.9, 0.1], 0.1, 0)
    )


@pytest.mark.parametrize("start", [0.3, 3.5])
def test_training_comes_to_rest_at_the_gate(start):
    """o₁ is at expert 0, o₂ at expert 1, and irrelevant patterns lead so far that they stay."""
    value, weight = 40.0, 1.0
    scores = np.zeros((26, 2))
    scores[2:20, 0], scores[20:, 1] = 30.0, 30.0
    scores[0, 0], scores[1, 1] = start, 30.0
    values = np.zeros((2, 26))
    values[:, 0] = value
    load = np.array([SHARES[0] + SHARES[2:20].sum(), SHARES[1] + SHARES[20:].sum()])
    gate = resting_gate(value, load[0] - load[1], weight, 2, 8)
    assert 0.55 < gate < 0.95
    given = {"balance_weight": weight, "router_learning_rate": 2.0}
    after = scores_after(network(scores, values), n_steps=4000, **given)
    assert softmax(after[0])[0] == pytest.approx(gate, abs=1e-6)
    assert after[1, 1] - after[1, 0] > 20


def test_the_gate_falls_at_last_as_the_value_grows():
    values = np.geomspace(1, 1e6, 400)
    gates = np.array([resting_gate(value, 0.5, 2.0, 4, 16) for value in values])
    best = int(gates.argmax())
    assert (np.diff(gates[: best + 1]) >= 0).all()
    assert (np.diff(gates[best:]) <= 0).all()
    # The largest is W(1/e)·n/(λ k e): with a larger weight no value holds the pattern.
    assert gates[best] == pytest.approx(min(1, 0.2784645 * 16 / (2.0 * 4 * 0.5)), rel=1e-3)
    large = [resting_gate(value, 0.5, 5.0, 4, 16) for value in values]
    assert max(large) == pytest.approx(0.2784645 * 16 / 10, rel=1e-3)
    assert resting_gate(3.0, 0.0, 1.0, 2, 8) == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_patterns_leave_in_the_order_of_lead_over_share(seed):
    """Nothing is added by any expert, so that the balance loss is alone."""
    rng = np.random.default_rng(seed)
    lead = rng.uniform(0.2, 2.0, size=26)
    lead[:2] = 1.0  # discriminative patterns: more frequent than others
    scores = np.stack([lead, np.zeros(26)], axis=1)
    initial = network(scores, np.zeros((2, 26)))
    needed = np.array([push_to_leave(a, q) for a, q in zip(lead, SHARES, strict=True)])
    order = np.argsort(needed)
    assert (order != np.argsort(lead)).any()
    left, push, step, rate = np.zeros(26, bool), 0.0, 0, 0.2
    gone = np.cumsum(SHARES[order])
    expected = set(order[: int(np.searchsorted(gone, 0.5))].tolist())
    now = {}
    for step in range(0, 4000, 40):
        after = scores_after(
            initial, n_steps=40, balance_weight=1.0, router_learning_rate=rate
        )  # fmt: skip
        initial = network(after, np.zeros((2, 26)))
        left = after[:, 1] > after[:, 0]
        for pattern in np.flatnonzero(left):
            now.setdefault(int(pattern), step)
        load = SHARES @ ~left
        push += 40 * rate * (2 * load - 1)
        if load <= 0.5 + SHARES.max():
            break
    met = [pattern for pattern in order if pattern in now]
    times = [now[pattern] for pattern in met]
    assert len(met) >= 5
    assert times == sorted(times)
    assert set(now) <= expected | set(order[: len(now)].tolist())
    assert sorted(now) == sorted(order[: len(now)].tolist())


def test_push_by_integration():
    for lead, share in ((0.3, 0.02), (2.5, 0.1)):
        left, push, step = lead, 0.0, 1e-3
        while left > 0:
            gate = 1 / (1 + math.exp(-left))
            left -= 4 * step * share * gate * (1 - gate)
            push += step
        assert push == pytest.approx(push_to_leave(lead, share), rel=1e-2)


def copies(n_experts, scores, scale=1.0):
    """A network of equal experts, all units of which are active on o₁ and o₂."""
    patterns = PatchPatterns(n_patches=1, n_irrelevant=0, patch_dim=2)
    one = scale * np.array([[1.0, 1.0], [1.0, 1.0]]) @ patterns.dictionary
    experts = np.tile(one, (n_experts, 1))
    data = PatchData(patterns.dictionary, np.array([[0], [1]]), np.array([1, -1]))
    output = np.tile([1.0, -1.0], n_experts)
    return patterns, data, Weights(experts, output, scores.T @ patterns.dictionary)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_equal_experts_give_routers_no_gradient_if_gates_are_renormalised(gate):
    scores = np.random.default_rng(0).normal(size=(26, 4))
    values = np.tile(np.random.default_rng(1).normal(size=26), (4, 1))
    initial = network(scores, values)
    moved = {}
    for renormalize in (True, False):
        model = TokenChoiceMoE(4, 8, n_chosen=2, gate=gate, renormalize=renormalize)
        sgd = SGD(STILL, 64, n_steps=1, dtype="float64", router_learning_rate=1.0)
        run = train(model, DATA, sgd, initial=initial)
        moved[renormalize] = np.abs(run.weights.routers - initial.routers).max()
        outputs = run.history.train_loss[0]
        dense = np.where(DATA.labels > 0, 1, -1) * values[0][DATA.indices].mean(axis=1)
        equal = outputs == pytest.approx(np.log1p(np.exp(-dense)).mean(), rel=1e-9)
        assert equal == renormalize
    assert moved[True] < 1e-15
    assert moved[False] > 1e-4


@pytest.mark.parametrize("n_steps", [1, 10, 30])
def test_copies_part_as_predicted(n_steps):
    scores = 1e-6 * np.array([[1.0, 0.0], [0.0, 2.0]])
    patterns, data, initial = copies(2, scores)
    model = TokenChoiceMoE(2, 4, n_chosen=2, renormalize=True)
    rates = {"learning_rate": 0.05, "router_learning_rate": 0.8}
    sgd = SGD(batch_size=2, n_steps=n_steps, dtype="float64", **rates)
    run = train(model, data, sgd, initial=initial)
    after = patterns.dictionary @ run.weights.routers.T
    found = (after[:, 0] - after[:, 1]) / (scores[:, 0] - scores[:, 1])
    # The slope is between its first and its last value, as the loss falls.
    slopes = [1 - math.exp(-loss) for loss in (run.history.train_loss[-1], math.log(2))]
    low, high = (symmetry_growth(n_steps, 0.5, slope, 2, **rates) for slope in slopes)
    assert (found >= low - 1e-6).all()
    assert (found <= high + 1e-6).all()
    if n_steps == 30:
        assert low > 1.1
        assert high < 1.5 * low
