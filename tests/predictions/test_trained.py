"""Trained networks: the predicted error against the simulator, and the domain of the prediction."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import issparse

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, train_many
from moe_theory.predictions.trained import final_state as final_state_module
from moe_theory.predictions.trained.error import (
    _solve,
    _spread_carriers,
    trained_error,
    trained_samples_to,
)
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
from moe_theory.predictions.trained.training_set import _occurrences, draw_training_set

N_SEEDS = 240
# (n, p, l or None for dense, N, stated accuracy in N*)
FAST = [
    (16, 64, None, 20, 0.15),
    (64, 256, 8, 60, 0.15),
]
SLOW = [
    (16, 256, None, 12, 0.15),
    (32, 64, None, 60, 0.15),
    (32, 256, None, 36, 0.15),
    (64, 256, None, 60, 0.15),
    (64, 256, None, 100, 0.15),
    (64, 256, None, 160, 0.15),
    (128, 256, None, 120, 0.15),
    (64, 512, None, 60, 0.15),
    (64, 256, 2, 12, 0.15),
    (64, 256, 4, 30, 0.15),
    (64, 256, 16, 120, 0.15),
    (64, 256, 32, 160, 0.15),
    (32, 256, 8, 20, 0.15),
    (32, 256, 16, 70, 0.15),
]


def problem(n, p, n_routed):
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
    pooled = n if n_routed is None else n_routed
    sgd = SGD(0.2 * pooled, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
    if n_routed is None:
        return patterns, DenseCNN(40, init_std=0.01), sgd
    return patterns, SeparateMoE(2, 40, n_routed, init_std=0.01), sgd


def check(n, p, n_routed, n_train, accuracy):
    """The simulated error lies between those predicted for somewhat fewer and more samples."""
    patterns, model, sgd = problem(n, p, n_routed)
    errors = train_many(
        model, patterns, sgd, range(1000, 1000 + N_SEEDS), n_train=n_train, n_test=1000,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    mean, deviation = np.mean(errors), 3 * np.std(errors, ddof=1) / np.sqrt(N_SEEDS)
    fewer = 2 * int(n_train / (1 + accuracy) / 2)
    more = 2 * int(np.ceil(n_train * (1 + accuracy) / 2))
    most = trained_error(patterns, model, sgd, fewer).error
    least = trained_error(patterns, model, sgd, more).error
    assert least - deviation <= mean <= most + deviation, (least, mean, most)


@pytest.mark.parametrize("setting", FAST)
def test_prediction_meets_the_simulator(setting):
    check(*setting)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SLOW)
def test_prediction_meets_the_simulator_over_the_grid(setting):
    check(*setting)


def test_steps_meet_the_simulator():
    patterns, model, sgd = problem(16, 64, None)
    steps = train_many(
        model, patterns, sgd, range(40), n_train=20, n_test=1, reduce=lambda run: run.n_steps
    )
    assert trained_error(patterns, model, sgd, 20).n_steps == pytest.approx(np.mean(steps), rel=0.1)


def test_properties():
    """Classes are alike, more samples help, and equal calls give equal results."""
    patterns, model, sgd = problem(16, 64, None)
    errors = [trained_error(patterns, model, sgd, n_train) for n_train in (10, 20, 40)]
    assert errors == sorted(errors, key=lambda found: -found.error)
    for found in errors:
        assert abs(found.positive - found.negative) < 8 * found.standard_error
    assert errors[0] == trained_error(patterns, model, sgd, 10)
    assert errors[1].z > errors[0].z


def test_held_out_routers_err_less():
    patterns, model, sgd = problem(32, 128, 8)
    own = trained_error(patterns, model, sgd, 40).error
    others = trained_error(patterns, model, replace(sgd, router_samples="held_out"), 40).error
    assert others < 0.7 * own


def test_samples_invert_the_error():
    patterns, model, sgd = problem(16, 64, None)
    samples = trained_samples_to(patterns, model, sgd, 0.1)
    below, above = 2 * int(samples / 2), 2 * int(samples / 2) + 2
    assert trained_error(patterns, model, sgd, below).error >= 0.085
    assert trained_error(patterns, model, sgd, above).error <= 0.115
    assert trained_samples_to(patterns, model, sgd, 0.4) == 4


def test_carriers_are_spread_over_their_law():
    """Means and variances over all groups are those of Binomial(units, ½)."""
    pairs = np.concatenate([_spread_carriers((20, 10), group) for group in range(200)])
    law = stats.binom([20, 10], 0.5)
    n_draws = len(pairs)
    assert np.abs(pairs.mean(axis=0) - law.mean()).max() < 4 * law.std().max() / n_draws**0.5
    assert pairs.var(axis=0) == pytest.approx(law.var(), rel=4 * (2 / n_draws) ** 0.5)


DENSE = TrainedSetting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
ROUTED = replace(DENSE, n_experts=2, n_routed=4, n_train=40, n_positive=20, units=(10, 10),
                 scale=1 / 4)  # fmt: skip


def drawn(setting, seed=0):
    carriers = setting.units[0] / 2, setting.units[1] / 2
    return draw_training_set(setting, np.random.default_rng(seed), carriers)


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
    patterns, model, sgd = problem(8, 16, n_routed)
    fast = trained_error(patterns, model, sgd, 100)
    monkeypatch.setattr(FewPatterns, "of", all_samples)
    _solve.cache_clear()
    slow = trained_error(patterns, model, sgd, 100)
    _solve.cache_clear()
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
    occurrences = Occurrences(*_occurrences(counts), labels)
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


@pytest.mark.parametrize(
    ("data", "network", "training", "message"),
    [
        ({"spread": 0.1}, {}, {}, "spread must be 0"),
        ({"n_closer": (1, 0)}, {}, {}, "n_closer must be"),
        ({"delta_d": 0.5}, {}, {}, "delta_d must be 0"),
        ({"balanced": False}, {}, {}, "balanced"),
        ({"positive_fraction": 0.3}, {}, {}, "positive_fraction"),
        ({"n_irrelevant": 8}, {}, {}, "n_irrelevant must be >= 16"),
        ({}, {"output_weights": "gaussian"}, {}, 'output_weights must be "signs"'),
        ({}, {"n_hidden": 2}, {}, "units per expert must be >= 4"),
        ({}, {"init_std": 5.0}, {}, "init_std must be positive and at most"),
        ({}, {"init_std": 0.0}, {}, "init_std must be positive"),
        ({}, {}, {"loss": "hinge"}, 'loss must be "logistic"'),
        ({}, {}, {"stop_loss": None}, "stop_loss must be given"),
        ({}, {}, {"stop_loss": 0.5}, "stop_loss must be given and below"),
        ({}, {}, {"stop_at_zero_error": True}, "stop_at_zero_error must be False"),
        ({}, {}, {"router_samples": "split"}, 'router_samples must be "train"'),
    ],
)
def test_outside_the_domain(data, network, training, message):
    data = {"n_patches": 16, "n_irrelevant": 64, "patch_dim": 70} | data
    network = {"n_hidden": 40, "init_std": 0.01} | network
    training = {
        "learning_rate": 3.2,
        "batch_size": 20,
        "n_steps": 9999,
        "stop_loss": 0.03,
    } | training
    with pytest.raises(ValueError, match=message):
        trained_error(PatchPatterns(**data), DenseCNN(**network), SGD(**training), 20)


def test_more_pairs_of_experts_are_one_pair_with_their_units():
    """Simulated errors of k = 2 and k = 10 agree, and the prediction is the same."""
    patterns, _, sgd = problem(16, 64, 4)
    few, many = (
        np.array(train_many(
            SeparateMoE(k, 40, 4, init_std=0.01), patterns, sgd, range(N_SEEDS), n_train=20,
            n_test=500, reduce=lambda run: run.history.test_error[-1],
        ))
        for k in (2, 10)
    )  # fmt: skip
    spread = np.sqrt((few.var(ddof=1) + many.var(ddof=1)) / N_SEEDS)
    assert abs(few.mean() - many.mean()) < 4 * spread
    known = [
        trained_error(patterns, SeparateMoE(k, 40, 4, init_std=0.01), sgd, 20) for k in (2, 10)
    ]
    assert known[0] == known[1]


@pytest.mark.parametrize(
    ("n", "training", "message"),
    [
        (40, {}, "n_irrelevant = 32 is below n_patches = 40"),
        (16, {"n_steps": 50}, "steps are needed to reach stop_loss"),
        (16, {"learning_rate": 160.0, "batch_size": 4}, "less than an epoch"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_doubtful_calls_warn(n, training, message):
    patterns, model, sgd = problem(n, 32, None)
    with pytest.warns(UserWarning, match=message):
        trained_error(patterns, model, replace(sgd, **training), 20)
