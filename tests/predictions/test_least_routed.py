"""The least l at which trained routers succeed, against the success for every l."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from moe_theory import SGD, PatchPatterns, SeparateMoE
from moe_theory.predictions import router_success, trained_n_routed


def full_batch(n_train):
    return SGD(0.5, n_train, n_steps=1, router_n_epochs=2)


@pytest.mark.parametrize(
    "options", [{}, {"spread": 0.2}, {"delta_d": 0.5, "positive_fraction": 0.3}]
)
@pytest.mark.parametrize("inputs", ["fresh", "training"])
def test_the_least_l(options, inputs):
    n, p, n_train = 10, 20, 12
    patterns, sgd = PatchPatterns(n, p, p + 2, **options), full_batch(n_train)
    model = SeparateMoE(2, 2, 1)
    worst = []
    for l in range(1, n + 1):
        routed = dataclasses.replace(model, n_routed=l)
        found = router_success(patterns, routed, sgd, n_train, inputs=inputs)
        worst.append(min(found.positive, found.negative))
    assert (np.diff(worst) >= -1e-9).all()
    assert worst[-1] == 1
    for certainty in (0.05, 0.5, 0.9, 0.99, 0.99999):
        least = trained_n_routed(patterns, model, sgd, n_train, certainty, inputs=inputs)
        reached = [l for l in range(1, n) if worst[l - 1] >= certainty]
        assert least == (reached[0] if reached else None)


def test_the_least_l_falls_with_samples_and_may_not_exist():
    patterns, model = PatchPatterns(32, 64, 66, spread=0.1), SeparateMoE(2, 2, 1)
    least = partial(trained_n_routed, patterns, model, method="gaussian")
    fresh = [least(full_batch(n), n, 0.99) for n in (10, 20, 40, 320)]
    training = [least(full_batch(n), n, 0.99, inputs="training") for n in (10, 20, 40, 320)]
    assert fresh == sorted(fresh, reverse=True)
    assert all(a <= b for a, b in zip(fresh, training, strict=True))
    assert fresh[-1] < fresh[0] < 32
    assert trained_n_routed(PatchPatterns(4, 2, 4), model, full_batch(2), 2, 0.999) is None
    assert trained_n_routed(PatchPatterns(1, 0, 2), model, full_batch(2), 2, 0.999) is None


@pytest.mark.parametrize(
    ("certainty", "options", "message"),
    [
        (1, {}, r"certainty must be a finite number in \(0, 0.999999\]; got 1"),
        (0, {}, "certainty must be"),
        (0.9, {"inputs": "test"}, "inputs must be one of 'fresh', 'training'"),
        (0.9, {"method": "normal"}, "method must be one of 'exact', 'gaussian'"),
    ],
)
def test_bad_questions(certainty, options, message):
    patterns = PatchPatterns(4, 8, 10)
    with pytest.raises(ValueError, match=message):
        trained_n_routed(patterns, SeparateMoE(2, 2, 1), full_batch(4), 4, certainty, **options)


def test_a_class_without_samples_does_not_count():
    patterns = PatchPatterns(4, 8, 10, positive_fraction=0.2)
    sgd, model = full_batch(1), SeparateMoE(2, 2, 1)
    assert 1 <= trained_n_routed(patterns, model, sgd, 1, 0.2, inputs="training") < 4
