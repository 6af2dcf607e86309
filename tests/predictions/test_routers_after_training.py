"""Trained routers in closed form, against the simulator."""

import dataclasses

import numpy as np
import pytest
from cases import problems, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, train
from moe_theory.predictions import expected_router_gradient, trained_routers


@st.composite
def whole_epochs(draw, n_samples):
    """Router training in which all samples weigh the same: B_r | N or B_r >= N."""
    divisors = [b for b in range(1, n_samples + 1) if n_samples % b == 0]
    batch = draw(st.sampled_from([*divisors, n_samples + 3]))
    epochs = draw(st.integers(1, 5))
    by_epochs = draw(st.booleans())
    steps = epochs * -(-n_samples // min(batch, n_samples))
    return settings_of(
        router_learning_rate=draw(st.floats(0.01, 3)),
        router_batch_size=batch,
        **({"router_n_epochs": epochs} if by_epochs else {"router_n_steps": steps}),
    )


def tolerance(run, data):
    """Rounding of the sum of all that was added to a weight."""
    steps = run.sgd.router_steps(data.n_samples)
    moved = run.sgd.router_rate * steps * np.abs(data.patches()).sum(axis=1).max()
    return 1e-15 * (steps + 10) * (1 + moved)


@given(st.data(), problems(kinds=("separate",)), st.integers(0, 99))
def test_raw_patches(draws, problem, seed):
    model, data, _ = problem
    run = train(model, data, draws.draw(whole_epochs(data.n_samples)), seed)
    predicted = trained_routers(model, data, run.sgd, run.initial)
    np.testing.assert_allclose(
        run.weights.routers, predicted, rtol=1e-14, atol=tolerance(run, data)
    )


@settings(max_examples=30)
@given(st.data(), st.integers(1, 12), st.sampled_from([0.0, 0.4]), st.integers(0, 99))
def test_patterns_and_held_out_samples(draws, n_samples, spread, seed):
    patterns = PatchPatterns(5, 7, 11, delta_d=0.3, spread=spread, n_closer=(1, 2), balanced=False)
    data, other = patterns.sample(n_samples, seed), patterns.sample(4, seed, split="test")
    sgd = draws.draw(whole_epochs(n_samples))
    held_out = dataclasses.replace(sgd, router_samples="held_out")
    model = SeparateMoE(4, 4, 2)
    for run in (train(model, data, sgd, seed), train(model, other, held_out, 5, router_data=data)):
        predicted = trained_routers(model, data, run.sgd, run.initial)
        np.testing.assert_allclose(
            run.weights.routers, predicted, rtol=1e-14, atol=tolerance(run, data)
        )


def test_float32_training_is_the_same_up_to_its_rounding():
    data = PatchPatterns(8, 16, 18).sample(40, 0)
    model, sgd = SeparateMoE(2, 2, 2), SGD(0.1, 8, n_epochs=20)
    run = train(model, data, sgd)
    predicted = trained_routers(model, data, sgd, run.initial)
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(run.weights.routers, predicted, atol=1e-5)


def test_uneven_batches_have_the_same_mean_over_shuffles():
    """A sample falls into a batch of size b with chance b/N, where it weighs 1/b."""
    data = PatchPatterns(3, 4, 6, balanced=False).sample(7, 3)
    model = SeparateMoE(2, 2, 1, router_init_std=0.0)
    sgd = settings_of(router_batch_size=3, router_n_epochs=2)
    drawn = np.stack([train(model, data, sgd, seed).weights.routers[0] for seed in range(600)])
    weights = data.labels @ data.patches().sum(axis=1) / 7
    assert drawn.std(axis=0).max() > 0.01
    deviation = drawn.mean(axis=0) - sgd.router_rate * sgd.router_steps(7) * weights
    assert np.abs(deviation / (drawn.std(axis=0) / 600**0.5)).max() < 4


PATTERNS = {
    "plain": PatchPatterns(6, 8, 10),
    "odd": PatchPatterns(6, 8, 10, positive_fraction=0.5),
    "random labels": PatchPatterns(6, 8, 10, balanced=False, delta_d=-0.4),
    "imbalance": PatchPatterns(6, 8, 10, balanced=False, positive_fraction=0.8),
    "rounded imbalance": PatchPatterns(6, 8, 10, positive_fraction=0.8),
    "closer": PatchPatterns(6, 5, 9, n_closer=(2, 1), positive_fraction=0.7, closeness=1.2),
    "limit": PatchPatterns(6, 7, 9, n_closer=(4, 1), max_closer=1, positive_fraction=0.8),
    "limit 0": PatchPatterns(6, 7, 9, n_closer=(2, 3), max_closer=0, positive_fraction=0.2),
    "no neutral": PatchPatterns(6, 4, 6, n_closer=(3, 1), positive_fraction=0.8),
    "spread": PatchPatterns(4, 5, 7, spread=0.3, balanced=False, positive_fraction=0.3),
    "one pattern": PatchPatterns(3, 1, 3, positive_fraction=0.9),
    "one patch": PatchPatterns(1, 0, 2, balanced=False, positive_fraction=0.3),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_expected_gradient(name):
    """Coordinates in the dictionary: about 100 comparisons in all, |z| < 4.5 for each."""
    patterns, n_train, repeats = PATTERNS[name], 7 if name == "odd" else 8, 500
    total = []
    for seed in range(repeats):
        data = patterns.sample(n_train, seed)
        gradient = data.labels @ data.patches().sum(axis=1) / n_train
        total.append(patterns.dictionary @ gradient)
    expected = patterns.dictionary @ expected_router_gradient(patterns, n_train)
    error = np.std(total, axis=0) / repeats**0.5
    np.testing.assert_array_less(np.abs(np.mean(total, axis=0) - expected), 4.5 * error + 1e-12)


@given(st.integers(1, 50), st.floats(0.05, 0.95), st.booleans())
def test_expected_gradient_of_one_patch(n_train, fraction, balanced):
    """Nothing but the classes: E ĝ = π₊o₁ − (1 − π₊)o₂, π₊ rounded if balanced."""
    patterns = PatchPatterns(1, 0, 2, balanced=balanced, positive_fraction=fraction)
    gradient = expected_router_gradient(patterns, n_train)
    share, rounded = gradient @ patterns.o1, fraction * n_train
    assert share - gradient @ patterns.o2 == pytest.approx(1)
    if balanced:
        assert abs(share * n_train - rounded) <= 0.5 + 1e-9
    else:
        assert share == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"router_batch_size": 4}, "router batch size must be a divisor of, or at least, the 10"),
        ({"router_batch_size": 5, "router_n_steps": 3}, "router steps must be a whole number of"),
        ({"router_samples": "split"}, 'router_samples must be "train" or "held_out"'),
    ],
)
def test_outside_the_domain(changes, message):
    data, model = PatchPatterns(4, 6, 8).sample(10, 0), SeparateMoE(2, 2, 1)
    with pytest.raises(ValueError, match=message):
        trained_routers(model, data, settings_of(**changes), model.initial_weights(8, 0))


def test_weights_that_do_not_fit():
    data, model = PatchPatterns(4, 6, 8).sample(10, 0), SeparateMoE(2, 2, 1)
    for weights in (model.initial_weights(7, 0), DenseCNN(2).initial_weights(8, 0)):
        with pytest.raises(
            ValueError, match=r"initial\.routers\.shape must be \(k, d\) = \(2, 8\)"
        ):
            trained_routers(model, data, settings_of(), weights)
    with pytest.raises(ValueError, match="n_train must be an integer >= 1"):
        expected_router_gradient(PATTERNS["plain"], 0)
