"""Files of older formats are read; newer ones, damaged ones and those of others are refused."""

import zipfile
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from saved_runs import assert_equal, forged, header_of, small_run, smaller_run

from moe_theory import FileError, TrainingRun, Weights
from moe_theory.files import FORMAT, HOMES

# Written once by `small_run`, and by `smaller_run` in format 2; every later version must read them.
KEPT = {n: Path(__file__).parent / f"run_format_{n}.npz" for n in (1, 2)}
# What the files of a format describe, and no other: older versions know no more.
MEMBERS = {
    "format": 3,
    "TrainingRun": "model sgd seed n_train n_patches patch_dim initial weights history n_steps "
    "steps_to_zero_error steps_to_loss flops wall_time diverged_at compression versions",
    "DenseCNN": "n_hidden output_weights init_std activation pooling",
    "SeparateMoE": "n_experts n_hidden n_routed pooling output_weights init_std router_init_std",
    "JointMoE": "n_experts n_hidden n_routed pooling output_weights init_std router_init_std",
    "TokenChoiceMoE": "n_experts n_hidden n_chosen capacity priority output_weights init_std "
    "router_init_std gate renormalize n_shared noise noise_scale",
    "SampleMoE": "n_experts n_hidden activation pooling gate noise noise_scale output_weights "
    "init_std router_init_std",
    "SGD": "learning_rate batch_size n_steps n_epochs loss router_learning_rate router_batch_size "
    "router_n_steps router_n_epochs router_samples router_fraction record stop_at_zero_error "
    "stop_loss dtype normalize_experts balance_weight z_weight bias_rate noise_steps "
    "record_load",
    "Flops": "experts routers routing",
    "Pruning": "score ratio kept n_before routers_kept",
    "Quantization": "bits quantizer",
    "Quantizer": "symmetric group_size scale rounding",
}


@pytest.mark.parametrize(("number", "made"), [(1, small_run), (2, smaller_run)])
def test_files_of_older_formats_are_read(number, made):
    """Bits are the same on every processor, so that the file tells what training gives today."""
    kept, run = TrainingRun.load(KEPT[number]), made()
    assert header_of(KEPT[number])["format"] == number
    assert_equal(
        replace(kept, wall_time=0.0, versions={}), replace(run, wall_time=0.0, versions={})
    )
    assert kept.versions["moe_theory"] == "0.1.0"


def test_a_format_has_one_set_of_members():
    """If this fails, raise FORMAT and keep a file of the format before: older code reads none."""
    kinds = {"TrainingRun": TrainingRun} | {
        name: getattr(import_module(home), name) for name, home in HOMES.items()
    }
    found = {name: " ".join(part.name for part in fields(kind)) for name, kind in kinds.items()}
    assert {"format": FORMAT, **found} == MEMBERS


def test_files_that_tell_more_are_too_new_for_older_code(tmp_path):
    """A version refuses formats above its own with the words "install a newer one"."""
    small_run().save(tmp_path / "run.npz")
    now, before = header_of(tmp_path / "run.npz"), header_of(KEPT[2])
    assert now["content"]["sgd"].keys() > before["content"]["sgd"].keys()
    assert now["format"] > before["format"]


CHANGES = {
    "newer format": (
        lambda h, a: h.update(format=FORMAT + 1, written_by={"moe_theory": "9.9"}),
        rf"written by moe_theory 9\.9 in format {FORMAT + 1}",
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
