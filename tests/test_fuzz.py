"""Whatever a user asks for gives a result that is right, or an error that names an argument.

Every network meets every data model as often as every other. All together takes some five minutes;
MOE_THEORY_FUZZ=20 draws 20 times the examples.
"""

import os
import warnings

import numpy as np
import pytest
from fuzz_cases import DATA, NETWORKS, attempt, descents, fractions, models, mostly, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import moe_theory
from moe_theory import (
    SGD,
    DenseCNN,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    inference,
    train,
    train_many,
)
from moe_theory.inference import expert_scores, footprint, prune, quantize


def check_finite(run, test):
    outputs = attempt(run.predict, test)
    arrays = [outputs, *(getattr(run.weights, name) for name in ("experts", "output", "routers"))]
    arrays += [getattr(run.history, name) for name in vars(run.history)]
    for array in arrays:
        assert array is None or np.isfinite(array).all()
    assert 0 <= run.error(test) <= 1
    return outputs


def told_apart(run, test):
    """Inputs whose routing is not left to rounding.

    Noise ends with the training: routers that started at 0 leave ties of what they never met.
    """
    model = run.model
    if not isinstance(model, TokenChoiceMoE | SampleMoE) or model.router_init_std > 0:
        return np.ones(len(test), bool)
    patches, routers = test.patches(), run.weights.routers
    scores = patches @ routers.T
    if isinstance(model, SampleMoE):
        scores = scores.sum(axis=1, keepdims=True)
    gaps = np.diff(np.sort(scores, axis=2), axis=2).min(axis=2, initial=np.inf)
    size = np.abs(patches).sum(axis=(1, 2)) * np.abs(routers).max()
    return (gaps > 1e-9 * size[:, None]).all(axis=1)


def sensitivity(inputs, run, outputs):
    """How much outputs change if initial weights change by about their rounding, each by its own.

    Where a unit fires may hang on the sign of a rounding, so that one change is not enough.
    """
    model, data, sgd, seed, named = inputs
    rng, found = np.random.default_rng(0), 0.0
    for _ in range(12):
        changed = {
            name: None if (value := getattr(run.initial, name)) is None
            else value * (1 + 3e-15 * rng.choice([-1, 1], value.shape))
            for name in ("experts", "output", "routers")
        }  # fmt: skip
        other = train(model, data, sgd, seed, **named, engine="raw", raise_on_divergence=False,
                      initial=moe_theory.Weights(**changed))  # fmt: skip
        if other.diverged_at is not None:
            return np.inf
        found = max(found, np.abs(other.predict(named["test"]) - outputs).max())
    return found


def fuzz(n_examples):
    """So many examples for each network on each data model, or so many times more."""
    times = int(os.environ.get("MOE_THEORY_FUZZ", "1"))
    return settings(max_examples=n_examples * times, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.parametrize("law", DATA)
@pytest.mark.parametrize("kind", NETWORKS)
@fuzz(120)
@given(st.data())
def test_training(kind, law, drawn):
    model, (data, test) = drawn.draw(models(kind)), drawn.draw(samples(law))
    sgd, seed = drawn.draw(descents(model)), drawn.draw(st.integers(0, 2**70))
    named = {"test": test}
    if isinstance(model, SeparateMoE) and sgd.router_samples == "held_out":
        named["router_data"] = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", getattr(moe_theory, "DeadNetworkWarning", UserWarning))
        raw = attempt(train, model, data, sgd, seed, **named, engine="raw")
        pattern = attempt(train, model, data, sgd, seed, **named, engine="pattern")
        outputs, others = check_finite(raw, test), check_finite(pattern, test)
        (again,) = train_many(model, data, sgd, [seed], **named, engine="raw")
        np.testing.assert_array_equal(again.weights.experts, raw.weights.experts)
        # In the raw engine products of orthonormal patterns round to 1e-16 of learned weights. That
        # decides what a unit makes of a pattern whose own start is not much larger.
        learned = np.abs(raw.weights.experts).max()
        if sgd.dtype == "float64" and not 0 < model.init_std < 1e-12 * max(learned, 1):
            size = np.abs(outputs).max() + learned * np.abs(test.dictionary).max()
            gaps = np.abs(others - outputs)[told_apart(pattern, test)]
            if (apart := gaps.max(initial=0.0)) > 1e-9 * size:
                allowed = 1e3 * sensitivity((model, data, sgd, seed, named), raw, outputs)
                assert apart <= 1e-9 * size + allowed
        if not isinstance(model, DenseCNN):
            metrics = attempt(raw.routing, test)
            assert 0 <= metrics.best <= 1


@pytest.mark.slow
@pytest.mark.parametrize("law", DATA)
@pytest.mark.parametrize("kind", NETWORKS[1:])
@fuzz(50)
@given(st.data())
def test_compression(kind, law, drawn):
    model, (data, test) = drawn.draw(models(kind)), drawn.draw(samples(law))
    ratio, bits = drawn.draw(mostly(fractions)), drawn.draw(mostly(st.integers(1, 8)))
    score = drawn.draw(mostly(st.sampled_from(inference.SCORES)))
    quantizer = drawn.draw(mostly(st.sampled_from(sorted(inference.QUANTIZERS))))
    sgd = SGD(0.1, 10, n_steps=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", getattr(moe_theory, "DeadNetworkWarning", UserWarning))
        run = attempt(train, model, data, sgd, 0)
        scores = attempt(expert_scores, run, score, data=data)
        assert np.isfinite(scores).all()
        smaller = attempt(prune, run, ratio, score, data=data)
        check_finite(smaller, test)
        coarse = attempt(quantize, run, [bits] * model.n_experts, quantizer=quantizer, data=data)
        check_finite(coarse, test)
        assert footprint(coarse).kilobytes > 0
