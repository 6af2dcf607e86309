"""The rules of P26's released code, on its own numbers and against a second writing of them."""

import numpy as np
import pytest
from cases import settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import DenseCNN, JointMoE, PatchPatterns, TokenChoiceMoE, train
from moe_theory.inference import (
    expert_scores,
    largest_variances,
    released_bits,
    released_counts,
    released_lift,
    unit_variances,
)
from moe_theory.inference.allocation import large_first

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA = PATTERNS.sample(60, seed=0)
SGD = settings_of(n_steps=100, batch_size=10, learning_rate=1.0)
JOINT = train(JointMoE(8, 16, 3, init_std=0.1, router_init_std=0.3), DATA, SGD, seed=0)
TOKEN = train(TokenChoiceMoE(8, 24, 2, init_std=0.1, router_init_std=0.3), DATA, SGD, seed=0)


def lifted_by_hand(order, variances, zeta):
    """Every expert from the last one on, step by step up the queue."""
    queue = list(order)
    for s in list(order)[::-1]:
        places = [i for i in range(queue.index(s)) if variances[queue[i]] < variances[s] / zeta]
        if places:
            queue.remove(s)
            queue.insert(min(places), s)
    return queue


def test_lift_of_the_worked_example():
    variances = [1, 1, 1.05, 2.6, 3.2, 4, 4.5, 6]
    assert released_lift(range(8), variances).tolist() == [7, 6, 5, 4, 0, 1, 2, 3]
    # Of ζ = 2 also expert 3 overtakes; of ζ = 7 nobody does.
    assert released_lift(range(8), variances, 2).tolist() == [7, 6, 5, 4, 3, 0, 1, 2]
    assert released_lift(range(8), variances, 7).tolist() == list(range(8))


@settings(max_examples=200)
@given(st.permutations(range(7)), st.integers(0, 9999), st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_lift_by_hand(order, seed, zeta):
    variances = np.random.default_rng(seed).lognormal(0, 1.5, 7)
    found = released_lift(order, variances, zeta)
    assert found.tolist() == lifted_by_hand(order, variances, zeta)


def test_idle_experts_fall_back_and_those_that_overtake_them_reverse_their_order():
    variances = [1e-9, 1.0, 1e-9, 1.1, 0.9]
    assert released_lift(range(5), variances).tolist() == [4, 3, 1, 0, 2]


def test_counts_of_the_worked_examples():
    counts = {b: released_counts(16, b, (3, 2, 1)) for b in (2.0, 1.5, 2.5)}
    assert counts[2.0] == {3: 5, 2: 6, 1: 5}
    assert counts[1.5] == {3: 0, 2: 8, 1: 8}
    assert counts[2.5] == {3: 12, 2: 0, 1: 4}


def counts_by_hand(k, average, high, middle, low):
    """Start from two levels and move one pair after the other."""
    if average >= middle:
        up = round((average - middle) / (high - middle) * k)
        found = [up, k - up, 0]
    else:
        up = round((average - low) / (middle - low) * k)
        found = [0, up, k - up]
    start, third = found[0], (high - low) / 3
    while found[1] >= 2:
        after = [found[0] + 1, found[1] - 2, found[2] + 1]
        if average < high - 2 * third:
            break
        if average <= high - third and after[1] < after[0] - start:
            break
        found = after
    return found


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.floats(0, 1))
def test_counts_by_hand(k, low, step, share):
    levels = (low + 2 * step, low + step, low)
    average = min(low + share * 2 * step, levels[0])
    found = released_counts(k, average, levels)
    assert list(found) == list(levels)
    assert list(found.values()) == counts_by_hand(k, average, *levels)
    two = released_counts(k, average, levels[::2])
    assert two == {levels[0]: (n := round(share_of(average, levels) * k)), low: k - n}


def share_of(average, levels):
    return (average - levels[-1]) / (levels[0] - levels[-1])


def test_the_upper_region_is_open():
    """At b_h − Δ/3 itself the middle's rule holds: of 11 in the middle 3 pairs leave it, not 5."""
    assert released_counts(16, 5.0, (7, 4, 1)) == {7: 8, 4: 5, 1: 3}


def test_half_an_expert_is_rounded_to_the_even_number():
    assert released_counts(2, 1.25, (2, 1)) == {2: 0, 1: 2}
    assert released_counts(6, 1.25, (2, 1)) == {2: 2, 1: 4}


def test_variances_are_unbiased_and_of_one_unit():
    weights = JOINT.weights.experts
    for s in range(8):
        rows = weights[2 * s : 2 * s + 2]
        own = [((row - row.mean()) ** 2).sum() / (len(row) - 1) for row in rows]
        assert unit_variances(JOINT)[s] == pytest.approx(max(own))
        loudest = int(np.argmax((rows**2).sum(axis=1)))
        assert unit_variances(JOINT, "largest_norm")[s] == pytest.approx(own[loudest])
    np.testing.assert_allclose(unit_variances(JOINT), largest_variances(JOINT) * 24 / 23)


def shifted(run, rows):
    """The network with constants added to weights, which moves norms and not variances."""
    from dataclasses import replace  # noqa: PLC0415

    from moe_theory.models import Weights  # noqa: PLC0415

    weights = run.weights.experts.copy()
    weights[rows] += 5.0
    return replace(run, weights=Weights(weights, run.weights.output, run.weights.routers))


def test_the_two_forms_of_the_variance_differ():
    variances = [[JOINT.weights.experts[2 * s + r].var(ddof=1) for r in (0, 1)] for s in range(8)]
    quiet = [2 * s + int(np.argmin(variances[s])) for s in range(8)]
    moved = shifted(JOINT, quiet)
    np.testing.assert_allclose(unit_variances(moved), np.max(variances, axis=1))
    np.testing.assert_allclose(unit_variances(moved, "largest_norm"), np.min(variances, axis=1))


@pytest.mark.parametrize("run", [JOINT, TOKEN], ids=["joint", "token"])
def test_orders(run):
    norm = np.linalg.norm(run.weights.routers, axis=1)
    change = norm - np.linalg.norm(run.initial.routers, axis=1)
    kept = {"router_norm_change": -change, "router_norm": -norm}
    for name in ("activation_frequency", "gate_mass", "curvature"):
        kept[name] = expert_scores(run, name, data=DATA)
    for name, scores in kept.items():
        bits = released_bits(run, 2.0, name, levels=(3, 1), zeta=None, data=DATA)
        assert scores[bits == 3].min() >= scores[bits == 1].max()
        assert (bits == 3).sum() == 4
        lifted = released_bits(run, 2.0, name, levels=(3, 1), zeta=1.0, data=DATA)
        if name in ("router_norm_change", "router_norm"):
            queue = lifted_by_hand(np.argsort(-scores), unit_variances(run), 1.0)
            assert sorted(np.flatnonzero(lifted == 3)) == sorted(queue[:4])
        else:
            np.testing.assert_array_equal(lifted, bits)
    assert np.bincount(released_bits(run, 2.0)).tolist() == [0, 2, 4, 2]


def test_an_order_of_your_own():
    bits = released_bits(JOINT, 2.0, [3.0, 1, 4, 1.5, 9, 2, 6, 5], levels=(3, 1))
    assert bits.tolist() == [1, 1, 3, 1, 3, 1, 3, 3]


def test_the_form_of_the_variance_reaches_the_bits():
    quiet = [2 * s + int(np.argmin(JOINT.weights.experts[2 * s : 2 * s + 2].var(axis=1)))
             for s in range(8)]  # fmt: skip
    moved = shifted(JOINT, quiet)
    queue = np.argsort(moved.router_norm_change)
    for form in ("largest", "largest_norm"):
        bits = released_bits(moved, 2.0, levels=(3, 1), zeta=1.0, variance=form)
        first = lifted_by_hand(queue, unit_variances(moved, form), 1.0)[:4]
        assert sorted(np.flatnonzero(bits == 3)) == sorted(first)


def test_our_own_lift_compares_with_the_median():
    """Mean 20.8 and median 1 of the variances: of ζ = 2 the mean would let nobody but one pass."""
    variances = np.array([100.0, 1.0, 1.0, 1.0, 1.0, 2.5, 39.1])
    order = np.array([1, 2, 3, 4, 5, 6, 0])
    assert large_first(order, variances, 2.0).tolist() == [5, 6, 0, 1, 2, 3, 4]
    # Outliers downwards: the mean, 0.75, would let all pass that exceed 1.5 times it.
    variances = np.array([1.3, 1.2, 1.25, 0.001, 0.0, 1.28, 0.21])
    assert large_first(np.arange(7), variances, 1.5).tolist() == list(range(7))


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="levels must be equally spaced where there are three"):
        released_counts(8, 2.0, (4, 2, 1))
    with pytest.raises(ValueError, match=r"average_bits must be in \[1, 3\]"):
        released_counts(8, 3.5, (3, 2, 1))
    with pytest.raises(ValueError, match="order must be the numbers of 3 experts"):
        released_lift([0, 0, 1], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="zeta must be a finite number"):
        released_lift([0, 1], [1.0, 1.0], 0)
    with pytest.raises(ValueError, match="order must be one of 'router_norm_change'"):
        released_bits(JOINT, 2.0, "weight_magnitude")
    with pytest.raises(ValueError, match="variance must be one of 'largest'"):
        released_bits(JOINT, 2.0, variance="mean")
    with pytest.raises(ValueError, match="data must be given, to measure curvature"):
        released_bits(JOINT, 2.0, "curvature")
    with pytest.raises(ValueError, match="model must be a network with routers"):
        released_bits(train(DenseCNN(4), DATA, SGD), 2.0)
