"""`SampleMoE`: what a run of it tells, and what it refuses."""

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, PatchPatterns, SampleMoE, dispatch_entropy, train
from moe_theory.experiments import measurements

PATTERNS = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
DATA, TEST = PATTERNS.sample(60, seed=0), PATTERNS.sample(200, seed=0, split="test")
FAST = SGD(1.0, 20, n_steps=100)


@pytest.fixture(scope="module")
def run():
    return train(SampleMoE(4, 8, init_std=0.1), DATA, FAST, seed=1, test=TEST)


def test_a_run_tells_which_expert_each_input_chooses(run):
    chosen = run.experts_of(TEST)
    scores = TEST.patches().sum(axis=1) @ run.weights.routers.T
    np.testing.assert_array_equal(chosen, scores.argmax(axis=1))
    loads = np.bincount(chosen, minlength=4) / len(chosen)
    np.testing.assert_allclose(run.routing(TEST).success, loads)


def test_noise_enters_where_a_seed_is_given(run):
    noise = run.model.draw_noise(TEST.n_samples, 3)
    scores = TEST.patches().sum(axis=1) @ run.weights.routers.T
    chosen = run.experts_of(TEST, noise_seed=3)
    np.testing.assert_array_equal(chosen, (scores + noise).argmax(axis=1))
    assert (chosen != run.experts_of(TEST)).any()
    without, noisy = run.predict(TEST), run.predict(TEST, noise_seed=3)
    same = chosen == run.experts_of(TEST)
    np.testing.assert_array_equal(without[same], noisy[same])
    assert (without[~same] != noisy[~same]).all()
    assert run.error(TEST, noise_seed=3) == np.mean(noisy * TEST.labels <= 0)


def test_other_networks_have_no_noise():
    dense = train(DenseCNN(4), DATA, FAST)
    for ask in (dense.experts_of, lambda data: dense.predict(data, noise_seed=0)):
        with pytest.raises(ValueError, match="model must be a SampleMoE, as inputs"):
            ask(TEST)


def test_measurements_of_inputs_that_choose(run):
    row = measurements(run, TEST, DATA)
    metrics = run.routing(TEST)
    share = np.mean(TEST.labels == 1)
    best = share * metrics.success_positive.max() + (1 - share) * metrics.success_negative.max()
    assert row["router_success"] == pytest.approx(best)
    assert row["test_error"] == run.error(TEST)


def test_dispatch_entropy_is_that_of_the_cluster_given_the_expert():
    rng = np.random.default_rng(0)
    clusters, experts = rng.integers(4, size=500), rng.integers(6, size=500)
    experts[clusters == 2] = 7
    expected = 0.0
    for m in set(experts.tolist()):
        own = clusters[experts == m]
        shares = np.bincount(own) / len(own)
        shares = shares[shares > 0]
        expected -= len(own) / 500 * (shares * np.log(shares)).sum()
    assert dispatch_entropy(clusters, experts) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"experts.shape must be \(2,\), one per input"):
        dispatch_entropy([0, 1], [0])
    with pytest.raises(TypeError, match="clusters must be an array of integers"):
        dispatch_entropy([0.5, 1.0], [0, 1])
