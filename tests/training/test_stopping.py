"""Ctrl-C, and cutting the work into calls."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from cases import settings_of

from moe_theory import (
    SGD,
    DenseCNN,
    DigitPatches,
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory._stopping import Stopped, heeding
from moe_theory.kernels.state import (
    DONE,
    ERRORS,
    FITTED,
    LOSSES,
    NEVER,
    PASSED,
    REACHED,
    SCAN,
)
from moe_theory.models import Weights
from moe_theory.training import outputs, work
from moe_theory.training.batches import blocks
from moe_theory.training.pattern import PatternTrainee
from moe_theory.training.raw import RawTrainee
from moe_theory.training.work import Call

TRAINING = sys.modules[train.__module__]

# A loaded machine may be ten times slower than one at rest.
BOUND = 3.0

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
MODELS = [
    DenseCNN(6),
    SeparateMoE(2, 6, 4),
    JointMoE(3, 6, 2, init_std=0.1, router_init_std=0.1),
    TokenChoiceMoE(3, 6, 1, 3, "score", init_std=0.1, router_init_std=0.1),
    SampleMoE(3, 6, noise="gaussian", init_std=0.1, router_init_std=0.1),
]

STOPS = [{}, {"stop_at_zero_error": True}, {"stop_loss": 0.4},
         {"stop_at_zero_error": True, "stop_loss": 0.05}]  # fmt: skip
WHOLE = 10**9
CUTS = [Call(WHOLE, WHOLE), *(Call(n, n) for n in (1, 2, 7)), Call(1, WHOLE),
        *(Call(WHOLE, n) for n in (1, 2, 7))]  # fmt: skip

SCRIPT = """
import signal, sys, threading, time
import numpy as np
from moe_theory import *

signal.signal(signal.SIGINT, signal.default_int_handler)
digits = DigitPatches(n_patches=16)
patches = np.random.default_rng(0).normal(size=(100, 128, 784))
raw = PatchData.from_patches(patches, np.ones(100, int))
data = digits.sample(200, 0)
small = SGD(0.1, batch_size=20, n_steps=1)
train(DenseCNN(4), data, small)
train(JointMoE(8, 8, 4), data, small)
train(DenseCNN(4), PatchPatterns(16, 98, 100).sample(200, 0), small)
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    left = [thread for thread in threading.enumerate() if not thread.daemon]
    print("stopped, threads left:", len(left) - 1, flush=True)
    time.sleep(1.0)
    print(time.process_time(), flush=True)
    time.sleep(0.3)
    print(time.process_time(), flush=True)
"""
LONG = "SGD(1e-3, batch_size=20, n_steps=10**9)"
CALLS = {
    "wide": f"train(DenseCNN(400), data, {LONG})",
    "recorded": "train(DenseCNN(40), data, SGD(1e-3, 20, n_steps=10**6, record=1))",
    "outputs": "train(DenseCNN(20000), raw.subset([0]), small).predict(raw)",
    "patterns": f"train(DenseCNN(40), PatchPatterns(16, 98, 100).sample(200, 0), {LONG})",
    "many": f"train_many(JointMoE(8, 400, 4), digits, {LONG}, range(100), n_train=200)",
    "many patterns": f"train_many(DenseCNN(40), PatchPatterns(16, 98, 100), {LONG}, range(9),"
    " n_train=200, n_workers=3)",
    "sweep": f"Sweep(grid(digits, {{'dense': DenseCNN(400)}}, {LONG}, n_train=(200,)), n_draws=9,"
    " n_test=100).run(progress=False)",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_ctrl_c_returns_soon_and_leaves_nothing_running(call):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(call=call)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        os.kill(process.pid, signal.SIGINT)
        sent = time.perf_counter()
        assert process.stdout.readline() == "stopped, threads left: 0\n"
        assert time.perf_counter() - sent < BOUND
        before, after = float(process.stdout.readline()), float(process.stdout.readline())
        assert after - before < 0.1, "something goes on computing"
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("engine", ["raw", "pattern"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stops", STOPS)
def test_cutting_changes_no_bits(model, engine, stops, monkeypatch):
    """Batches of unequal sizes, ends of epochs and records fall everywhere among the calls.

    A last batch of 3 samples leaves room for so many in a look around that goes on.
    """
    data, test = PATTERNS.sample(23, 1), PATTERNS.sample(30, 0, split="test")
    for dtype in ("float32", "float64"):
        sgd = settings_of(
            batch_size=10, n_steps=200, learning_rate=0.5, record=41, dtype=dtype, **stops
        )
        runs = []
        for call in CUTS:
            monkeypatch.setattr(TRAINING, "largest_call", lambda *_, call=call, **__: call)
            runs.append(train(model, data, sgd, 3, test=test, engine=engine))
        whole, *others = runs
        for run in others:
            np.testing.assert_array_equal(run.weights.experts, whole.weights.experts)
            if whole.weights.routers is not None:
                np.testing.assert_array_equal(run.weights.routers, whole.weights.routers)
            for name in ("steps", "train_loss", "train_error", "test_loss", "test_error"):
                np.testing.assert_array_equal(
                    getattr(run.history, name), getattr(whole.history, name)
                )
            for name in ("n_steps", "steps_to_zero_error", "steps_to_loss", "flops"):
                assert getattr(run, name) == getattr(whole, name)


@pytest.mark.parametrize("space", [RawTrainee, PatternTrainee])
@pytest.mark.parametrize("model", MODELS)
def test_a_look_around_goes_on_where_it_was(model, space):
    """At so small a rate all samples stay classified rightly, or all wrongly."""
    data, sgd = PATTERNS.sample(40, 1), settings_of(batch_size=10, learning_rate=1e-9, stop_loss=9)
    initial = model.initial_weights(24, 0)
    start = space(model, sgd, initial, data)
    f = start.outputs(start.inputs)
    clear = np.flatnonzero(f)[:23]
    data, right = data.subset(clear), np.where(f[clear] > 0, 1, -1)
    (epoch,) = blocks(23, 10, 3, np.random.default_rng(0))
    for labels, scans in ((right, (ERRORS, LOSSES)), (-right, (LOSSES,))):
        for n_looked in (1, 2, 7, 22, 23):
            trainee = space(model, sgd, initial, replace(data, labels=labels))
            marks, seen = trainee.state.marks, []
            while not seen or seen[-1] != (NEVER, 0):
                assert trainee.advance(epoch, n_looked)
                assert marks[DONE] == 3
                seen.append((marks[SCAN], marks[PASSED]))
            places = range(n_looked, 23, n_looked)
            assert seen == [*((scan, place) for scan in scans for place in places), (NEVER, 0)]
            assert marks[REACHED] == 3
            assert marks[FITTED] == (3 if ERRORS in scans else NEVER)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("model", MODELS)
def test_outputs_in_pieces_have_the_same_bits(model, size, monkeypatch):
    """On patterns trained on, in both engines, and on others, with more patches than samples."""
    other = PatchData.from_patches(np.random.default_rng(2).normal(size=(19, 6, 24)), [1] * 19)

    def found():
        for dtype, space in product(("float32", "float64"), (RawTrainee, PatternTrainee)):
            weights = model.initial_weights(24, 0)
            routers = None if weights.routers is None else weights.routers.astype(dtype)
            weights = Weights(weights.experts.astype(dtype), weights.output.astype(dtype), routers)
            trainee = space(model, settings_of(dtype=dtype), weights, PATTERNS.sample(23, 1))
            yield trainee.outputs(trainee.inputs)
            yield trainee.outputs(trainee.prepare(other))

    def cut(n_things, _):
        return ((first, min(first + size, n_things)) for first in range(0, n_things, size))

    whole = list(found())
    monkeypatch.setattr(outputs, "pieces", cut)
    for f, expected in zip(found(), whole, strict=True):
        np.testing.assert_array_equal(f, expected, strict=True)


def test_outputs_heed_requests_to_stop(monkeypatch):
    """Between pieces, in threads too."""
    run = train(MODELS[2], PATTERNS.sample(23, 1), settings_of())
    asked = threading.Event()
    kernel = outputs.write_values

    def write(*arguments):
        assert not asked.is_set()
        kernel(*arguments)
        asked.set()

    monkeypatch.setattr(work, "CALL_WORK", 1.0)
    monkeypatch.setattr(outputs, "write_values", write)
    with heeding(asked), pytest.raises(Stopped):
        run.predict(PATTERNS.sample(23, 2))


def test_looks_around_heed_requests_to_stop(monkeypatch):
    asked = threading.Event()
    advance = RawTrainee.advance

    def looking(trainee, *arguments):
        assert not asked.is_set()
        finite = advance(trainee, *arguments)
        if trainee.state.marks[SCAN] == LOSSES:
            asked.set()
        return finite

    monkeypatch.setattr(TRAINING, "largest_call", lambda *_, **__: Call(WHOLE, 1))
    monkeypatch.setattr(RawTrainee, "advance", looking)
    with heeding(asked), pytest.raises(Stopped):
        train(MODELS[0], PATTERNS.sample(23, 1), settings_of(stop_loss=9), engine="raw")


@pytest.mark.parametrize("model", MODELS)
def test_large_networks_take_few_steps_in_a_call(model, monkeypatch):
    sgd = SGD(0.1, batch_size=20, n_steps=5)
    data = DigitPatches(n_patches=16).sample(100, 0)
    monkeypatch.setattr(work, "CALL_WORK", 1.0)
    assert work.largest_call(model, data, sgd, in_pattern_space=False) == (1, 1)
    assert work.largest_call(model, data, sgd, in_pattern_space=True) == (1, 1)
