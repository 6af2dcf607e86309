"""Arguments of predictions: wrong objects, and sizes that do not fit, are refused before work."""

import time

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
from moe_theory.theory import predictions as p

PATTERNS = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
DENSE, SEPARATE = DenseCNN(40, init_std=1e-30), SeparateMoE(2, 40, 4, init_std=0.01)
LONG = SGD(3.2, 20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)
HUGE = 10**40
ROUTERS, TOKENS = np.ones((4, 66)), TokenChoiceMoE(4, 8)

# Functions of (patterns, model, sgd, n_train), with what suits them.
CURVES = {
    "trained_error": (SeparateMoE(2, 40, 4, init_std=0.01), LONG),
    "joint_error": (JointMoE(8, 40, 4), LONG),
    "few_steps_error": (DENSE, SGD(64.0, batch_size=HUGE, n_steps=2)),
    "one_step_error": (DENSE, SGD(64.0, batch_size=HUGE, n_steps=1)),
    "one_step_error_gaussian": (DENSE, SGD(64.0, batch_size=HUGE, n_steps=1)),
    "router_success": (SEPARATE, SGD(0.1, batch_size=HUGE, n_epochs=2)),
    "training_router_success": (SEPARATE, SGD(0.1, batch_size=HUGE, n_epochs=2)),
    "router_success_gaussian": (SEPARATE, SGD(0.1, batch_size=HUGE, n_epochs=2)),
    "training_router_success_gaussian": (SEPARATE, SGD(0.1, batch_size=HUGE, n_epochs=2)),
}


@pytest.mark.parametrize("n_train", [0, -4, 4.0, True, "4", None, np.array([4, 8])])
@pytest.mark.parametrize("name", CURVES)
def test_numbers_of_samples_that_cannot_be(name, n_train):
    with pytest.raises(ValueError, match="n_train must be an integer"):
        getattr(p, name)(PATTERNS, *CURVES[name], n_train)


@pytest.mark.parametrize("n_train", [10**8, 10**9, 2**70])
@pytest.mark.parametrize("name", sorted(set(CURVES) - {name for name in CURVES if "gauss" in name}))
def test_more_samples_than_fit_are_refused_at_once(name, n_train):
    started = time.process_time()
    with pytest.raises(ValueError, match="n_train must be "):
        getattr(p, name)(PATTERNS, *CURVES[name], n_train)
    assert time.process_time() - started < 0.5


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
        (lambda: p.joint_race(PATTERNS, JointMoE(8, 40, 16), 10**9), "n_train must be"),
        (lambda: p.joint_error(PATTERNS, *CURVES["joint_error"], 8, 10**9), "n_draws must be"),
        (lambda: p.joint_samples(PATTERNS, *CURVES["joint_error"], 0.1, 10**9), "n_draws must be"),
        (lambda: p.trained_error(PATTERNS, DenseCNN(10**9, init_std=1e-9), LONG, 8), "n_hidden"),
        (
            lambda: p.joint_error(PATTERNS, JointMoE(2, 10**9, 4, init_std=1e-9), LONG, 8),
            "n_hidden",
        ),
        # Units that die slowly would be followed over as many steps.
        (
            lambda: p.trained_error(
                PATTERNS, DenseCNN(40, init_std=0.01), SGD(1e-9, 20, n_steps=9, stop_loss=0.03), 8
            ),
            r"learning_rate must be at least .*, to fit into memory",
        ),
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
    ],
)
def test_other_sizes_that_do_not_fit(ask, message):
    started = time.process_time()
    with pytest.raises(ValueError, match=message):
        ask()
    assert time.process_time() - started < 0.5


def test_gaussian_limits_know_no_largest_size():
    found = [
        p.router_success_gaussian(PATTERNS, *CURVES["router_success_gaussian"], n_train).own
        for n_train in (10**7, 10**12)
    ]
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
        given = [PATTERNS, *CURVES[name], 8]
        given[place] = wrong
        with pytest.raises(TypeError, match=f"{argument} must be"):
            getattr(p, name)(*given)


@pytest.mark.parametrize("name", CURVES)
def test_networks_of_another_kind(name):
    with pytest.raises(ValueError, match=r"model must be a .*; got 'TokenChoiceMoE'"):
        getattr(p, name)(PATTERNS, TokenChoiceMoE(2, 4), CURVES[name][1], 8)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: p.joint_race(DigitPatches(), JointMoE(2, 4, 16), 8), TypeError, "patterns"),
        (lambda: p.joint_race(PATTERNS, DENSE, 8), ValueError, "model must be a JointMoE"),
        (lambda: p.aligned_success(DigitPatches(), 2), TypeError, "patterns must be"),
        (lambda: p.certain_n_routed("x", 0.9), TypeError, "patterns must be"),
        (lambda: p.certain_n_routed(PATTERNS, 90), ValueError, "certainty must be"),
        (lambda: p.untrained_token_success(PATTERNS, DENSE), ValueError, "model must be a Token"),
        (lambda: p.untrained_token_success(None, TOKENS), TypeError, "patterns must be"),
        (lambda: p.untrained_expert_success(TOKENS, 2, 2), TypeError, "patterns must be"),
        (lambda: p.expected_router_gradient(DigitPatches(), 8), TypeError, "patterns must be"),
        (lambda: p.rivals(PATTERNS, ROUTERS.tolist()), TypeError, "routers must be"),
        (lambda: p.rivals(PATTERNS, ROUTERS.astype(int)), TypeError, "routers must be"),
        (lambda: p.rivals(PATTERNS, ROUTERS * np.nan), ValueError, "routers must be finite"),
        (lambda: p.expert_choice_success("x", ROUTERS, 2), TypeError, "patterns must be"),
        (lambda: p.token_choice_success(PATTERNS, ROUTERS, DENSE), ValueError, "a TokenChoice"),
        (lambda: p.token_choice_success(PATTERNS, 5, TOKENS), TypeError, "routers must be"),
        (
            lambda: p.trained_routers(SEPARATE, PATTERNS, LONG, SEPARATE.initial_weights(66, 0)),
            TypeError,
            "data must be of type PatchData",
        ),
    ],
)
def test_other_wrong_objects(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
