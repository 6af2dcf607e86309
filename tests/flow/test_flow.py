"""Gradient flow against training, finite differences, enumeration and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchData,
    PatchPatterns,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory.flow import (
    FlowError,
    Tolerances,
    gradient_flow,
    population_flow,
    sgd_path,
)
from moe_theory.flow.dense_population import LawAverage
from moe_theory.flow.measure import average_over
from moe_theory.flow.ode import PatternFlow, Patterns, check_times
from moe_theory.flow.weighted_inputs import enumerate_inputs, of_data

PATTERNS = PatchPatterns(n_patches=8, n_irrelevant=16, patch_dim=18)
FINE = Tolerances(rtol=1e-6, atol=1e-8)
# Joint training receives all patches here: a top-l set that changes makes the loss itself jump.
SMOOTH_JOINT = JointMoE(4, 20, 8, init_std=0.1, router_init_std=0.1)
ARCHITECTURES = {
    "dense": (DenseCNN(20), 1.0),
    "separate": (SeparateMoE(2, 20, 2), 0.2),
    "joint": (SMOOTH_JOINT, 1.0),
}
NETWORKS = pytest.mark.parametrize(("model", "rate"), ARCHITECTURES.values(), ids=ARCHITECTURES)


def full_batch(rate, n_steps, **changes):
    own = {"batch_size": 40, "n_steps": n_steps, "record": n_steps // 20, "dtype": "float64"}
    routers = {"router_learning_rate": 0.1, "router_n_steps": 40, "router_batch_size": 40}
    return SGD(**{"learning_rate": rate, **own, **routers, **changes})


def settings_for(model, rate, finer, **changes):
    """Settings that reach the same time with ``finer`` times as many steps."""
    if isinstance(model, JointMoE):
        changes = {"router_learning_rate": 2 * rate / finer, **changes}
    return full_batch(rate / finer, 160 * finer, **changes)


@NETWORKS
def test_training_follows_the_flow_as_steps_shrink(model, rate):
    """The deviation is linear in the rate, and quadratic from the corrected flow."""
    data, test = PATTERNS.sample(40, 0), PATTERNS.sample(60, 0, split="test")
    plain, corrected = [], []
    for finer in (1, 2, 4):
        sgd = settings_for(model, rate, finer)
        run = train(model, data, sgd, 1, test=test)
        for found, correction in ((plain, "none"), (corrected, "step")):
            flow = gradient_flow(
                model, data, sgd, 1, test=test, correction=correction, tolerances=FINE
            )
            np.testing.assert_allclose(flow.times, sgd.learning_rate * run.history.steps)
            np.testing.assert_allclose(flow.loss[0], run.history.train_loss[0], atol=1e-13)
            found.append(
                [
                    np.abs(flow.loss - run.history.train_loss).max(),
                    np.abs(flow.test_loss - run.history.test_loss).max(),
                    np.abs(flow.weights.experts - run.weights.experts).max(),
                ]
            )
    plain, corrected = np.array(plain), np.array(corrected)
    assert (plain[:, 0] < 2e-3).all()
    assert (np.abs(plain[:-1] / plain[1:] - 2) < 0.2)[:, :2].all(), plain
    # A unit that dies ends within one step of where the flow leaves it: weights are off by O(η).
    assert (plain[:-1, 2] > plain[1:, 2]).all()
    assert (corrected[:, :2] < 0.1 * plain[:, :2]).all()
    assert (corrected[:-1, 0] / corrected[1:, 0] > 3).all(), corrected


@NETWORKS
def test_same_start_as_training(model, rate):
    data = PATTERNS.sample(40, 3)
    for dtype in ("float32", "float64"):
        sgd = replace(settings_for(model, rate, 1), dtype=dtype)
        run, flow = train(model, data, sgd, 7), gradient_flow(model, data, sgd, 7, times=[0, 1e-9])
        np.testing.assert_allclose(flow.weights.experts, run.initial.experts, atol=1e-8)
        if isinstance(model, JointMoE):
            np.testing.assert_allclose(flow.weights.routers, run.initial.routers, atol=1e-8)
        if isinstance(model, SeparateMoE):
            atol = 1e-5 if dtype == "float32" else 1e-13
            np.testing.assert_allclose(flow.weights.routers, run.weights.routers, atol=atol)


@NETWORKS
@pytest.mark.parametrize("correlated", [False, True])
def test_path_is_the_training(model, rate, correlated):
    patterns = replace(PATTERNS, delta_d=0.4) if correlated else PATTERNS
    data, test = patterns.sample(40, 2), patterns.sample(50, 2, split="test")
    sgd = settings_for(model, rate, 1, batch_size=12, router_samples="split", record=7)
    run, path = train(model, data, sgd, 5, test=test), sgd_path(model, data, sgd, 5, test=test)
    np.testing.assert_allclose(path.times, sgd.learning_rate * run.history.steps)
    np.testing.assert_allclose(path.loss, run.history.train_loss, atol=1e-11)
    np.testing.assert_allclose(path.test_loss, run.history.test_loss, atol=1e-11)
    np.testing.assert_array_equal(path.test_error, run.history.test_error)
    np.testing.assert_allclose(path.weights.experts, run.weights.experts, atol=1e-11)
    if isinstance(model, DenseCNN):
        assert path.alignment is None
        assert path.gate_positive is None
        return
    ruler = patterns.o1 - patterns.o2
    cosine = run.weights.routers @ ruler / np.linalg.norm(run.weights.routers, axis=1)
    np.testing.assert_allclose(path.alignment[-1], cosine / np.linalg.norm(ruler), atol=1e-10)
    if isinstance(model, JointMoE):
        metrics = run.routing(data)
        np.testing.assert_allclose(path.gate_positive[-1], metrics.gate_positive, atol=1e-10)
        np.testing.assert_allclose(path.gate_negative[-1], metrics.gate_negative, atol=1e-10)
    units = run.weights.experts @ np.stack([patterns.o1, patterns.o2]).T
    h = (run.weights.output[:, None] * np.maximum(units, 0)).sum(axis=0)
    np.testing.assert_allclose(path.contrast[-1], h[0] - h[1], atol=1e-10)


CORRELATED = {
    "orthonormal": PATTERNS,
    "similar": replace(PATTERNS, delta_d=0.5),
    "opposed": replace(PATTERNS, delta_d=-0.5),
    "closer": replace(PATTERNS, delta_d=0.3, n_closer=(2, 3), closeness=0.6),
}


@NETWORKS
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("patterns", CORRELATED.values(), ids=CORRELATED)
def test_loss_never_increases(model, rate, patterns, loss):
    sgd = settings_for(model, rate, 1, loss=loss)
    flow = gradient_flow(model, patterns.sample(40, 0), sgd, 1)
    assert np.diff(flow.loss).max() < 1e-4 * flow.loss[0]
    assert flow.loss[-1] < flow.loss[0]


@pytest.mark.parametrize("patterns", list(CORRELATED.values())[1:], ids=list(CORRELATED)[1:])
def test_overlapping_patterns_slide_along_kinks(patterns):
    """Training converges to the flow with bent ReLUs, and the bend hardly matters."""
    data, model = patterns.sample(40, 0), DenseCNN(20)
    coarse, fine = (
        gradient_flow(model, data, settings_for(model, 1.0, 1), 1, tolerances=Tolerances(bend=b))
        for b in (4e-3, 1e-3)
    )
    run = train(model, data, settings_for(model, 1.0, 16), 1)
    deviation = [np.abs(f.loss - run.history.train_loss).max() for f in (coarse, fine)]
    assert deviation[1] < 1e-3
    assert deviation[0] < 3e-3


def test_conserved_quantities():
    """Units of an expert differ by a constant where both live; router scores sum to one too."""
    data = PATTERNS.sample(40, 0)
    model = replace(SMOOTH_JOINT, n_routed=4, output_weights="gaussian")
    sgd = settings_for(model, 1.0, 1)
    flow = gradient_flow(model, data, sgd, 1)
    start, dictionary = model.initial_weights(18, 1), PATTERNS.dictionary
    before, after = start.routers @ dictionary.T, flow.weights.routers @ dictionary.T
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1), atol=1e-12)
    z0, z = start.experts @ dictionary.T, flow.weights.experts @ dictionary.T
    np.testing.assert_allclose(z[z0 <= 0], z0[z0 <= 0], atol=1e-13)
    moved = ((z - z0) / start.output[:, None]).reshape(4, 5, -1)
    alive = (np.minimum(z0, z) > 0).reshape(4, 5, -1)
    n_compared = 0
    for s, p in np.ndindex(4, 18):
        here = moved[s, alive[s, :, p], p]
        n_compared += len(here) > 1
        assert np.ptp(here, axis=0) < 1e-4 if len(here) else True
    assert n_compared > 10


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("patterns", CORRELATED.values(), ids=CORRELATED)
@pytest.mark.parametrize("model", [DenseCNN(6), SeparateMoE(2, 6, 3), JointMoE(3, 6, 4)])
def test_velocity_is_minus_the_gradient(model, patterns, loss):
    """Finite differences in ℝᵈ of a loss written out anew."""
    data = patterns.sample(9, 4)
    model = replace(model, init_std=0.8, output_weights="gaussian")
    if not isinstance(model, DenseCNN):
        model = replace(model, router_init_std=0.7)
    start = model.initial_weights(18, 11)
    known = Patterns(data.dictionary)
    average = average_over(model, of_data(data), known, start, loss)
    flow = PatternFlow(model, average, known, start, router_ratio=1.7,
                       tolerances=Tolerances(bend=0.0))  # fmt: skip
    z, scores = flow.unpack(flow.velocity(flow.initial()))
    joint = isinstance(model, JointMoE)
    n_experts = model.n_experts

    def mean_loss(experts, routers):
        total = 0.0
        for rows, y in zip(data.indices, data.labels, strict=True):
            x, f = data.dictionary[rows], 0.0
            for s in range(n_experts):
                chosen, gates = np.arange(len(x)), np.ones(len(x))
                if routers is not None:
                    score = x @ routers[s]
                    chosen = np.argsort(-score)[: model.n_routed]
                    gates = np.exp(score[chosen]) if joint else np.ones(len(chosen))
                    gates = gates / gates.sum() if joint else gates
                own = slice(s * 6 // n_experts, (s + 1) * 6 // n_experts)
                active = np.maximum(x[chosen] @ experts[own].T, 0) @ start.output[own]
                f += gates @ active * model.output_scale(len(x))
            total += np.log1p(np.exp(-y * f)) if loss == "logistic" else max(0, 1 - y * f)
        return total / data.n_samples

    def gradient(which):
        weights = {"experts": start.experts, "routers": start.routers}
        base, out = weights[which], np.zeros_like(weights[which])
        for place in np.ndindex(base.shape):
            both = []
            for sign in (1, -1):
                moved = base.copy()
                moved[place] += sign * 1e-6
                both.append(mean_loss(**{**weights, which: moved}))
            out[place] = (both[0] - both[1]) / 2e-6
        return out

    scale = np.abs(z).max()
    np.testing.assert_allclose(
        z, -gradient("experts") @ data.dictionary.T, rtol=0, atol=1e-5 * scale
    )
    if joint:
        expected = -1.7 * gradient("routers") @ data.dictionary.T
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5 * np.abs(scores).max())


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(1, 6), st.floats(0.1, 0.9), st.floats(0.01, 60))
def test_law_is_the_enumeration(n, p, fraction, size):
    patterns = PatchPatterns(n, p, p + 2, positive_fraction=fraction, balanced=False)
    values = size * np.random.default_rng(n * p).normal(size=(1, p + 2))
    model, known = DenseCNN(2), Patterns(patterns.dictionary)
    weights = model.initial_weights(p + 2, 0)
    exact = average_over(model, enumerate_inputs(patterns), known, weights, "logistic")
    law = LawAverage(patterns, "logistic")
    scale = 1 + size
    assert law.losses(values, None)[0] == pytest.approx(
        exact.losses(values, None)[0], abs=1e-10 * scale
    )
    np.testing.assert_allclose(
        law.slopes(values, None, None).values, exact.slopes(values, None, None).values,
        rtol=0, atol=2e-11,
    )  # fmt: skip


def test_population_gradient_is_the_mean_over_many_samples():
    patterns = PatchPatterns(n_patches=16, n_irrelevant=20, patch_dim=22, positive_fraction=0.4)
    known, model = Patterns(patterns.dictionary), DenseCNN(2)
    weights = model.initial_weights(22, 0)
    values = 5 * np.random.default_rng(0).normal(size=(1, 22))
    parts = []
    for seed in range(40):
        inputs = of_data(patterns.sample(5000, seed))
        average = average_over(model, inputs, known, weights, "logistic")
        parts.append(average.slopes(values, None, None).values[0])
    mean, error = np.mean(parts, axis=0), np.std(parts, axis=0, ddof=1) / np.sqrt(40)
    z = (mean - LawAverage(patterns, "logistic").slopes(values, None, None).values[0]) / error
    assert np.abs(z).max() < 4
    assert 0.4 < np.mean(z**2) < 1.9


@NETWORKS
def test_population_flows_agree(model, rate):
    """Enumeration against samples for all networks, and against the law for the dense one."""
    patterns = PatchPatterns(n_patches=4, n_irrelevant=6, patch_dim=8)
    if not isinstance(model, DenseCNN):
        model = replace(model, n_routed=2 if isinstance(model, SeparateMoE) else 4)
    sgd = settings_for(model, rate, 1)
    test = patterns.sample(100, 0, split="test")
    exact = population_flow(model, patterns, sgd, 2, method="enumerate", test=test)
    assert np.diff(exact.loss).max() < 1e-4
    assert (exact.loss_error == 0).all()
    sampled = population_flow(model, patterns, sgd, 2, method="sample", n_samples=4000)
    assert (np.abs(sampled.loss - exact.loss) < 4 * sampled.loss_error + 1e-3).all()
    if isinstance(model, DenseCNN):
        law = population_flow(model, patterns, sgd, 2, test=test)
        np.testing.assert_allclose(law.loss, exact.loss, atol=1e-5)
        np.testing.assert_allclose(law.contrast, exact.contrast, rtol=1e-4)
        np.testing.assert_allclose(law.test_loss, exact.test_loss, atol=1e-5)


def test_more_samples_approach_the_population():
    sgd = settings_for(DenseCNN(20), 1.0, 1)
    limit = population_flow(DenseCNN(20), PATTERNS, sgd, 1)
    gaps = []
    for n_train in (40, 640, 10_240):
        flow = gradient_flow(DenseCNN(20), PATTERNS.sample(n_train, 0), sgd, 1)
        gaps.append(np.abs(flow.contrast - limit.contrast).max() / limit.contrast.max())
    assert gaps[2] < 0.01
    assert gaps[0] > 3 * gaps[2]


def test_single_patch_in_closed_form():
    """With n = 1, dh/dτ = κσ(−h)/2, so that h + eʰ grows at the rate κ/2."""
    patterns, model = PatchPatterns(1, 1, 3), DenseCNN(20)
    sgd = SGD(0.1, batch_size=2, n_steps=1000, record=10, dtype="float64")
    flow = population_flow(model, patterns, sgd, 4, tolerances=FINE)
    alive = flow.weights.experts @ np.stack([patterns.o1, patterns.o2]).T > 0
    for h, units in ((flow.positive[:, 0], alive[:, 0]), (-flow.negative[:, 0], alive[:, 1])):
        grown = (h + np.exp(h))[20:]
        rate = np.diff(grown) / np.diff(flow.times[20:])
        np.testing.assert_allclose(rate, units.sum() / 2, rtol=1e-3)


def test_small_batches_shift_the_mean_and_spread_it_little():
    """Shuffled batches: mean shift ∝ η, in the batch correction; spread ∝ η^{3/2}."""
    model, data = SeparateMoE(2, 20, 2), PATTERNS.sample(40, 0)
    ratios, spreads = [], []
    for finer in (1, 4):
        sgd = settings_for(model, 0.2, finer, batch_size=10, record=40 * finer)
        paths = [sgd_path(model, data, sgd, 1, batch_seed=seed).contrast for seed in range(30)]
        mean = np.mean(paths, axis=0)
        spreads.append(np.std(paths, axis=0, ddof=1).max())
        step, batch = (
            gradient_flow(model, data, sgd, 1, correction=how, tolerances=FINE).contrast
            for how in ("step", "batch")
        )
        ratios.append(np.abs(mean - batch).max() / np.abs(mean - step).max())
    assert max(ratios) < 0.15
    assert 1.1 < np.log(spreads[0] / spreads[1]) / np.log(4) < 2.1


def test_float32_start_and_held_out_routers():
    model, other = SeparateMoE(2, 20, 2), PATTERNS.sample(40, 9)
    sgd = settings_for(model, 0.1, 1, router_samples="held_out", dtype="float32")
    data = PATTERNS.sample(40, 0)
    run = train(model, data, sgd, 1, router_data=other)
    flow = gradient_flow(model, data, sgd, 1, router_data=other)
    assert np.abs(flow.loss - run.history.train_loss).max() < 2e-3
    metrics = run.routing(data)
    np.testing.assert_allclose(flow.gate_positive[-1], metrics.success_positive, atol=1e-12)


def without_positions(data):
    return PatchData(data.dictionary, data.indices, data.labels)


DATA = PATTERNS.sample(12, 0)
SPREAD = PatchPatterns(4, 8, 10, spread=0.1).sample(9, 0)
QUICK = SGD(0.1, batch_size=12, n_steps=10, router_n_epochs=10)


@pytest.mark.parametrize(
    ("model", "data", "changes", "options", "message"),
    [
        (DenseCNN(4), without_positions(DATA), {}, {}, r"data.positions must be given"),
        (DenseCNN(4), SPREAD, {}, {}, "one dictionary row"),
        (DenseCNN(4), DATA.subset(np.flatnonzero(DATA.labels > 0)), {}, {}, "of class -1 must be"),
        (DenseCNN(4), DATA, {}, {"times": [1.0, 2.0]}, "times must be at least two"),
        (DenseCNN(4), DATA, {}, {"times": [0.0, 0.0]}, "times must be at least two"),
        (DenseCNN(4), DATA, {}, {"correction": "both"}, "correction must be one of"),
        (DenseCNN(4), DATA, {}, {"router_data": DATA}, "router_data must be None"),
        (DenseCNN(4), DATA, {}, {"test": PatchPatterns(8, 9, 18).sample(4, 0)}, "test.dictionary"),
        (DenseCNN(4), DATA, {"batch_size": 5}, {"correction": "batch"}, "a divisor of N = 12"),
        (JointMoE(2, 4, 2), DATA, {"batch_size": 6}, {"correction": "batch"}, "fixed routing"),
        (SeparateMoE(2, 4, 9), DATA, {}, {}, "n_routed must be at most"),
        (TokenChoiceMoE(2, 4), DATA, {}, {}, "model must be a DenseCNN, a SeparateMoE or a Joint"),
        (SeparateMoE(2, 4, 2), DATA, {"router_samples": "held_out"}, {}, "router_data must be"),
        (SeparateMoE(2, 4, 2), DATA, {"router_samples": "split"}, {}, "router_samples must be"),
        (SeparateMoE(2, 4, 2), DATA, {"router_batch_size": 5}, {}, "router batch size must be"),
    ],
)  # fmt: skip
def test_bad_input(model, data, changes, options, message):
    with pytest.raises(ValueError, match=message):
        gradient_flow(model, data, replace(QUICK, **changes), **options)


BIG = PatchPatterns(30, 40, 42)


@pytest.mark.parametrize(
    ("model", "patterns", "changes", "options", "message"),
    [
        (DenseCNN(4), replace(PATTERNS, spread=0.1), {}, {}, "spread must be 0"),
        (DenseCNN(4), replace(PATTERNS, n_closer=(1, 0), max_closer=1), {}, {"method": "law"},
         "max_closer must be None"),
        (DenseCNN(4), PATTERNS, {"loss": "hinge"}, {"method": "law"}, "loss must be"),
        (TokenChoiceMoE(2, 4), PATTERNS, {}, {"method": "sample"}, "model must be a DenseCNN"),
        (SeparateMoE(2, 4, 2), PATTERNS, {}, {"method": "law"}, "unless the network is dense"),
        (JointMoE(2, 4, 2), BIG, {}, {"method": "enumerate"}, "number of possible inputs"),
        (DenseCNN(4), PATTERNS, {}, {"method": "exact"}, "method must be one of"),
        (DenseCNN(4), PATTERNS, {}, {"correction": "batch"}, "correction must be one of"),
        (DenseCNN(4), PATTERNS, {"n_steps": None, "n_epochs": 3}, {}, "n_steps must be given"),
        (SeparateMoE(2, 4, 2), PATTERNS, {}, {}, "router_n_epochs must be None"),
        (JointMoE(2, 4, 2), BIG, {}, {"method": "sample", "n_samples": 1}, "n_samples must be"),
    ],
)  # fmt: skip
def test_bad_population(model, patterns, changes, options, message):
    with pytest.raises(ValueError, match=message):
        population_flow(model, patterns, replace(QUICK, **changes), **options)


def test_tolerances_and_limits():
    for bad in ({"rtol": 0}, {"atol": 0}, {"bend": -1}, {"max_evaluations": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Tolerances(**bad)
    with pytest.raises(FlowError, match="more than 20 evaluations"):
        gradient_flow(DenseCNN(4), DATA, QUICK, tolerances=Tolerances(max_evaluations=20))
    with pytest.raises(ValueError, match="times"):
        check_times([[0, 1]])
    flow = gradient_flow(DenseCNN(4), DATA, QUICK)
    with pytest.raises(ValueError, match="read-only"):
        flow.loss[0] = 1
