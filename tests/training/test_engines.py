"""The two engines follow one trajectory."""

import numpy as np
import pytest
from cases import TRAINED, descents, networks, pattern_data, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory.training.gram import gram, suits_pattern_space


@settings(max_examples=100)
@given(st.data(), st.sampled_from(TRAINED))
def test_same_trajectory(data, kind):
    n_patches = data.draw(st.integers(1, 8))
    model = data.draw(networks(kind, n_patches))
    samples, patterns = data.draw(pattern_data(n_patches))
    own = data.draw(descents(model))
    plain = model.activation != "cubic" and not own.get("normalize_experts")
    # Where whole inputs choose, small samples have directions that amplify rounding step by step.
    # So do balance and z-losses on few patches, whose routers do not settle at large rates.
    steep = kind in ("sample", "practised")
    rates, allowed = ([0.1], 1e-8) if steep else ([0.1, 2.0], 1e-10)
    sgd = settings_of(
        # Steps at unit length, and cubic networks, do not settle at large rates.
        learning_rate=data.draw(st.sampled_from(rates)) if plain else 0.02,
        batch_size=data.draw(st.integers(1, 12)),
        # At unit length a gradient that is nearly 0 shows its rounding in full.
        n_steps=20 if own.get("normalize_experts") else 250,
        loss=data.draw(st.sampled_from(["logistic", "hinge"])),
        record=10,
        **own,
    )
    test = patterns.sample(20, 0, split="test")
    raw, pattern = (
        train(model, samples, sgd, 1, test=test, engine=engine) for engine in ("raw", "pattern")
    )
    # 250 steps of relative rounding 2e-16, a few of them amplified by steep directions.
    scale = 1 + np.abs(raw.weights.experts).max()
    np.testing.assert_allclose(pattern.weights.experts, raw.weights.experts, atol=allowed * scale)
    if raw.weights.routers is not None:
        scale = 1 + np.abs(raw.weights.routers).max()
        np.testing.assert_allclose(
            pattern.weights.routers, raw.weights.routers, atol=allowed * scale
        )
    for name in ("train_loss", "test_loss"):
        expected = getattr(raw.history, name)
        np.testing.assert_allclose(
            getattr(pattern.history, name), expected, atol=10 * allowed, rtol=10 * allowed
        )
    assert pattern.steps_to_zero_error == raw.steps_to_zero_error
    assert pattern.flops == raw.flops


@pytest.mark.parametrize(
    "model",
    [
        DenseCNN(6),
        DenseCNN(6, activation="cubic", pooling="sum"),
        SeparateMoE(2, 6, 3),
        JointMoE(2, 6, 3),
        TokenChoiceMoE(2, 6, 1, 3),
        SampleMoE(2, 6),
        SampleMoE(3, 6, "cubic", init_std=0.1),
    ],
)
def test_single_precision_and_foreign_test_data(model):
    patterns = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=16)
    foreign = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=16, dictionary_seed=9)
    data, test = patterns.sample(40, 0), foreign.sample(50, 0)
    sgd = settings_of(batch_size=7, n_steps=100, dtype="float32", record=50, learning_rate=0.5)
    raw, pattern = (
        train(model, data, sgd, 1, test=test, engine=engine) for engine in ("raw", "pattern")
    )
    # 100 steps of relative rounding 6e-8 on numbers of order 1.
    np.testing.assert_allclose(pattern.weights.experts, raw.weights.experts, atol=1e-4)
    np.testing.assert_allclose(pattern.history.test_loss, raw.history.test_loss, atol=1e-4)
    assert pattern.weights.experts.dtype == np.float32


def test_divergence_is_seen():
    patterns = PatchPatterns(n_patches=2, n_irrelevant=4, patch_dim=6)
    for model in (
        DenseCNN(64),
        SeparateMoE(2, 64, 1),
        JointMoE(2, 64, 1),
        TokenChoiceMoE(1, 64),
        SampleMoE(1, 64),
        SampleMoE(2, 64, "cubic", "sum", init_std=0.1),
    ):
        sgd = settings_of(dtype="float32", learning_rate=3e38, n_steps=9, router_learning_rate=1.0)
        run = train(model, patterns.sample(8, 0), sgd, engine="pattern", raise_on_divergence=False)
        assert run.diverged_at is not None


def test_choice_of_the_engine():
    patterns = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=16, delta_d=0.5)
    data = patterns.sample(40, 0)
    assert suits_pattern_space(data)
    assert not suits_pattern_space(DigitPatches().sample(100, 0))
    spread = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=16, spread=0.1)
    assert not suits_pattern_space(spread.sample(40, 0))
    sgd = settings_of(n_steps=20)
    auto, pattern = (train(DenseCNN(4), data, sgd, engine=e) for e in ("auto", "pattern"))
    np.testing.assert_array_equal(auto.weights.experts, pattern.weights.experts)
    with pytest.raises(ValueError, match="engine must be one of"):
        train(DenseCNN(4), data, sgd, engine="jax")


def test_overlaps_are_cut_relative_to_the_patterns():
    basis = PatchPatterns(n_patches=2, n_irrelevant=5, patch_dim=9).dictionary
    lengths = 10.0 ** np.arange(-6.0, 8.0, 2.0)
    found = gram(lengths[:, None] * basis)
    np.testing.assert_array_equal(found.column, np.arange(7))
    np.testing.assert_allclose(found.value, lengths**2, rtol=1e-12)
    small = 1e-9 * np.array([[1.0, 0.0], [0.6, 0.8]])
    assert gram(small).n_entries == 4


def test_gram_matrix():
    dictionary = np.random.default_rng(0).normal(size=(7, 5))
    found = gram(dictionary)
    rows = [found.value[found.start[p] : found.start[p + 1]] for p in range(7)]
    np.testing.assert_allclose(rows, dictionary @ dictionary.T)
    assert gram(dictionary) is found
    assert gram(dictionary.copy()) is not found
    assert gram(np.eye(4, 6)).orthonormal
    assert not gram(2 * np.eye(4, 6)).orthonormal
