"""What a table keeps of a training."""

import math

import numpy as np
import pytest

from moe_theory import SGD, JointMoE, PatchPatterns, SampleMoE, SeparateMoE, TokenChoiceMoE, train
from moe_theory.experiments import gates_per_expert, measurements

LAW = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=14)
DATA, TEST = LAW.sample(40, 0), LAW.sample(200, 0, split="test")
STEPS = SGD(1.0, batch_size=10, n_steps=200)
MODELS = {
    "separate": SeparateMoE(2, 4, 2),
    "joint": JointMoE(4, 8, 3, router_init_std=0.1),
    "token": TokenChoiceMoE(4, 8, router_init_std=0.1),
    "sample": SampleMoE(4, 8, init_std=0.1),
}


def of_class(label):
    return TEST.subset(np.flatnonzero(TEST.labels == label))


def measured(run, test):
    run = train(run.model, DATA, run.sgd, 0, test=test)
    return measurements(run, test, DATA), gates_per_expert(run, test)


@pytest.mark.parametrize("kind", MODELS)
def test_samples_of_one_class(kind):
    """The mean over both classes is the mean of what each alone gives, weighted by its size."""
    run = train(MODELS[kind], DATA, STEPS, 0)
    both, _ = measured(run, TEST)
    alone = {label: measured(run, of_class(label)) for label in (1, -1)}
    share = np.mean(TEST.labels == 1)
    for name in ("router_success", "router_gate", "test_error"):
        if both[name] is None:
            assert kind in ("separate", "sample")
            continue
        parts = [alone[label][0][name] for label in (1, -1)]
        assert all(math.isfinite(part) for part in parts), name
        assert both[name] == pytest.approx(share * parts[0] + (1 - share) * parts[1])


@pytest.mark.parametrize("kind", ["joint", "token"])
def test_gates_of_one_class_order_the_experts(kind):
    run = train(MODELS[kind], DATA, STEPS, 0)
    for label, own, other in ((1, "positive", "negative"), (-1, "negative", "positive")):
        _, gates = measured(run, of_class(label))
        known = gates[f"gates_{own}"]
        assert np.isnan(gates[f"gates_{other}"]).all()
        assert (label * np.diff(known) <= 0).all()
        assert sorted(known) == sorted(getattr(run.routing(of_class(label)), f"gate_{own}"))
