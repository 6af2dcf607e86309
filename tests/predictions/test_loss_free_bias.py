"""The loss-free bias at rest: against its own iteration, and against training."""

import numpy as np
import pytest

from moe_theory import SGD, PatchPatterns, TokenChoiceMoE, train
from moe_theory.models import Weights
from moe_theory.predictions import balanced_bias, bias_cycle

STILL = 1e-300  # a learning rate at which weights keep their bits


def drawn(seed, n_patterns, n_experts, scale=1.0):
    rng = np.random.default_rng(seed)
    scores = scale * rng.normal(size=(n_patterns, n_experts))
    affinities = np.exp(scores)
    affinities /= affinities.sum(axis=1, keepdims=True)
    return scores, affinities, rng.integers(1, 40, size=n_patterns)


def iterated(affinities, counts, rate, n_steps, n_chosen=1):
    """Bias before, choices and loads of every step, by the rule itself."""
    n_experts = affinities.shape[1]
    bias, found = np.zeros(n_experts), []
    for _ in range(n_steps):
        best = np.argsort(-(affinities + bias), axis=1, kind="stable")[:, :n_chosen]
        choices = np.zeros(affinities.shape, bool)
        np.put_along_axis(choices, best, True, axis=1)
        load = counts @ choices
        found.append((bias.copy(), choices, load / counts.sum()))
        bias += rate * np.sign(n_chosen * counts.sum() - n_experts * load)
    return [np.array(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("seed", range(25))
def test_cycle_of_two_experts(seed):
    rate = (0.0137, 0.00091)[seed % 2]
    _, affinities, counts = drawn(seed, 30, 2)
    cycle = bias_cycle(affinities, counts, rate)
    bias, choices, loads = iterated(affinities, counts, rate, cycle.steps + 7)
    period = len(cycle.bias)
    for step in range(cycle.steps, cycle.steps + 7):
        state = (step - cycle.steps) % period
        assert bias[step, 0] == pytest.approx(cycle.bias[state], abs=1e-9)
        assert bias[step, 1] == -bias[step, 0]
        assert (choices[step, :, 0] == cycle.first[state]).all()
        assert loads[step, 0] == pytest.approx(cycle.loads[state])
    # Not earlier: the state before is none of the cycle.
    if cycle.steps > 0:
        assert np.abs(bias[cycle.steps - 1, 0] - cycle.bias).min() > rate / 2
    earliest = balanced_bias(affinities, counts).least_steps(rate)
    assert abs(cycle.steps - earliest) <= 2 or period == 1
    assert (np.diff(np.abs(bias[: cycle.steps, 0])) > 0).all()


def test_bias_rests_where_loads_are_equal():
    cycle = bias_cycle([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]], [1, 1, 1, 1], 0.03)
    assert cycle.loads.tolist() == [0.5]
    assert not cycle.flips.any()
    assert cycle.first.tolist() == [[True, True, False, False]]
    assert bias_cycle([[0.9, 0.1], [0.1, 0.9]], [2, 2], 0.1).steps == 0


def test_steps_are_as_the_gap_over_the_rate_and_patterns_leave_by_lead():
    _, affinities, counts = drawn(3, 40, 2)
    affinities = np.sort(affinities, axis=1)[:, ::-1]  # all prefer expert 0
    slow, fast = (bias_cycle(affinities, counts, rate) for rate in (1e-5, 1e-3))
    assert slow.steps / fast.steps == pytest.approx(100, rel=0.02)
    lead = affinities[:, 0] - affinities[:, 1]
    assert slow.flips.sum() == 1
    (last,) = np.flatnonzero(slow.flips)
    assert (slow.first[0] == (lead >= lead[last])).all()
    assert counts[lead > lead[last]].sum() < counts.sum() / 2 <= counts[lead >= lead[last]].sum()
    assert 2 * slow.bias[0] == pytest.approx(-lead[last], abs=4e-5)
    # The median of the loads is 1/2, their mean is not.
    assert slow.loads.mean() == pytest.approx(
        (counts[lead > lead[last]].sum() + counts[last] / 2) / counts.sum()
    )
    assert abs(slow.loads.mean() - 0.5) > 1e-3


def test_a_rate_above_all_gaps_moves_everything_at_once():
    _, affinities, counts = drawn(5, 40, 2, scale=1e-4)
    cycle = bias_cycle(affinities, counts, 0.001)
    assert cycle.flips.mean() > 0.4
    assert cycle.loads.min() == 0 or cycle.loads.max() == 1


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n_experts", "n_chosen"), [(2, 1), (4, 1), (8, 1), (8, 3)])
def test_more_experts(seed, n_experts, n_chosen):
    rate, n_patterns = 2e-4, 60
    _, affinities, counts = drawn(seed, n_patterns, n_experts)
    found = balanced_bias(affinities, counts, n_chosen)
    # The fractions are a choice by the bias, with equal loads.
    shares = counts / counts.sum()
    np.testing.assert_allclose(shares @ found.fractions, n_chosen / n_experts, atol=1e-9)
    np.testing.assert_allclose(found.fractions.sum(axis=1), n_chosen)
    biased = affinities + found.bias
    best = np.sort(biased, axis=1)[:, ::-1][:, :n_chosen].sum(axis=1)
    np.testing.assert_allclose((found.fractions * biased).sum(axis=1), best, atol=1e-9)
    assert found.split.sum() <= n_experts - 1
    # The rule ends there up to a few patterns. Biases move together, if at all: every expert is as
    # often over as every other, and at least once over and once under, or always equal.
    n_steps = int(6 * found.least_steps(rate)) + 3000
    bias, choices, loads = iterated(affinities, counts, rate, n_steps, n_chosen)
    last = slice(-1000, None)
    flips = choices[last].any(axis=0) & ~choices[last].all(axis=0)
    moves = np.diff(bias[last], axis=0).mean(axis=0) / rate
    assert np.ptp(moves) < 0.05
    furthest = np.abs(loads[last] - n_chosen / n_experts).max(axis=0)
    assert (furthest <= shares @ flips + 1e-12).all()
    settled = bias[last].mean(axis=0)
    centred = settled - (settled.max() + settled.min()) / 2
    # The bias differs from b* by less than the gaps to the nearest few patterns.
    two = -np.partition(-biased, n_chosen, axis=1)
    gaps = np.sort(two[:, n_chosen - 1] - two[:, n_chosen])
    assert np.abs(centred - found.bias).max() <= gaps[2 * n_experts] + 4 * rate


def test_biases_of_many_experts_may_rise_together_without_end():
    rate = 2e-4
    _, affinities, counts = drawn(11, 60, 8)
    bias, _, loads = iterated(affinities, counts, rate, 9000)
    early, late = bias[5000].mean(), bias[8999].mean()
    assert late - early > 0.1 * rate * 3999
    assert np.ptp(bias[8999] - bias[5000]) < 10 * rate
    assert (np.mean(loads[5000:] > 1 / 8, axis=0) < 0.45).all()


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("n_experts", [2, 4])
def test_training_with_fixed_routers(engine, n_experts):
    patterns = PatchPatterns(n_patches=8, n_irrelevant=24, patch_dim=26)
    data = patterns.sample(64, seed=0)
    counts = np.bincount(data.indices.ravel(), minlength=26)
    scores, affinities, _ = drawn(2, 26, n_experts)
    model = TokenChoiceMoE(n_experts, 2 * n_experts)
    initial = Weights(
        np.full((2 * n_experts, 26), 0.01), np.ones(2 * n_experts), scores.T @ patterns.dictionary
    )
    rate = 0.0023
    biases = {}
    for n_steps in (50, 51, 400, 401):
        sgd = SGD(
            STILL, batch_size=64, n_steps=n_steps, bias_rate=rate, dtype="float64",
            router_learning_rate=STILL,
        )  # fmt: skip
        biases[n_steps] = train(model, data, sgd, initial=initial, engine=engine).weights.bias
    states = iterated(affinities, counts, rate, 402)[0]
    for n_steps, bias in biases.items():
        np.testing.assert_allclose(bias, states[n_steps], atol=1e-9)
    if n_experts == 2:
        cycle = bias_cycle(affinities, counts, rate)
        assert cycle.steps < 400
        for n_steps in (400, 401):
            expected = cycle.bias[(n_steps - cycle.steps) % len(cycle.bias)]
            assert biases[n_steps][0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: balanced_bias([[0.5, 1.5]], [1]), "affinities must be numbers in"),
        (lambda: balanced_bias([[0.5, 0.5]], [1, 1]), "shares.shape must be"),
        (lambda: balanced_bias([[0.5, 0.5]], [-1]), "shares must be numbers >= 0"),
        (lambda: balanced_bias([[0.5, 0.5]], [1], 3), "n_chosen must be"),
        (lambda: bias_cycle([[0.5, 0.2, 0.3]], [1], 0.1), "affinities.shape must be"),
        (lambda: bias_cycle([[0.5, 0.5]], [1], 0.0), "bias_rate must be"),
    ],
)
def test_what_cannot_be(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


def test_small_leads_are_solved_as_large_ones():
    """Gates that hardly differ, as before training: the solver sees leads at their own size."""
    rng = np.random.default_rng(0)
    leads, shares = rng.normal(size=(66, 2)), np.ones(66)
    large = balanced_bias(0.5 + 0.01 * leads, shares)
    small = balanced_bias(0.5 + 1e-10 * leads, shares)
    np.testing.assert_allclose(1e8 * small.bias, large.bias, atol=1e-7)


def test_rates_too_small_for_steps_are_refused():
    for rate in (1e-320, 1e-300):
        with pytest.raises(ValueError, match="bias_rate must be large enough"):
            bias_cycle([[0.9, 0.1], [0.6, 0.4]], [1, 1], rate)
