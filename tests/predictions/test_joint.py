"""Joint training: the predicted error against the simulator, and the domain of the prediction."""

import math
from dataclasses import replace

import numpy as np
import pytest
from twins import softmax, top_l

from moe_theory import SGD, JointMoE, PatchPatterns, SeparateMoE, train_many
from moe_theory.predictions.joint.error import (
    JointError,
    _classes,
    _draw_inputs,
    _draw_units,
    follow,
    joint_error,
)
from moe_theory.predictions.joint.kernel_arguments import Course, Experts, Inputs, Speeds
from moe_theory.predictions.joint.kernels import (
    follow_flow,
    gated_means,
    keep_best,
    move,
    new_sums,
    sample_pulls,
)
from moe_theory.predictions.joint.samples_to import joint_samples_to
from moe_theory.predictions.joint.setting import joint_setting

# (n, p, l, k, N), with stated accuracies of the prediction in ε: relative, for systematic
# deviations, beside three standard errors of both sides.
FAST = [(32, 256, 2, 8, 16), (16, 64, 4, 4, 6)]
SLOW = [
    (64, 256, 2, 8, 44),
    (64, 256, 4, 2, 40),
    (64, 256, 4, 8, 24),
    (64, 256, 4, 20, 12),
    (64, 256, 8, 8, 14),
    (64, 256, 16, 8, 10),
    (64, 256, 32, 8, 8),
    (64, 512, 8, 8, 12),
    (32, 256, 1, 8, 16),
    (16, 64, 16, 2, 8),
]
ACCURACY = 0.25


def problem(n, p, n_routed, n_experts=8, **classes):
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2, **classes)
    sgd = SGD(0.2 * n_routed, batch_size=20, n_steps=20_000, stop_loss=0.03)
    return patterns, JointMoE(n_experts, 40, n_routed), sgd


def check(n, p, n_routed, n_experts, n_train, n_seeds, **classes):
    patterns, model, sgd = problem(n, p, n_routed, n_experts, **classes)
    errors = train_many(
        model, patterns, sgd, range(3000, 3000 + n_seeds), n_train=n_train, n_test=300,
        reduce=lambda run: run.history.test_error[-1],
    )  # fmt: skip
    found = joint_error(patterns, model, sgd, n_train, n_draws=n_seeds)
    noise = math.hypot(found.standard_error, np.std(errors, ddof=1) / math.sqrt(n_seeds))
    mean = np.mean(errors)
    tolerance = 3 * noise + ACCURACY * mean
    assert abs(found.error - mean) < tolerance, (found.error, mean, noise)
    return mean, tolerance


@pytest.mark.parametrize("setting", FAST)
def test_prediction_meets_the_simulator(setting):
    mean, tolerance = check(*setting, n_seeds=96)
    assert tolerance < mean, "a prediction of 0 would pass"


@pytest.mark.parametrize(
    ("classes", "setting"),
    [
        ({"positive_fraction": 0.3}, (16, 64, 4, 4, 10)),
        ({"positive_fraction": 0.8}, (32, 128, 8, 8, 10)),
        ({"balanced": False}, (32, 128, 8, 8, 10)),
        ({"balanced": False, "positive_fraction": 0.25}, (16, 64, 4, 4, 10)),
    ],
)
def test_unequal_classes_meet_the_simulator(classes, setting):
    mean, tolerance = check(*setting, n_seeds=160, **classes)
    assert tolerance < mean, "a prediction of 0 would pass"


def test_classes_are_drawn_by_their_law():
    patterns, model, sgd = problem(16, 64, 4, 4, positive_fraction=0.25)
    few, many = (joint_setting(patterns, model, sgd, n) for n in (10, 30))
    found = {seed: _classes(many, seed) for seed in range(8)}
    assert {int((one == 0).sum()) for one in found.values()} == {7, 8}
    for seed, classes in found.items():
        assert (_classes(few, seed) == classes[:10]).all()
    free = replace(many, balanced=False, n_train=4000)
    assert abs((_classes(free, 0) == 0).mean() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 4000)
    equal, _, _ = problem(16, 64, 4)
    assert _classes(joint_setting(equal, model, sgd, 5), 1).tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("fraction", [0.25, 0.8])
def test_classes_weigh_as_often_as_they_come(fraction):
    found = joint_error(*problem(16, 64, 4, 4, positive_fraction=fraction), 8, n_draws=32)
    weighed = fraction * found.positive + (1 - fraction) * found.negative
    assert found.error == pytest.approx(weighed)
    rare, frequent = sorted((found.positive, found.negative), reverse=True)
    assert (found.positive == rare) == (fraction < 0.5)
    assert rare > 2 * frequent


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*of the trainings do not reach")
@pytest.mark.parametrize("setting", SLOW)
def test_prediction_meets_the_simulator_over_the_grid(setting):
    check(*setting, n_seeds=320)


def test_steps_and_specialists_meet_the_simulator():
    patterns, model, sgd = problem(16, 64, 8, 4)
    test = patterns.sample(200, 77, split="test")

    def measure(run):
        metrics = run.routing(test)
        gates = np.array([metrics.gate_positive, metrics.gate_negative])
        return run.n_steps, (gates > 0.5).sum() / 2

    runs = np.array(
        train_many(model, patterns, sgd, range(60), n_train=12, n_test=1, reduce=measure)
    )
    found = joint_error(patterns, model, sgd, 12, n_draws=60)
    assert found.n_steps == pytest.approx(np.median(runs[:, 0]), rel=0.2)
    noise = np.std(runs[:, 1], ddof=1) * math.sqrt(2 / 60)
    assert abs(found.specialists - runs[:, 1].mean()) < 3 * noise + 0.1


def test_a_gate_opens_as_the_closed_form_says():
    """One expert, o₁ in every sample among patterns that occur once and hardly learn."""
    n, carriers = 32, 2.0
    inputs = Inputs(np.arange(n, dtype=np.int64).reshape(1, 1, n), np.ones(1), n)
    experts = Experts(*np.zeros((9, 1, n)))
    experts.up[0, 0] = carriers
    experts.up_start[:] = experts.down_start[:] = 1e-9
    # η·t(u) = 2l ∫₀^u (1 + (l − 1) e^{−κv²/2}) dv, of docs/theory/joint.md.
    bulk = math.sqrt(math.pi / (2 * carriers)) * math.erf(1.5 * math.sqrt(carriers / 2))
    end = 2 * n * (1.5 + (n - 1) * bulk)
    course = Course(
        order=np.zeros(1, np.int64), bounds=np.arange(2), rate=1.0, ratio=1.0, scale=1 / n,
        target=0.0, longest=end, growth=0.01, largest=0.02,
    )  # fmt: skip
    time, _ = follow_flow(inputs, experts, course)
    assert time == pytest.approx(end, rel=0.02)
    # Slopes fall a little below ½ as the margin grows, and h̄ holds S back by h²/(2κl).
    assert experts.values[0, 0] / carriers == pytest.approx(1.5, rel=0.1)


def test_the_race_decides_who_specializes():
    """At l = n most experts prefer o₁ to all patterns if it was the fastest, and few otherwise."""
    patterns, model, sgd = problem(32, 256, 32)
    setting = joint_setting(patterns, model, sgd, 6)
    special = {True: [], False: []}
    for seed in range(15):
        up, _, down, _ = _draw_units(setting, seed)
        inputs, labels = _draw_inputs(setting, 6, seed, "joint samples")
        net = np.zeros(258)
        np.add.at(net, inputs, labels[:, None])
        speed = net**2 * np.where(net > 0, up, down)
        scores = follow(setting, seed)[0].scores
        for side in (0, 1):
            first = scores[:, side] == scores.max(axis=1)
            for leads in (True, False):
                rivals = speed[:, 2:].max(axis=1)
                who = speed[:, side] > rivals if leads else speed[:, side] < rivals
                special[leads] += list(first[who])
    assert np.mean(special[True]) > 0.7
    assert np.mean(special[False]) < 0.2


def test_properties():
    """More samples and more routed patches help, and equal calls give equal results."""
    patterns, model, sgd = problem(32, 256, 4)
    errors = [joint_error(patterns, model, sgd, n_train, 40) for n_train in (6, 12, 24)]
    assert errors == sorted(errors, key=lambda found: -found.error)
    assert errors[0] == joint_error(patterns, model, sgd, 6, 40)
    for found in errors:
        assert abs(found.positive - found.negative) < 0.2
        lacking = found.lacking * found.error_lacking
        served = (1 - found.lacking) * found.error_served
        assert lacking + served == pytest.approx(found.error)
    few = joint_error(patterns, replace(model, n_routed=2), replace(sgd, learning_rate=0.4), 12, 40)
    assert few.error > errors[1].error


def test_samples_invert_the_error():
    patterns, model, sgd = problem(16, 64, 8, 4)
    found = joint_samples_to(patterns, model, sgd, 0.1, n_draws=40)
    assert found.above.error <= 0.1 <= found.below.error
    few, many = 2 * math.floor(found.n_train / 2), 2 * math.ceil(found.n_train / 2)
    assert joint_error(patterns, model, sgd, few, 40) == found.below
    assert joint_error(patterns, model, sgd, many, 40) == found.above
    assert 0 < found.standard_error < 0.5 * found.n_train
    assert joint_samples_to(patterns, model, sgd, 0.4, n_draws=4).n_train >= 2


@pytest.mark.filterwarnings("ignore:.*of the trainings do not reach")
def test_too_little_is_refused():
    patterns, model, sgd = problem(32, 64, 1, 2)
    with pytest.raises(ValueError, match="512 samples can reach"):
        joint_samples_to(patterns, model, sgd, 0.05, n_draws=2)


# Twins in NumPy.


def test_keep_best_keeps_the_best():
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores, members = rng.standard_normal(20), rng.integers(0, 20, 12)
        kept = members.copy()
        keep_best(kept, scores, 5)
        assert sorted(kept) == sorted(members)
        best = np.sort(scores[members])[::-1][:5]
        np.testing.assert_array_equal(np.sort(scores[kept[:5]])[::-1], best)


def test_pulls_are_the_gradient():
    """Against the router and expert gradients of a softmax over the l best, sample by sample."""
    rng = np.random.default_rng(2)
    n_samples, n, n_routed, p = 6, 9, 4, 15
    members = rng.integers(0, p, (n_samples, n))
    scores, values, force = (rng.standard_normal(size) for size in (p, p, n_samples))
    pull, lift, mean = np.zeros(p), np.zeros(p), np.zeros(n_samples)
    for i, own in enumerate(members):
        kept = own[top_l(scores[own], n_routed)]
        gates = np.asarray(softmax(scores[kept]))
        mean[i] = gates @ values[kept]
        np.add.at(pull, kept, force[i] * gates)
        np.add.at(lift, kept, force[i] * gates * (values[kept] - mean[i]))
    inputs = Inputs(np.stack([members, members]), np.ones(n_samples), n_routed)
    experts, sums, everyone = Experts(*np.zeros((9, 2, p))), new_sums(2, n_samples, p), np.arange(6)
    weights = np.exp(scores)
    for rows, own in zip(experts, (scores, weights, values, weights * values), strict=False):
        rows[1] = own
    gated_means(everyone, inputs, experts, sums, 1)
    np.testing.assert_allclose(sums.means[1], mean)
    sums.force[:] = force
    sample_pulls(everyone, inputs, sums, 1)
    np.testing.assert_allclose(weights * sums.per_gate, pull, atol=1e-14)
    found = weights * (values * sums.per_gate - sums.per_mean)
    np.testing.assert_allclose(found, lift, atol=1e-14)


def test_units_die_for_good():
    start = {"weights": 1.0, "up": 2.0, "up_start": 0.3, "down": 1.0, "down_start": 0.1}
    experts = Experts(*(np.full((1, 1), start.get(name, 0.0)) for name in Experts._fields))
    still = np.zeros((1, 1))
    for speed, expected in ((0.5, 1.3), (-0.6, 0.1), (-0.2, 0.0), (0.2, 0.0)):
        move(experts, Speeds(still + speed, still), Speeds(still, still), 1.0, 0.0)
        assert experts.values[0, 0] == pytest.approx(expected)
    assert experts.up[0, 0] == experts.down[0, 0] == 0


# The domain.


@pytest.mark.parametrize(
    ("data", "network", "training", "message"),
    [
        ({"spread": 0.1}, {}, {}, "spread must be 0"),
        ({"n_closer": (1, 0)}, {}, {}, "n_closer must be"),
        ({"delta_d": 0.5}, {}, {}, "delta_d must be 0"),
        ({"n_irrelevant": 8}, {}, {}, "n_irrelevant must be >= 16"),
        ({"n_patches": 1}, {"n_routed": 1}, {}, "n_patches must be >= 2"),
        ({}, {"output_weights": "gaussian"}, {}, 'output_weights must be "signs"'),
        ({}, {"init_std": 0.5}, {}, "init_std must be positive and at most"),
        ({}, {"init_std": 0.0}, {}, "init_std must be positive"),
        ({}, {"router_init_std": 0.0}, {}, "router_init_std must be positive"),
        ({}, {"n_routed": 17}, {}, "n_routed must be at most"),
        ({}, {}, {"loss": "hinge"}, 'loss must be "logistic"'),
        ({}, {}, {"stop_loss": None}, "stop_loss must be given"),
        ({}, {}, {"stop_loss": 0.5}, "stop_loss must be given and below"),
        ({}, {}, {"stop_at_zero_error": True}, "stop_at_zero_error must be False"),
    ],
)
def test_outside_the_domain(data, network, training, message):
    data = {"n_patches": 16, "n_irrelevant": 64, "patch_dim": 70} | data
    network = {"n_experts": 4, "n_hidden": 40, "n_routed": 4} | network
    training = {"learning_rate": 0.8, "batch_size": 20, "n_steps": 99, "stop_loss": 0.03} | training
    with pytest.raises(ValueError, match=message):
        joint_error(PatchPatterns(**data), JointMoE(**network), SGD(**training), 12)


def test_other_networks_are_refused():
    patterns, _, sgd = problem(16, 64, 4)
    with pytest.raises(TypeError, match="model must be JointMoE"):
        joint_error(patterns, SeparateMoE(2, 40, 4), sgd, 12)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"n_steps": 50}, "of the trainings do not reach stop_loss"),
        ({"learning_rate": 8.0}, "which is no flow"),
    ],
)
def test_doubtful_calls_warn(training, message):
    patterns, model, sgd = problem(16, 64, 4)
    with pytest.warns(UserWarning, match=message):
        joint_error(patterns, model, replace(sgd, **training), 12, n_draws=4)


def test_setting():
    patterns, model, sgd = problem(16, 64, 4, 4)
    full, batches = (joint_setting(patterns, model, sgd, n) for n in (20, 40))
    assert (full.per_epoch, batches.per_epoch) == (1, 2)
    # u of o₁ moves by η/(4l²) a step: to ten deviations, or until gates open.
    assert full.n_exact == math.ceil(0.1 / 0.0125)
    assert batches.n_exact == math.ceil(1 / math.sqrt(2.5) / 0.0125)
    assert isinstance(joint_error(patterns, model, sgd, 4, n_draws=2), JointError)
