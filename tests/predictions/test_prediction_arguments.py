"""Arguments of predictions: wrong objects, and sizes that do not fit, are refused before work."""

import time
from dataclasses import fields
from functools import partial

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchPatterns,
    SeparateMoE,
    TokenChoiceMoE,
)
from moe_theory import predictions as p

PATTERNS = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
DENSE, SEPARATE = DenseCNN(40, init_std=1e-30), SeparateMoE(2, 40, 4, init_std=0.01)
LONG = SGD(3.2, 20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
HUGE = 10**40
ROUTERS, TOKENS = np.ones((4, 66)), TokenChoiceMoE(4, 8)

ONE, TWO = (SGD(64.0, batch_size=HUGE, n_steps=n_steps) for n_steps in (1, 2))
ROUTING = SEPARATE, SGD(0.1, batch_size=HUGE, n_epochs=2)
GAUSSIAN = partial(p.router_success, method="gaussian")

# Functions of (patterns, model, sgd, n_train), with what suits them.
CURVES = {
    "trained_error": (p.trained_error, SeparateMoE(2, 40, 4, init_std=0.01), LONG),
    "joint_error": (p.joint_error, JointMoE(8, 40, 4), LONG),
    "few_steps_error": (p.few_steps_error, DENSE, TWO),
    "one_step_error": (p.one_step_error, DENSE, ONE),
    "one_step_error, gaussian": (partial(p.one_step_error, method="gaussian"), DENSE, ONE),
    "router_success": (p.router_success, *ROUTING),
    "every_input_success": (p.every_input_success, *ROUTING),
    "router_success, training": (partial(p.router_success, inputs="training"), *ROUTING),
    "router_success, gaussian": (GAUSSIAN, *ROUTING),
    "router_success, training, gaussian": (partial(GAUSSIAN, inputs="training"), *ROUTING),
}
JOINT = CURVES["joint_error"][1:]


@pytest.mark.parametrize("n_train", [0, -4, 4.0, True, "4", None, np.array([4, 8])])
@pytest.mark.parametrize("name", CURVES)
def test_numbers_of_samples_that_cannot_be(name, n_train):
    function, *given = CURVES[name]
    with pytest.raises((TypeError, ValueError), match="n_train must be an integer"):
        function(PATTERNS, *given, n_train)


@pytest.mark.parametrize("n_train", [10**8, 10**9, 2**70])
@pytest.mark.parametrize("name", sorted(set(CURVES) - {name for name in CURVES if "gauss" in name}))
def test_more_samples_than_fit_are_refused_at_once(name, n_train):
    function, *given = CURVES[name]
    started = time.process_time()
    with pytest.raises(ValueError, match="n_train must be "):
        function(PATTERNS, *given, n_train)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "model", [DenseCNN(40, init_std=0.01), SEPARATE], ids=["dense", "separate"]
)
def test_a_thousand_samples_of_trained_networks_take_seconds(model):
    """They took 85 s, and four times as many sixteen times as long."""
    seconds = {}
    for n_train in (500, 1000, 4000):
        started = time.process_time()
        p.trained_error(PATTERNS, model, LONG, n_train)
        seconds[n_train] = time.process_time() - started
    assert seconds[1000] < 10
    assert seconds[4000] < 8 * seconds[1000]


def test_a_million_samples_of_trained_networks_are_refused_at_once():
    """They were drawn for a minute, and then did not fit."""
    for n, size in ((64, 256), (16, 64)):
        patterns = PatchPatterns(n_patches=n, n_irrelevant=size, patch_dim=size + 2)
        for model in (DenseCNN(40, init_std=0.01), SEPARATE):
            started = time.process_time()
            with pytest.raises(ValueError, match=r"n_train must be at most .*, to fit into memory"):
                p.trained_error(patterns, model, LONG, 10**6)
            assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: p.joint_error(PATTERNS, *JOINT, 8, 10**9), "n_draws must be"),
        (lambda: p.joint_samples_to(PATTERNS, *JOINT, 0.1, 10**9), "n_draws must be"),
        (lambda: p.trained_error(PATTERNS, DenseCNN(10**9, init_std=1e-9), LONG, 8), "n_hidden"),
        (
            lambda: p.joint_error(PATTERNS, JointMoE(2, 10**9, 4, init_std=1e-9), LONG, 8),
            "n_hidden",
        ),
        # Units that learn slowly would be followed over as many steps.
        (
            lambda: p.joint_error(
                PATTERNS, JointMoE(8, 40, 4), SGD(1e-9, 20, n_steps=10**15, stop_loss=0.03), 40
            ),
            "learning_rate must be at least",
        ),
        (
            lambda: p.expected_router_gradient(PatchPatterns(4, 8, 10, balanced=False), 10**10),
            "n_train must be at most",
        ),
        (lambda: p.ranked_success(10**9, 10**8, 0.1, 0.1), "n_patches must be at most"),
        (lambda: p.place_success(10**9, 2, 0.1), "n_patches must be at most"),
    ],
)
def test_other_sizes_that_do_not_fit(ask, message):
    started = time.process_time()
    with pytest.raises(ValueError, match=message):
        ask()
    assert time.process_time() - started < 0.5


def test_gaussian_limits_know_no_largest_size():
    found = [GAUSSIAN(PATTERNS, *ROUTING, n_train).own for n_train in (10**7, 10**12)]
    assert found[0] == pytest.approx(found[1], abs=1e-5)


WRONG = {
    "patterns": [DigitPatches(), "patterns", None, PatchPatterns, PATTERNS.sample(4, 0)],
    "model": ["dense", None, DenseCNN, LONG, DENSE.initial_weights(66, 0)],
    "sgd": ["sgd", None, SGD, {"learning_rate": 0.1}],
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", CURVES)
def test_wrong_objects(name, place):
    argument = list(WRONG)[place]
    for wrong in WRONG[argument]:
        function, *given = *CURVES[name], 8
        given = [PATTERNS, *given]
        given[place] = wrong
        with pytest.raises(TypeError, match=f"{argument} must be"):
            function(*given)


@pytest.mark.parametrize("name", CURVES)
def test_networks_of_another_kind(name):
    function, _, sgd = CURVES[name]
    with pytest.raises(TypeError, match=r"model must be .*; got TokenChoiceMoE\("):
        function(PATTERNS, TokenChoiceMoE(2, 4), sgd, 8)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: p.aligned_success(DigitPatches(), 2), TypeError, "patterns must be"),
        (lambda: p.certain_n_routed("x", 0.9), TypeError, "patterns must be"),
        (lambda: p.certain_n_routed(PATTERNS, 90), ValueError, "certainty must be"),
        (lambda: p.untrained_token_success(PATTERNS, DENSE), TypeError, "model must be Token"),
        (lambda: p.untrained_token_success(None, TOKENS), TypeError, "patterns must be"),
        (lambda: p.untrained_expert_success(TOKENS, 2, 2), TypeError, "patterns must be"),
        (lambda: p.expected_router_gradient(DigitPatches(), 8), TypeError, "patterns must be"),
        (lambda: p.rivals(PATTERNS, ROUTERS.astype(str)), TypeError, "routers must be"),
        (lambda: p.rivals(PATTERNS, None), TypeError, "routers must be"),
        (lambda: p.rivals(PATTERNS, ROUTERS * np.nan), ValueError, "routers must be finite"),
        (lambda: p.expert_choice_success("x", ROUTERS, 2), TypeError, "patterns must be"),
        (lambda: p.token_choice_success(PATTERNS, ROUTERS, DENSE), TypeError, "TokenChoiceMoE"),
        (lambda: p.token_choice_success(PATTERNS, 5, TOKENS), ValueError, "routers.shape must be"),
        (
            lambda: p.trained_routers(SEPARATE, PATTERNS, LONG, SEPARATE.initial_weights(66, 0)),
            TypeError,
            "data must be PatchData",
        ),
    ],
)
def test_other_wrong_objects(ask, error, message):
    with pytest.raises(error, match=message):
        ask()


def test_warnings_point_at_the_caller():
    with pytest.warns(UserWarning, match="n_train = 2 is below 4") as told:
        p.router_success(
            PatchPatterns(8, 512, 514, spread=0.05), SeparateMoE(2, 4, 2), ROUTING[1], 2,
            inputs="training", method="gaussian",
        )  # fmt: skip
    with pytest.warns(UserWarning, match="and 20 are given") as also:
        p.trained_error(PATTERNS, SEPARATE, SGD(3.2, 20, n_steps=20, stop_loss=0.03), 8)
    assert {warning.filename for warning in (*told, *also)} == {__file__}


# What each specification may say, and predictions, flows and `advise` have been held against.
KNOWN = {
    PatchPatterns: (
        "n_patches n_irrelevant patch_dim delta_d spread balanced positive_fraction "
        "n_closer closeness max_closer dictionary_seed"
    ),
    DenseCNN: "n_hidden output_weights init_std activation pooling",
    SeparateMoE: "n_experts n_hidden n_routed pooling output_weights init_std router_init_std",
    JointMoE: "n_experts n_hidden n_routed pooling output_weights init_std router_init_std",
    TokenChoiceMoE: (
        "n_experts n_hidden n_chosen capacity priority output_weights init_std router_init_std "
        "gate renormalize n_shared noise noise_scale"
    ),
    SGD: (
        "learning_rate batch_size n_steps n_epochs loss router_learning_rate "
        "router_batch_size router_n_steps router_n_epochs router_samples router_fraction "
        "record stop_at_zero_error stop_loss dtype normalize_experts balance_weight z_weight "
        "bias_rate noise_steps record_load"
    ),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_no_option_is_passed_over(kind):
    """A new one changes what is simulated: predictions must use it, or refuse it by name.

    Checks are in `predictions/assumptions.py`, the `setting.py` of each prediction and `flow/`.
    """
    assert [field.name for field in fields(kind)] == KNOWN[kind].split()
