"""No result depends on the units of patches, weights or rates, nor on the engine."""

import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    DenseCNN,
    JointMoE,
    PatchData,
    PatchPatterns,
    SeparateMoE,
    TokenChoiceMoE,
    Weights,
    train,
)
from moe_theory.flow import gradient_flow, sgd_path

PATTERNS = {
    "orthonormal": PatchPatterns(n_patches=5, n_irrelevant=9, patch_dim=13),
    "correlated": PatchPatterns(
        n_patches=5, n_irrelevant=9, patch_dim=13, delta_d=0.4, n_closer=(1, 1), closeness=0.8
    ),
}
MODELS = {
    "dense": DenseCNN(6),
    "separate": SeparateMoE(2, 6, 2),
    "joint": JointMoE(2, 6, 3, init_std=0.1, router_init_std=0.1),
    "token": TokenChoiceMoE(3, 6, 1, 4, init_std=0.1, router_init_std=0.1),
}
SCALES = (2.0**-20, 1e-6, 1e-3, 1e3, 1e6, 2.0**20)


def scaled(data, factor):
    return PatchData(factor * data.dictionary, data.indices, data.labels, data.positions)


def times(weights, factor):
    routers = None if weights.routers is None else factor * weights.routers
    return Weights(factor * weights.experts, weights.output, routers)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("engine", ["raw", "pattern", "auto"])
@pytest.mark.parametrize("law", PATTERNS)
@pytest.mark.parametrize("kind", MODELS)
def test_units_of_patches(kind, law, engine, scale):
    """Patches times c, weights over c and rates over c² give the outputs that they gave."""
    model, data = MODELS[kind], PATTERNS[law].sample(30, 0)
    test = PATTERNS[law].sample(40, 0, split="test")
    start = model.initial_weights(13, 1)
    sgd = settings_of(learning_rate=0.5, batch_size=7, n_steps=60, record=20)
    base = train(model, data, sgd, 1, initial=start, test=test, engine=engine)
    small = settings_of(learning_rate=0.5 / scale**2, batch_size=7, n_steps=60, record=20)
    run = train(
        model, scaled(data, scale), small, 1, initial=times(start, 1 / scale),
        test=scaled(test, scale), engine=engine,
    )  # fmt: skip
    assert base.history.train_loss[-1] < 0.95 * base.history.train_loss[0]
    np.testing.assert_allclose(run.history.train_loss, base.history.train_loss, rtol=1e-9)
    np.testing.assert_allclose(run.history.test_loss, base.history.test_loss, rtol=1e-9)
    limit = 1e-9 * np.abs(base.weights.experts).max()
    np.testing.assert_allclose(scale * run.weights.experts, base.weights.experts, atol=limit)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["dense", "separate"])
def test_patches_of_any_size_train_in_both_engines(kind, scale, dtype):
    """From weights that are not scaled, so that small patches start at outputs near 0."""
    data = scaled(PATTERNS["orthonormal"].sample(30, 0), scale)
    rate = 5.0 / scale * min(1.0, 1.0 / scale)
    sgd = settings_of(learning_rate=rate, batch_size=30, n_steps=400, dtype=dtype)
    model = DenseCNN(6, init_std=1e-3 * min(1.0, 1.0 / scale))
    if kind == "separate":
        model = SeparateMoE(2, 6, 2, init_std=model.init_std, router_init_std=model.init_std)
    raw, pattern = (train(model, data, sgd, 1, engine=e) for e in ("raw", "pattern"))
    limit = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(pattern.history.train_loss, raw.history.train_loss, rtol=limit)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("what", ["weights", "rates"])
@pytest.mark.parametrize("kind", ["dense", "separate", "token"])
def test_engines_at_weights_and_rates_of_any_size(kind, what, size):
    data, model = PATTERNS["correlated"].sample(30, 0), MODELS[kind]
    start, rate = model.initial_weights(13, 1), 0.5
    if what == "weights":
        start = times(start, size)
    else:
        rate *= size
    sgd = settings_of(learning_rate=rate, batch_size=7, n_steps=20, router_learning_rate=0.5)
    raw, pattern = (train(model, data, sgd, 1, initial=start, engine=e) for e in ("raw", "pattern"))
    scale = np.abs(raw.weights.experts).max()
    np.testing.assert_allclose(pattern.weights.experts, raw.weights.experts, atol=1e-9 * scale)
    np.testing.assert_allclose(pattern.history.train_loss, raw.history.train_loss, rtol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("law", PATTERNS)
@pytest.mark.parametrize("kind", ["dense", "separate", "joint"])
def test_flows_of_patches_of_any_size(kind, law, scale, monkeypatch):
    """The flow, and SGD beside it, in time measured in units of 1/c²."""
    model, data = MODELS[kind], PATTERNS[law].sample(30, 0)
    found = []
    for factor in (1.0, scale):
        start = times(model.initial_weights(13, 1), 1 / factor)
        monkeypatch.setattr(type(model), "initial_weights", lambda *_, start=start: start)
        sgd = settings_of(learning_rate=0.05 / factor**2, batch_size=30, n_steps=400, record=100)
        own = scaled(data, factor)
        flow, path = gradient_flow(model, own, sgd, 1), sgd_path(model, own, sgd, 1)
        assert np.abs(flow.loss - path.loss).max() < 5e-3
        found.append((flow, path))
        monkeypatch.undo()
    for one, other, limit in zip(*found, (5e-3, 1e-8), strict=True):  # of the solver, and rounding
        np.testing.assert_allclose(other.loss, one.loss, rtol=limit)
        np.testing.assert_allclose(other.positive, one.positive, atol=limit)
        np.testing.assert_allclose(scale * other.weights.experts, one.weights.experts, atol=limit)
        np.testing.assert_allclose(other.times * scale**2, one.times, rtol=1e-12)
    assert found[0][0].loss[-1] < 0.95 * found[0][0].loss[0]
