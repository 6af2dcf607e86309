"""Runs and weights in files: the same bits back, and a clear word about any other file."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from cases import exploding, settings_of

from moe_theory import (
    SGD,
    DenseCNN,
    FileError,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    TrainingRun,
    Weights,
    train,
)
from moe_theory.inference import Quantizer, fine_tune, prune, quantize

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA = PATTERNS.sample(23, 0)
MODELS = [
    DenseCNN(6, output_weights="gaussian", init_std=0.25),
    SeparateMoE(2, 6, 4, pooling="all", output_weights="expert_signs"),
    JointMoE(3, 6, 2, init_std=0.1, router_init_std=0.1),
    TokenChoiceMoE(3, 6, 1, 3, "score", init_std=0.1, router_init_std=0.1),
    SampleMoE(3, 6, "cubic", noise="gaussian", init_std=0.1),
    TokenChoiceMoE(3, 6),
]
SETTINGS = [
    SGD(0.5, 7, n_steps=20, record=(3, 5, 11)),
    settings_of(batch_size=7, n_steps=None, n_epochs=5, loss="hinge", record=2, stop_loss=0.3),
    SGD(0.1 + 0.2, 7, n_epochs=4, router_samples="split", router_fraction=1 / 3,
        router_learning_rate=5e-324, dtype="float64", stop_at_zero_error=True),
]  # fmt: skip
SEEDS = [
    3,
    2**200 + 1,
    np.random.SeedSequence(2**130, spawn_key=(4, 2**32 - 1)),
    np.random.SeedSequence([1, 2**70, 3]).spawn(2)[1],
]
# Written once by this test's `small_run`; every later version must read it.
KEPT = Path(__file__).parent / "run_format_1.npz"


def small_run(**options):
    return train(MODELS[2], DATA, SGD(0.5, 7, n_steps=20, record=5), 2**70, **options)


def assert_equal(run, other):
    for part in fields(TrainingRun):
        ours, theirs = getattr(run, part.name), getattr(other, part.name)
        if part.name not in ("initial", "weights", "history"):
            assert ours == theirs, part.name
            assert type(ours) is type(theirs), part.name
            continue
        assert ours.arrays().keys() == theirs.arrays().keys()
        for name, array in ours.arrays().items():
            read = theirs.arrays()[name]
            assert (array.dtype, array.shape) == (read.dtype, read.shape), name
            assert array.tobytes() == read.tobytes(), name
            assert not read.flags.writeable


def saved(run, folder):
    path = folder / "run.npz"
    run.save(path)
    return TrainingRun.load(path)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sgd", SETTINGS)
def test_every_network_and_training_comes_back(model, sgd, tmp_path):
    for seed, test in zip(SEEDS, (None, PATTERNS.sample(9, 1), None, None), strict=True):
        run = train(model, DATA, sgd, seed, test=test)
        read = saved(run, tmp_path)
        assert_equal(run, read)
        assert read.predict(DATA).tobytes() == run.predict(DATA).tobytes()
        again = np.random.SeedSequence(read.seed[0], spawn_key=read.seed[1])
        assert_equal(
            replace(run, wall_time=0.0),
            replace(train(model, DATA, sgd, again, test=test), wall_time=0.0),
        )


@pytest.mark.parametrize("model", MODELS)
def test_diverged_runs_come_back(model, tmp_path):
    data, sgd = exploding(6, 24)
    run = train(model, data, sgd, raise_on_divergence=False)
    assert run.diverged_at is not None
    assert_equal(run, saved(run, tmp_path))


def test_weights_that_are_not_finite_come_back(tmp_path):
    odd = np.array([[np.nan, -0.0], [np.inf, 5e-324]])
    odd.view(np.uint64)[0, 0] |= 7  # a payload of NaN
    Weights(odd, np.ones(2)).save(tmp_path / "w")
    assert Weights.load(tmp_path / "w").experts.tobytes() == odd.tobytes()


def test_compressed_networks_come_back(tmp_path):
    run = train(JointMoE(4, 8, 3), DATA, SGD(1.0, 10, n_steps=50))
    small = prune(quantize(run, (4, 3, 2, 1), quantizer=Quantizer(False, 5)), 0.5, [1, 4, 2, 3.5])
    tuned = fine_tune(small, DATA, SGD(1.0, 10, n_steps=5))
    for one in (small, tuned, quantize(tuned, 2)):
        read = saved(one, tmp_path)
        assert_equal(one, read)
        assert [str(step) for step in read.compression] == [str(step) for step in one.compression]


def test_a_file_that_another_process_reads_without_inference_loaded(tmp_path):
    run = prune(small_run(), 0.5)
    run.save(tmp_path / "run.npz")
    code = (
        "import sys; from moe_theory.training import TrainingRun; "
        f"run = TrainingRun.load({str(tmp_path / 'run.npz')!r}); "
        "print(run.weights.experts.tobytes().hex(), run.compression[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = f"{run.weights.experts.tobytes().hex()} {run.compression[0]}"
    assert done.stdout.strip() == expected


def test_the_file_of_format_1_is_read():
    """Bits are the same on every processor, so that the file tells what training gives today."""
    kept, run = TrainingRun.load(KEPT), small_run()
    assert_equal(
        replace(kept, wall_time=0.0, versions={}), replace(run, wall_time=0.0, versions={})
    )
    assert kept.versions["moe_theory"] == "0.1.0"


def test_versions_are_those_of_the_training(tmp_path):
    old = replace(small_run(), versions={"moe_theory": "0.0.1", "machine": "abacus"})
    read = saved(old, tmp_path)
    assert read.versions == {"moe_theory": "0.0.1", "machine": "abacus"}
    assert "numpy" in small_run().versions


def test_exactly_the_name_given_in_folders_that_are_made(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = small_run()
    for path in ("~/deep/run", "~/deep/run.best.npz", "~/deep/ra\u0308um"):
        run.save(path)
        assert_equal(run, TrainingRun.load(Path(path).expanduser()))
        run.weights.save(path)
        assert Weights.load(path).routers.tobytes() == run.weights.routers.tobytes()
    names = {file.name for file in (tmp_path / "home" / "deep").iterdir()}
    assert names == {"run", "run.best.npz", "ra\u0308um"}


def test_no_pickle_and_plain_numpy_reads_it(tmp_path):
    run = small_run()
    run.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        assert file["weights.experts"].tobytes() == run.weights.experts.tobytes()
        header = json.loads(file["header"].item())
    assert header["content"]["model"]["n_experts"] == 3
    assert header["content"]["seed"] == [2**70, []]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    small_run().save(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*run\.npz"):
        small_run().weights.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    small_run().save("/dev/null")
    assert not Path("/dev/null").is_file()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there.npz")
    small_run().save(link)
    assert link.is_symlink()
    assert (tmp_path / "there.npz").is_file()


def forged(path, change):
    """Rewrite a saved file with a changed header and members."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("header").item())
    change(header, arrays)
    header["arrays"] = list(arrays)
    np.savez(path, header=np.array(json.dumps(header)), **arrays)


CHANGES = {
    "newer format": (
        lambda h, a: h.update(format=4, written_by={"moe_theory": "9.9"}),
        r"written by moe_theory 9\.9 in format 4",
    ),
    "unknown network": (lambda h, a: h["content"]["model"].update(type="os.system"), "os.system"),
    "unknown field": (lambda h, a: h["content"]["sgd"].update(momentum=0.9), "momentum"),
    "bad value": (lambda h, a: h["content"]["sgd"].update(batch_size=-1), "batch_size must be"),
    "shape": (lambda h, a: a.update({"weights.experts": np.ones((6, 23))}), "routers.shape"),
    "model": (lambda h, a: h["content"]["model"].update(n_hidden=9), r"experts\.shape must be"),
    "missing": (lambda h, a: a.pop("history.train_loss"), "train_loss"),
    "short": (lambda h, a: a.update({"history.steps": np.arange(2)}), r"train_loss\.shape"),
    "integers": (lambda h, a: a.update({"weights.output": np.ones(6, int)}), "floating-point"),
    "no kind": (lambda h, a: h.pop("kind"), "damaged"),
    "older": (lambda h, a: h.update(format="1st"), "damaged"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_of_what_cannot_be_are_refused(change, tmp_path):
    path = tmp_path / "run.npz"
    small_run().save(path)
    forged(path, CHANGES[change][0])
    with pytest.raises(FileError, match=CHANGES[change][1]) as caught:
        TrainingRun.load(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "file"
    for content in (b"", b"\0" * 99, b"PK", b"PK\3\4" + b"x" * 50, b"seed,error\n0,0.5\n"):
        path.write_bytes(content)
        with pytest.raises(FileError, match="file"):
            TrainingRun.load(path)
    with path.open("wb") as file:
        np.savez(file, images=np.ones(3), header=np.array([{}], object))
    with pytest.raises(FileError, match="damaged"):
        TrainingRun.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FileError, match="damaged"):
        Weights.load(path)
    small_run().weights.save(path)
    with pytest.raises(FileError, match="holds a Weights, not a TrainingRun"):
        TrainingRun.load(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        TrainingRun.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        Weights.load(tmp_path)


def damaged(raw):
    """Yield the content of a file cut anywhere, and with any byte changed."""
    for size in range(0, len(raw), 9):
        yield raw[:size]
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)


def test_damage_is_refused_or_harmless(tmp_path):
    """Cut anywhere, or with bits changed: an error, or, in bytes that mean nothing, no effect."""
    path = tmp_path / "weights"
    weights = Weights(np.arange(6.0).reshape(2, 3), np.ones(2), np.ones((1, 3), np.float32))
    weights.save(path)
    n_harmless = 0
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        try:
            read = Weights.load(path)
        except FileError:
            continue
        n_harmless += 1
        assert read.arrays().keys() == weights.arrays().keys()
        for name, array in weights.arrays().items():
            assert read.arrays()[name].tobytes() == array.tobytes()
    assert n_harmless > 0


def test_what_a_file_cannot_describe_is_refused_before_it_is_written(tmp_path):
    class Mine(DenseCNN):
        pass

    for run in (replace(small_run(), model=Mine(6)), replace(small_run(), compression=(np,))):
        with pytest.raises(TypeError, match="a file cannot hold"):
            run.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_other_byte_orders_are_read(tmp_path):
    """As if the file came from a machine of the other kind."""
    path = tmp_path / "run.npz"
    run = small_run()
    run.save(path)
    forged(path, lambda h, a: a.update({k: v.astype(v.dtype.newbyteorder()) for k, v in a.items()}))
    swapped = zipfile.ZipFile(path).read("weights.experts.npy")
    assert b"'>f4'" in swapped or (b"'<f4'" in swapped and sys.byteorder == "big")
    assert_equal(run, TrainingRun.load(path))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0]], np.ones(1)), TypeError, "experts must be a NumPy array"),
        ((np.ones((2, 3)), [1.0, 2.0]), TypeError, "output must be a NumPy array"),
        ((np.ones((2, 3), int), np.ones(2)), TypeError, "experts must be .* got int64"),
        ((np.ones((2, 3)), np.ones(2), "no"), TypeError, "routers must be .* got str"),
        ((np.ones(3), np.ones(3)), ValueError, r"experts\.shape must be \(m, d\)"),
        ((np.ones((2, 3)), np.ones(3)), ValueError, r"output\.shape must be \(2,\)"),
        ((np.ones((2, 3)), np.ones(2), np.ones((1, 2))), ValueError, r"routers\.shape"),
    ],
)
def test_weights_that_cannot_be(arguments, error, message):
    with pytest.raises(error, match=message):
        Weights(*arguments)
