"""A leading ~ is the home folder wherever a path is given, also where no shell replaces it."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from test_cli import FIGURE, SIMULATION

from moe_theory.bounds import write_tables
from moe_theory.cli import main
from moe_theory.explore import write_page

PATTERNS = "--data patterns --n-train 20 --n-test 20 --quiet"
# Each command, and what it writes below the home folder, or nothing if it reads there.
COMMANDS = {
    f"train {PATTERNS} --model joint --n-epochs 1 --save ~/deep/run": "deep/run",
    "train --digits ~/digits.npz --n-patches 3 --n-train 20 --n-epochs 1 --quiet": None,
    "pack-digits ~/images ~/labels ~/others ~/labels ~/packed.npz": "packed.npz",
    "theory --out ~/tables": "tables/costs.csv",
    "tabulate ~/table.csv": None,
    f"sweep {PATTERNS} --model dense --n-steps 3 --n-draws 1 --store ~/deep/rows": "deep/rows",
    "samples --data patterns --model dense --n-max 4 --n-test 10 --n-steps 3 --quiet "
    "--store ~/rows": "rows",
    "run ~/simulation.py --store ~/kept": "kept/quick/simulation.jsonl",
    "draw ~/figure.py --store ~/kept --out ~/drawn": "drawn/quick/figure.png",
    "draw ~/figure.py --store ~/kept": "quick/figure.png",
    "explore --out ~/page": "page/index.html",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with what commands read, and another folder to work in."""
    folder, here = tmp_path / "home", tmp_path / "here"
    for each in (folder, here):
        each.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(here)
    images = np.random.default_rng(0).integers(0, 256, (2, 60, 3, 2), dtype=np.uint8)
    images[:, 0, 0, 0] = 255
    labels = np.uint8(np.arange(60) % 10)
    np.savez(folder / "digits.npz", images=images[0], labels=labels)
    for name, array in (("images", images[0]), ("others", images[1]), ("labels", labels)):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / name).write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    known = resources.files("moe_theory.advice").joinpath("table.csv")
    (folder / "table.csv").write_bytes(known.read_bytes())
    (folder / "simulation.py").write_text(SIMULATION)
    (folder / "figure.py").write_text(FIGURE)
    yield folder
    assert not list(here.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, home):
    assert main(command.split()) == 0
    written = COMMANDS[command]
    assert written is None or (home / written).is_file()


def test_a_saved_run_is_found(home):
    assert main(f"train {PATTERNS} --model joint --n-epochs 1 --save ~/run".split()) == 0
    line = f"prune --run ~/run {PATTERNS} --ratio 0.5 --score random"
    assert main(line.split()) == 0


@pytest.mark.parametrize("write", [write_tables, write_page])
@pytest.mark.parametrize("kind", [str, Path])
def test_folders(write, kind, home):
    write(kind("~/deep/folder"))
    assert list((home / "deep" / "folder").iterdir())
