"""How much experts serve, counted by the formulas of the twins."""

import numpy as np
import pytest
import twins
from cases import networks
from hypothesis import given
from hypothesis import strategies as st

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    Weights,
    expert_load,
    train,
)
from moe_theory.routing import load as module

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA = PATTERNS.sample(40, 0)


def served(model, scores):
    """Pairs (patch, expert) of one input, given its scores (n, k)."""
    n_patches, k = scores.shape
    if isinstance(model, TokenChoiceMoE):
        return set(twins.choices(model, scores))
    if isinstance(model, SampleMoE):
        s = int(scores.sum(axis=0).argmax())
        return {(j, s) for j in range(n_patches)}
    return {(int(j), s) for s in range(k) for j in twins.top_l(scores[:, s], model.n_routed)}


@given(
    st.data(), st.sampled_from(["separate", "joint", "token", "sample"]),
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 6),
)  # fmt: skip
def test_counted_pair_by_pair(data, kind, seed, n_patches, n_samples):
    """Integer scores of few patterns, so that most inputs hold ties; units are often silent."""
    model = data.draw(networks(kind, n_patches))
    rng = np.random.default_rng(seed)
    dictionary = rng.integers(-2, 3, size=(5, 3)).astype(float)
    indices = rng.integers(5, size=(n_samples, n_patches)).astype(np.int32)
    weights = Weights(
        rng.integers(-2, 2, size=(model.n_hidden, 3)).astype(float), np.ones(model.n_hidden),
        rng.integers(-1, 2, size=(model.n_experts, 3)).astype(float),
    )  # fmt: skip
    found = expert_load(
        PatchData(dictionary, indices, np.ones(n_samples, np.int8)), model, weights, weights
    )
    pairs = [served(model, dictionary[row] @ weights.routers.T) for row in indices]
    flat = [(row[j], s) for row, own in zip(indices, pairs, strict=True) for j, s in own]
    counts = np.bincount([s for _, s in flat], minlength=model.n_experts)
    np.testing.assert_array_equal(found.patches, counts / counts.sum())
    by_input = [[any(s == q for _, q in own) for s in range(model.n_experts)] for own in pairs]
    np.testing.assert_array_equal(found.inputs, np.mean(by_input, axis=0))
    np.testing.assert_array_equal(found.idle, counts == 0)
    assert found.n_idle == (counts == 0).sum()
    assert found.pairs_per_patch == counts.sum() / indices.size
    missed = sum(n_patches - len({j for j, _ in own}) for own in pairs)
    assert found.unserved == missed / indices.size
    assert found.max_over_mean == pytest.approx(counts.max() / counts.mean())
    units = weights.experts.reshape(model.n_experts, -1, 3)
    silent = [
        all((twins.phi(model, units[s] @ dictionary[p]) == 0).all() for p, q in flat if q == s)
        for s in range(model.n_experts)
    ]
    np.testing.assert_array_equal(found.silent, silent)
    assert found.untrained.all()


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_entropy_is_that_of_the_shares(k, seed):
    shares = np.random.default_rng(seed).dirichlet(np.ones(k))
    own = module.Load(shares, shares, shares == 0, shares == 0, None, 1.0, 0.0, 1)
    assert own.entropy == pytest.approx(-np.sum(shares * np.log(shares)) / np.log(k), rel=1e-12)
    assert own.n_untrained is None
    one = module.Load(np.eye(k)[0], shares, shares == 0, shares == 0, None, 1.0, 0.0, 1)
    assert one.entropy == 0.0
    assert one.max_over_mean == k


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize("bias", [None, [0.0, 0.2, -0.3, 0.1]])
def test_a_bias_has_its_say_and_shared_experts_are_left_out(gate, bias):
    model = TokenChoiceMoE(4, 10, 2, gate=gate, n_shared=1, router_init_std=0.5)
    start = model.initial_weights(24, 3)
    given = None if bias is None else np.array(bias)
    weights = Weights(start.experts, start.output, start.routers, given)
    found = expert_load(DATA, model, weights, weights)
    scores = DATA.patches() @ start.routers.T
    affinities = 1 / (1 + np.exp(-scores))
    if gate == "softmax":
        affinities = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    wanted = scores if bias is None else affinities + given
    chosen = np.argsort(-wanted, axis=2)[:, :, :2]
    shares = [(chosen == s).sum() / chosen.size for s in range(4)]
    np.testing.assert_allclose(found.patches, shares, rtol=1e-14)
    assert found.pairs_per_patch == 2
    assert found.untrained.shape == found.silent.shape == (4,)
    if bias is not None:
        plain = expert_load(DATA, model, start)
        assert (plain.patches != found.patches).any()


def test_experts_that_choose_share_all_work_equally():
    for model in (SeparateMoE(4, 8, 3), JointMoE(4, 8, 3)):
        found = train(model, DATA, SGD(0.5, 10, n_steps=20)).expert_load(DATA)
        np.testing.assert_array_equal(found.patches, [0.25] * 4)
        np.testing.assert_array_equal(found.inputs, [1] * 4)
        assert found.pairs_per_patch == 4 * 3 / 6
        assert 0 < found.unserved < 0.5
        assert (found.entropy, found.max_over_mean) == (1.0, 1.0)


def test_one_expert_has_all():
    found = train(TokenChoiceMoE(1, 2), DATA, SGD(0.5, 10, n_steps=2)).expert_load(DATA)
    assert (found.entropy, found.max_over_mean, found.unserved) == (1.0, 1.0, 0.0)


def test_an_expert_that_no_patch_chooses_stays_as_it_was():
    """The second router scores all patches lowest; the third expert's units see nothing."""
    model, d = TokenChoiceMoE(3, 6), PATTERNS.patch_dim
    rng = np.random.default_rng(0)
    mean = DATA.patches().mean(axis=(0, 1))
    routers = np.stack([PATTERNS.o1 + PATTERNS.o2, -100 * np.ones(d), mean])
    experts = np.concatenate([0.1 * rng.normal(size=(4, d)), np.zeros((2, d))])
    positive = PatchData(np.abs(DATA.dictionary), DATA.indices, DATA.labels)
    start = Weights(experts, np.array([1.0, -1, 1, -1, 1, -1]), routers)
    run = train(model, positive, SGD(0.1, 10, n_steps=30), initial=start)
    found = run.expert_load(positive)
    assert found.idle.tolist() == [False, True, False]
    assert found.silent.tolist() == [False, True, True]
    assert found.untrained.tolist() == [False, True, True]
    assert (found.n_idle, found.n_silent, found.n_untrained) == (1, 2, 2)


@pytest.mark.parametrize("model", [TokenChoiceMoE(3, 6, 2, 1), SampleMoE(3, 6), JointMoE(3, 6, 2)])
def test_the_same_for_any_size_of_block(model, monkeypatch):
    run = train(model, DATA, SGD(0.5, 10, n_steps=5))
    whole = run.expert_load(DATA)
    monkeypatch.setattr(module, "BLOCK", 1)
    single = run.expert_load(DATA)
    for name in ("patches", "inputs", "idle", "silent", "untrained"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(single, name))
    assert (whole.unserved, whole.pairs_per_patch) == (single.unserved, single.pairs_per_patch)


def test_bad_input():
    run = train(JointMoE(2, 4, 3), DATA, SGD(0.5, 10, n_steps=5))
    with pytest.raises(ValueError, match="model must be a network with experts; got DenseCNN"):
        expert_load(DATA, DenseCNN(4), run.weights)
    with pytest.raises(ValueError, match="model must be a network with experts"):
        train(DenseCNN(4), DATA, SGD(0.5, 10, n_steps=5)).expert_load(DATA)
    with pytest.raises(ValueError, match=r"weights\.routers\.shape must be \(4, 24\)"):
        expert_load(DATA, JointMoE(4, 4, 3), run.weights)
    other = Weights(np.ones((6, 24)), np.ones(6), np.ones((2, 24)))
    with pytest.raises(ValueError, match=r"initial\.experts\.shape must be \(4, 24\)"):
        expert_load(DATA, run.model, run.weights, other)
    token = TokenChoiceMoE(2, 4)
    biased = Weights(np.ones((4, 24)), np.ones(4), np.ones((2, 24)), np.ones(2))
    with pytest.raises(ValueError, match=r"\.shape must be"):
        expert_load(DATA, TokenChoiceMoE(4, 4), biased)
    assert expert_load(DATA, token, biased).patches.tolist() == [1, 0]
    with pytest.raises(TypeError, match="weights must be Weights"):
        expert_load(DATA, run.model, run)
    with pytest.raises(ValueError, match=r"data \(n, d\) must be"):
        run.expert_load(PatchPatterns(5, 20, 24).sample(4, 0))
