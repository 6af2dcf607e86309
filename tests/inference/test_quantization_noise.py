"""Predicted rounding noise against the change of outputs when weights are rounded."""

import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory.inference import QUANTIZERS as NAMED
from moe_theory.inference import Quantizer, allocate_bits, quantize, rounding_noise

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
SGD = settings_of(n_steps=60, batch_size=10, learning_rate=1.0)
MODELS = {
    "dense": DenseCNN(8),
    "separate": SeparateMoE(4, 16, 2),
    "joint": JointMoE(8, 16, 3, init_std=0.2, router_init_std=0.3),
    "token": TokenChoiceMoE(8, 16, 2, init_std=0.2, router_init_std=0.3),
    "sample": SampleMoE(2, 16, "cubic", init_std=0.5, router_init_std=0.3),
}
QUANTIZERS = [Quantizer(), Quantizer(symmetric=False, group_size=7)]


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=["symmetric", "groups"])
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_mean_squared_change_of_outputs(kind, quantizer):
    """Over trainings the ratio of measured to predicted change has mean 1."""
    ratios = []
    for seed in range(60):
        run = train(MODELS[kind], PATTERNS.sample(30, seed), SGD, seed)
        inputs = PATTERNS.sample(100, seed, split="test")
        change = quantize(run, 6, quantizer=quantizer).predict(inputs) - run.predict(inputs)
        predicted = rounding_noise(run, 6, inputs, quantizer).sum()
        ratios.append(np.mean(change**2) / predicted)
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert error < 0.15
    assert np.mean(ratios) == pytest.approx(1, abs=4 * error)


@pytest.mark.parametrize("name", sorted(NAMED))
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_predicted_noise_of_every_quantizer(name, kind):
    """Over trainings the ratio of measured to predicted change has mean 1."""
    ratios = []
    for seed in range(40):
        run = train(MODELS[kind], PATTERNS.sample(30, seed), SGD, seed)
        inputs = PATTERNS.sample(100, seed, split="test")
        small = quantize(run, 7, quantizer=name, data=inputs)
        change = small.predict(inputs) - run.predict(inputs)
        ratios.append(np.mean(change**2) / rounding_noise(run, 7, inputs, name).sum())
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert error < 0.2
    assert np.mean(ratios) == pytest.approx(1, abs=4 * error)


def test_noise_of_one_expert_is_that_of_rounding_it_alone():
    run = train(MODELS["joint"], PATTERNS.sample(30, 0), SGD, 0)
    inputs = PATTERNS.sample(50, 0, split="test")
    each = [5] * 8
    whole = rounding_noise(run, 5, inputs)
    np.testing.assert_allclose(rounding_noise(run, each, inputs), whole)
    each[3] = 4
    ratio = rounding_noise(run, each, inputs) / whole
    expected = np.ones(8)
    expected[3] = (31 / 15) ** 2
    np.testing.assert_allclose(ratio, expected)


def test_the_noisiest_experts_get_most_bits():
    run = train(MODELS["joint"], PATTERNS.sample(30, 0), SGD, 0)
    inputs = PATTERNS.sample(50, 0, split="test")
    noise = rounding_noise(run, 2, inputs)
    bits = allocate_bits(run, 3, "rounding_noise", levels=(4, 2), data=inputs)
    assert noise[bits == 4].min() >= noise[bits == 2].max()
    with pytest.raises(ValueError, match="data must be given, to predict rounding_noise"):
        allocate_bits(run, 3, "rounding_noise", levels=(4, 2))
    with pytest.raises(ValueError, match=r"len\(bits\) must be 8"):
        rounding_noise(run, [3], inputs)
