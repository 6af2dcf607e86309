"""Parts of the prediction of trained networks: training sets, equations and twins of kernels."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import issparse

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE
from moe_theory.predictions import trained_error
from moe_theory.predictions.trained import error as error_module
from moe_theory.predictions.trained import final_state as final_state_module
from moe_theory.predictions.trained.error import spread_carriers
from moe_theory.predictions.trained.final_state import final_state
from moe_theory.predictions.trained.kernels import (
    Occurrences,
    Paths,
    Walk,
    follow_paths,
    surviving_units,
)
from moe_theory.predictions.trained.own_response import FewPatterns, FewSamples, faster
from moe_theory.predictions.trained.setting import TrainedSetting
from moe_theory.predictions.trained.training_set import draw_training_set, occurrences_of

DENSE = TrainedSetting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
ROUTED = replace(DENSE, n_experts=2, n_routed=4, n_train=40, n_positive=20, units=(10, 10),
                 scale=1 / 4)  # fmt: skip


def drawn(setting, seed=0):
    carriers = setting.units[0] / 2, setting.units[1] / 2
    return draw_training_set(setting, np.random.default_rng(seed), carriers)


def test_carriers_are_spread_over_their_law():
    """Means and variances over all groups are those of Binomial(units, ½)."""
    pairs = np.concatenate([spread_carriers((20, 10), group) for group in range(200)])
    law = stats.binom([20, 10], 0.5)
    n_draws = len(pairs)
    assert np.abs(pairs.mean(axis=0) - law.mean()).max() < 4 * law.std().max() / n_draws**0.5
    assert pairs.var(axis=0) == pytest.approx(law.var(), rel=4 * (2 / n_draws) ** 0.5)


def test_training_set():
    """Every sample sends l patches; rarer patterns lose fewer units; o₁ goes to expert 1."""
    data = drawn(ROUTED)
    assert (data.counts.sum(axis=2) == 4).all()
    first, second = (data.counts[:, data.labels == sign, 64 + side].mean(axis=1)
                     for side, sign in ((0, 1), (1, -1)))  # fmt: skip
    assert min(first[0], second[1]) > 0.95
    assert max(first[1], second[0]) < 0.1
    few, many = (drawn(replace(DENSE, p=p)) for p in (64, 1024))
    left = [(data.ups + data.downs)[0, : data.setting.p].mean() for data in (few, many)]
    assert 0 < left[0] < left[1] <= 20


@pytest.mark.parametrize("setting", [DENSE, ROUTED])
def test_state_solves_its_equations(setting):
    """Fields, pulls and loss agree, each computed anew; own effects are those of a push."""
    data = drawn(setting)
    state = final_state(data)
    assert state.converged
    loss = np.log1p(np.exp(-state.margins)).mean()
    assert loss == pytest.approx(setting.target, rel=0.01)
    fields = np.einsum("ein,en->i", data.counts * data.labels[:, None], state.values)
    assert fields * setting.scale == pytest.approx(state.margins)
    # Values have the sign of units that are left, and o₁ and o₂ their own.
    assert (state.values[0, -2], -state.values[-1, -1]) > (0, 0)
    assert (data.ups[state.values > 0] > 0).all()
    assert (data.downs[state.values < 0] > 0).all()


def test_own_effect_is_what_a_push_does():
    rng = np.random.default_rng(0)
    half = rng.standard_normal((6, 9))
    kernel, softness = half @ half.T, rng.uniform(0.01, 0.2, 6)
    for i, own in enumerate(FewSamples(kernel).own_effects(softness)):
        others = np.where(np.arange(6) == i, 0.0, softness)
        # δf = K(e_i − Xδf), where X leaves out i.
        moved = np.linalg.solve(np.eye(6) + kernel * others, kernel[:, i])
        assert own == pytest.approx(moved[i])


@pytest.mark.parametrize("size", [(9, 6), (40, 5), (6, 6)])
@pytest.mark.parametrize("sparse", [False, True])
def test_responses_are_the_same_in_the_space_of_patterns(size, sparse):
    rng = np.random.default_rng(size[0])
    half = rng.standard_normal(size)
    if sparse:  # two patterns per sample, of many
        rows, kept = np.arange(size[0]), np.zeros(size, bool)
        kept[rows, rows % size[1]] = kept[rows, (3 * rows + 1) % size[1]] = True
        half = np.concatenate([half * kept, np.zeros((size[0], 30))], axis=1)
    softness, miss = rng.uniform(0.01, 0.2, size[0]), rng.standard_normal(size[0])
    units = rng.integers(0, 4, (2, half.shape[1])).astype(float)
    units[:, 0] = 0
    signed = [faster(half), faster(half[::-1])]
    samples, patterns = all_samples(signed, units), FewPatterns.of(signed, units)
    assert issparse(patterns.factor) == sparse
    assert patterns.factor.shape == (size[0], (units > 0).sum())
    own = samples.own_effects(softness)
    assert patterns.own_effects(softness) == pytest.approx(own, rel=1e-10)
    step = samples.newton_step(softness, own, miss)
    assert patterns.newton_step(softness, own, miss) == pytest.approx(step, rel=1e-8, abs=1e-10)
    # Where a pivot 1 − χV is 0, the step is off by its small change only.
    own[0] = 1 / softness[0]
    step = samples.newton_step(softness, own, miss)
    assert patterns.newton_step(softness, own, miss) == pytest.approx(step, rel=1e-3, abs=1e-4)


def all_samples(signed, active):
    dense = [one.toarray() if issparse(one) else one for one in signed]
    return FewSamples(sum((s * units) @ s.T for s, units in zip(dense, active, strict=True)))


@pytest.mark.parametrize("n_routed", [None, 4])
def test_errors_are_the_same_in_the_space_of_patterns(n_routed, monkeypatch):
    """With N above the number of patterns, against matrices of all samples."""
    patterns = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
    l = n_routed or 8
    sgd = SGD(0.2 * l, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    model = DenseCNN(40, init_std=0.01)
    if n_routed is not None:
        model = SeparateMoE(2, 40, n_routed, init_std=0.01)
    fast = trained_error(patterns, model, sgd, 100)
    monkeypatch.setattr(FewPatterns, "of", all_samples)
    error_module._solve.cache_clear()
    slow = trained_error(patterns, model, sgd, 100)
    error_module._solve.cache_clear()
    assert fast.error == pytest.approx(slow.error, rel=1e-6, abs=1e-9)
    assert fast.n_steps == pytest.approx(slow.n_steps, rel=1e-6)
    assert fast.failures == slow.failures


@pytest.mark.parametrize("setting", [DENSE, ROUTED])
def test_many_samples_need_no_matrix_of_all_of_them(setting, monkeypatch):
    monkeypatch.setattr(final_state_module, "FewSamples", None)
    many = replace(setting, n_train=1000, n_positive=500)
    started = time.process_time()
    assert final_state(drawn(many)).converged
    # In 128 such sets with p = 256, matrices of all samples took a minute and a half.
    assert time.process_time() - started < 1


def test_paths_twin():
    rng = np.random.default_rng(1)
    others, own = rng.uniform(-1, 9, 5), rng.uniform(0, 2, 5)
    inverse, scale, mean_pull = rng.uniform(2, 9, 24), 0.5, 0.7

    def pulls_of(others):
        pulls, slopes = np.zeros(5), []
        rate = np.full(5, mean_pull)
        for q in range(24):
            middle = pulls + rate / 48
            slopes.append(1 / (1 + np.exp(scale * (others * (q + 0.5) / 24 + own * middle))))
            rate = mean_pull * slopes[-1] * inverse[q]
            pulls = pulls + rate / 24
        return pulls, np.sum(slopes, axis=1)

    pulls, softness, slopes = np.empty(5), np.empty(5), np.empty(24)
    follow_paths(Paths(others, own, scale, mean_pull, inverse), pulls, softness, slopes)
    expected, expected_slopes = pulls_of(others)
    assert pulls == pytest.approx(expected, rel=1e-12)
    assert slopes == pytest.approx(expected_slopes, rel=1e-12)
    difference = (pulls_of(others + 1e-6)[0] - pulls_of(others - 1e-6)[0]) / 2e-6
    assert softness == pytest.approx(-difference, rel=0.03)


def test_surviving_units_twin():
    """Units are followed one by one, with a batch order drawn at random."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(0.7, (12, 5))
    labels = np.repeat([1.0, -1.0], 6)
    batches = rng.permuted(np.tile(np.arange(12) // 4, (3, 1)), axis=1)
    first, step, n_steps = rng.standard_normal((5, 8)), 0.9, 8
    occurrences = Occurrences(*occurrences_of(counts), labels)
    up, down = np.zeros((2, 5))
    walk = Walk(batches, np.full(3, 4.0), step, n_steps)
    surviving_units(occurrences, walk, first, 5, up, down)
    z, output = first.copy(), np.where(np.arange(8) < 5, 1.0, -1.0)
    alive = z > 0
    for t in range(n_steps):
        mine = batches[t // 3] == t % 3
        z += step * np.outer((labels[mine] @ counts[mine]) / 4, output)
        alive &= z > 0
    assert up == pytest.approx(alive[:, :5].sum(axis=1))
    assert down == pytest.approx(alive[:, 5:].sum(axis=1))
