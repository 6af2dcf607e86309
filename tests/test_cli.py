import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moe_theory.cli import main
from moe_theory.kernels.fixed import train_fixed
from moe_theory.kernels.joint import train_joint
from moe_theory.kernels.pattern_fixed import train_pattern_fixed
from moe_theory.kernels.pattern_joint import train_pattern_joint

SIMULATION = """
from moe_theory import *
def experiment(scale):
    data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    sgd = SGD(1.0, batch_size=10, n_epochs=5)
    settings = grid(data, {"dense": DenseCNN(4)}, sgd, n_train=(10, 20))
    return Sweep(settings, n_test=20, n_draws=2)
"""
FIGURE = """
from matplotlib.figure import Figure
from moe_theory.plotting import plot_curves, summary_rows
SIMULATION = "simulation.py"
def draw(results):
    figure = Figure()
    plot_curves(results, "test_accuracy", figure.subplots(), arms={"dense": "dense"})
    return figure, summary_rows(results, ["test_accuracy"])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "simulation.py").write_text(SIMULATION)
    (tmp_path / "figure.py").write_text(FIGURE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_then_draw(folder, capsys):
    assert main(["run", "simulation.py"]) == 0
    assert "4 rows" in capsys.readouterr().out
    assert main(["draw", "figure.py"]) == 0
    assert {file.name for file in (folder / "quick").iterdir()} == {
        "figure.png",
        "figure.csv",
        "figure.json",
    }
    table = (folder / "quick" / "figure.csv").read_text().splitlines()
    assert table[0] == "arm,n_train,n_draws,test_accuracy_mean,test_accuracy_std"
    assert len(table) == 3
    made = json.loads((folder / "quick" / "figure.json").read_text())
    assert [setting["n_train"] for setting in made["experiment"]["settings"]] == [10, 20]
    assert made["versions"]["numpy"] == np.__version__
    assert main(["draw", "figure.py", "--out", "elsewhere"]) == 0
    with Image.open(folder / "elsewhere" / "quick" / "figure.png") as picture:
        assert picture.mode == "P"


@pytest.mark.parametrize("model", ["dense", "separate", "joint"])
def test_train(model, capsys):
    assert main(["train", "--model", model, "--n-train", "40", "--n-epochs", "3"]) == 0
    said = capsys.readouterr().out
    assert "test error" in said
    assert ("P(patch in top l)" in said) == (model != "dense")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing.py"], "script must be a Python file that exists; got 'nothing.py'"),
        (["run", "figure.py"], "script must be a file that defines experiment"),
        (["train", "--n-routed", "17"], "n_routed must be at most the number of patches n = 16"),
        (["train", "--digits", "nothing.npz"], "path must be an npz file that exists"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, arguments, message):
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("moe-theory: ")
    assert message in said[-1]


def test_pack_digits(folder, capsys):
    images = np.random.default_rng(0).integers(0, 256, size=(40, 3, 2), dtype=np.uint8)
    images[[0, 20], 0, 0] = 255
    labels = (np.arange(40) % 10).astype(np.uint8)
    for part, name in ((slice(0, 20), "train"), (slice(20, 40), "test")):
        header = bytes([0, 0, 8, 3]) + b"".join(
            size.to_bytes(4, "big") for size in images[part].shape
        )
        (folder / f"{name}-images").write_bytes(header + images[part].tobytes())
        header = bytes([0, 0, 8, 1]) + (20).to_bytes(4, "big")
        (folder / f"{name}-labels").write_bytes(header + labels[part].tobytes())
    files = ["train-images", "train-labels", "test-images", "test-labels"]
    assert main(["pack-digits", *files, "digits.npz"]) == 0
    assert capsys.readouterr().out == "digits.npz: 20 + 20 images\n"
    assert main(["train", "--digits", "digits.npz", "--n-train", "20", "--n-epochs", "2"]) == 0
    (folder / "train-labels").write_bytes(header)
    assert main(["pack-digits", *files, "digits.npz"]) == 2
    assert "as long as its shape (20,) says" in capsys.readouterr().err


def test_compiled_kernels_are_on_disk(capsys):
    assert main(["compile"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    for kernel in (train_fixed, train_joint, train_pattern_fixed, train_pattern_joint):
        # Other processes compiled: what counts is what lies on disk.
        assert len(list(folder.glob(f"*-{kernel.__name__}-*.kernel"))) >= 2, kernel


def test_verify(folder, capsys):
    """A new figure is not committed; once it is, its numbers and settings are compared."""
    assert main(["verify", "figure.py"]) == 1
    assert "figure: differs, no figure.csv is committed" in capsys.readouterr().out
    assert main(["draw", "figure.py"]) == 0
    assert main(["verify", "figure.py"]) == 0
    said = capsys.readouterr().out
    assert "figure: equal bit for bit" in said
    assert "1 tables; pictures and tables computed are in results/verify/quick" in said
    assert (folder / "results" / "verify" / "quick" / "figure.png").is_file()
    assert main(["verify", "figure.py", "--committed", "results/verify", "--out", "new"]) == 0
    text = (folder / "simulation.py").read_text()
    (folder / "simulation.py").write_text(text.replace("n_draws=2", "n_draws=3"))
    assert main(["verify", "figure.py"]) == 1
    heard = capsys.readouterr()
    assert "figure: differs, in 6 of 10 cells" in heard.out
    assert "figure, configuration: differs, experiment.n_draws: 2 there, 3 here" in heard.out
    assert "2 differ: figure; figure, configuration" in heard.err


def test_verify_refuses_the_folder_of_the_committed(folder, capsys):
    assert main(["verify", "figure.py", "--out", "."]) == 2
    assert "out must be another folder" in capsys.readouterr().err
