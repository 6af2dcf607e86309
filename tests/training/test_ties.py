"""Ties are decided alike in both engines, or refused where rounding alone would decide."""

import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    Weights,
    train,
)
from moe_theory.flow import gradient_flow, population_flow, sgd_path
from moe_theory.inference import received_gates

LAWS = {
    "orthonormal": PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=40),
    "correlated": PatchPatterns(
        n_patches=8, n_irrelevant=32, patch_dim=40, delta_d=0.4, n_closer=(2, 1), closeness=0.8
    ),
}
# Every patch goes everywhere, or where it goes does not depend on scores.
DECIDED = {
    "separate": SeparateMoE(4, 8, 2, router_init_std=0.0),
    "joint": JointMoE(4, 8, 8, init_std=0.1, router_init_std=0.0),
    "token": TokenChoiceMoE(4, 8, 4, init_std=0.1, router_init_std=0.0),
    "in place": TokenChoiceMoE(4, 8, 4, 3, "place", init_std=0.1, router_init_std=0.0),
    "alone": TokenChoiceMoE(1, 8, 1, 3, "place", init_std=0.1, router_init_std=0.0),
    "sample": SampleMoE(4, 8, init_std=0.1),
    "sample alone": SampleMoE(1, 8, noise="none", init_std=0.1),
}
UNDECIDED = {
    "joint": JointMoE(4, 8, 3, init_std=0.1, router_init_std=0.0),
    "token": TokenChoiceMoE(4, 8, 1, init_std=0.1, router_init_std=0.0),
    "by score": TokenChoiceMoE(4, 8, 4, 3, "score", init_std=0.1, router_init_std=0.0),
    "sample": SampleMoE(4, 8, noise="none", init_std=0.1),
}


def assert_alike(raw, pattern, test):
    np.testing.assert_allclose(pattern.weights.experts, raw.weights.experts, atol=1e-9)
    np.testing.assert_allclose(pattern.weights.routers, raw.weights.routers, atol=1e-9)
    np.testing.assert_allclose(pattern.history.test_loss, raw.history.test_loss, rtol=1e-8)
    np.testing.assert_array_equal(pattern.history.test_error, raw.history.test_error)
    first, second = raw.routing(test), pattern.routing(test)
    np.testing.assert_array_equal(second.success, first.success)
    np.testing.assert_allclose(second.gate_positive, first.gate_positive, atol=1e-9)
    for run in (raw, pattern):
        assert run.error(test) == run.history.test_error[-1]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", DECIDED)
def test_routers_that_start_at_zero(kind, law):
    model, data = DECIDED[kind], LAWS[law].sample(40, 0)
    test = LAWS[law].sample(300, 0, split="test")
    sgd = settings_of(learning_rate=1.0, batch_size=10, n_steps=400, record=50)
    raw, pattern = (train(model, data, sgd, 0, test=test, engine=e) for e in ("raw", "pattern"))
    assert not raw.initial.routers.any()
    assert raw.weights.routers.any() == ("alone" not in kind)
    assert_alike(raw, pattern, test)


@pytest.mark.parametrize("engine", ["raw", "pattern", "auto"])
@pytest.mark.parametrize("kind", UNDECIDED)
def test_what_rounding_would_decide_is_refused(kind, engine):
    model, data = UNDECIDED[kind], LAWS["orthonormal"].sample(40, 0)
    drawn, sgd = model.initial_weights(40, 0), settings_of()
    message = "router_init_std must be above 0.*: of 4 routers 4 start at 0"
    with pytest.raises(ValueError, match=message):
        train(model, data, sgd, engine=engine)
    rng = np.random.default_rng(0)
    routers = rng.normal(size=(4, 40))
    assert train(model, data, sgd, initial=with_routers(drawn, routers), engine=engine).n_steps == 1
    routers[:2] = 0
    with pytest.raises(ValueError, match="of 4 routers 2 start at 0"):
        train(model, data, sgd, initial=with_routers(drawn, routers), engine=engine)
    # In single precision these are 0.
    tiny = settings_of(dtype="float32")
    with pytest.raises(ValueError, match="of 4 routers 4 start at 0"):
        train(model, data, tiny, initial=with_routers(drawn, 1e-60 * rng.normal(size=(4, 40))))


def test_flows_refuse_it_too():
    """The population has the discriminative patch in the first place, which would win all ties."""
    law, model = LAWS["orthonormal"], UNDECIDED["joint"]
    sgd = settings_of(n_steps=10)
    for flow, data in ((gradient_flow, law.sample(9, 0)), (sgd_path, law.sample(9, 0)),
                       (population_flow, law)):  # fmt: skip
        with pytest.raises(ValueError, match="router_init_std must be above 0"):
            flow(model, data, sgd)


def with_routers(weights, routers):
    return Weights(weights.experts, weights.output, routers)


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("kind", ["separate", "joint", "token", "by score"])
def test_exact_ties_go_to_the_lower_place(kind, engine):
    """All numbers are small integers; rows of routers repeat, and so do patches of an input."""
    model = {
        "separate": SeparateMoE(2, 4, 2, router_init_std=0.0, output_weights="expert_signs"),
        "joint": JointMoE(2, 4, 2),
        "token": TokenChoiceMoE(2, 4, 1),
        "by score": TokenChoiceMoE(2, 4, 2, 2, "score"),
    }[kind]
    indices = np.array([[0, 1, 0, 1], [2, 2, 0, 0], [1, 1, 1, 2], [3, 3, 3, 3]])
    data = PatchData(np.eye(4), indices, [1, -1, 1, -1], [0, 0, 0, 0])
    routers = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    start = Weights(np.ones((4, 4)), np.array([1.0, -1.0, 1.0, -1.0]), routers)
    run = train(model, data, settings_of(learning_rate=1e-300), initial=start, engine=engine)
    received = received_gates(run, data) > 0
    expected = np.ones((4, 4, 2), bool)
    if kind in ("separate", "joint"):
        expected[:, 2:] = False
        expected[1] = np.array([0, 0, 1, 1])[:, None]
    elif kind == "token":
        expected[:, :, 1] = False
    else:
        expected = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]], bool)
        expected = np.repeat(expected[:, :, None], 2, axis=2)
    np.testing.assert_array_equal(received, expected)
