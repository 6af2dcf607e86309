"""The load of the experts along a training."""

from dataclasses import replace

import numpy as np
import pytest
from cases import exploding

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    TrainingRun,
    train,
)
from moe_theory.experiments.describe import describe
from moe_theory.training import History, work

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA = PATTERNS.sample(40, 0)
STEPS = SGD(0.5, 7, n_steps=60, record=9, router_learning_rate=2.0, record_load=True)
MODELS = [
    SeparateMoE(2, 6, 4),
    JointMoE(3, 6, 2, router_init_std=0.1),
    TokenChoiceMoE(4, 8, 2, 2, "score", init_std=0.3, router_init_std=0.1),
    TokenChoiceMoE(4, 8, init_std=0.3, router_init_std=0.1),
    TokenChoiceMoE(
        4,
        10,
        2,
        gate="sigmoid",
        renormalize=True,
        n_shared=1,
        noise="gaussian",
        init_std=0.3,
        router_init_std=0.1,
    ),
    SampleMoE(4, 8, noise="gaussian", noise_scale=0.1, init_std=0.3, router_init_std=0.1),
]


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("model", MODELS)
def test_it_is_that_of_the_trainings_that_end_there(model, engine):
    """In double precision, as engines keep their own scores, which differ by rounding."""
    sgd = replace(STEPS, dtype="float64")
    run = train(model, DATA, sgd, 3, engine=engine)
    assert run.history.load.shape == (len(run.history.steps), model.n_experts)
    for step, load in zip(run.history.steps[1:], run.history.load[1:], strict=True):
        until = train(model, DATA, replace(sgd, n_steps=int(step)), 3, engine=engine)
        np.testing.assert_array_equal(load, until.expert_load(DATA).patches)
    if isinstance(model, TokenChoiceMoE | SampleMoE):
        assert len(np.unique(run.history.load, axis=0)) > 1


@pytest.mark.parametrize("model", MODELS)
def test_recording_changes_nothing_else(model):
    run = train(model, DATA, STEPS, 3, test=DATA)
    plain = train(model, DATA, replace(STEPS, record_load=False), 3, test=DATA)
    assert plain.history.load is None
    assert run.weights.experts.tobytes() == plain.weights.experts.tobytes()
    for name, array in plain.history.arrays().items():
        assert array.tobytes() == getattr(run.history, name).tobytes()
    assert run.flops == plain.flops


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("model", MODELS)
def test_same_bits_however_the_work_is_cut(model, engine, monkeypatch):
    whole = train(model, DATA, STEPS, 3, engine=engine)
    monkeypatch.setattr(work, "CALL_WORK", 1.0)
    cut = train(model, DATA, STEPS, 3, engine=engine)
    assert cut.history.load.tobytes() == whole.history.load.tobytes()


@pytest.mark.parametrize("engine", ["raw", "pattern"])
def test_a_bias_that_moves_evens_the_load(engine):
    model = TokenChoiceMoE(8, 16, init_std=0.3, router_init_std=0.5)
    sgd = replace(STEPS, dtype="float64", bias_rate=0.01, n_steps=300, router_learning_rate=None)
    run = train(model, DATA, sgd, 3, engine=engine)
    np.testing.assert_array_equal(run.history.load[-1], run.expert_load(DATA).patches)
    plain = train(model, DATA, replace(sgd, bias_rate=0.0), 3, engine=engine)
    ends = [one.history.load[-1].max() for one in (run, plain)]
    assert ends[0] < ends[1]


def test_it_comes_back_from_a_file(tmp_path):
    run = train(MODELS[2], DATA, STEPS, 3)
    run.save(tmp_path / "run")
    read = TrainingRun.load(tmp_path / "run")
    assert read.history.load.tobytes() == run.history.load.tobytes()
    assert read.sgd == run.sgd
    assert not read.history.load.flags.writeable


@pytest.mark.parametrize("model", MODELS[2:])
def test_of_a_run_that_diverges(model):
    data, sgd = exploding(6, 24)
    sgd = replace(sgd, record_load=True, record=1)
    run = train(model, data, sgd, raise_on_divergence=False)
    assert run.diverged_at is not None
    assert len(run.history.load) == len(run.history.steps)


def test_a_network_without_experts_is_refused():
    with pytest.raises(ValueError, match="record_load must be False for a DenseCNN"):
        train(DenseCNN(4), DATA, STEPS)
    with pytest.raises(ValueError, match="record_load must be True or False; got 1"):
        SGD(0.1, 1, n_steps=1, record_load=1)
    steps = np.arange(2)
    with pytest.raises(ValueError, match=r"load\.shape must be \(2, k\), one per step; got \(2,\)"):
        History(steps, steps, steps, None, None, np.ones(2))


def test_other_configurations_are_described_as_before():
    plain = replace(STEPS, record_load=False)
    assert "record_load" not in describe(plain)
    assert describe(STEPS)["record_load"] is True
