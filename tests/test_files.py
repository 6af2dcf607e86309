"""Simulation and figure files: all of them can be built and found."""

import csv
from pathlib import Path

import pytest

from moe_theory.experiments.scripts import SCALES, load_script

ROOT = Path(__file__).parents[1]
SIMULATIONS = sorted((ROOT / "simulations").glob("*.py"))
FIGURES = sorted((ROOT / "figures").glob("*.py"))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("path", SIMULATIONS, ids=lambda path: path.stem)
def test_simulations_are_valid(path, scale, monkeypatch):
    monkeypatch.delenv("MOE_THEORY_DIGITS", raising=False)
    config = load_script(path, ("experiment",)).experiment(scale).config()
    assert config["experiment"]["settings"]


def test_full_scale_is_larger():
    for path in SIMULATIONS:
        script = load_script(path, ("experiment",))
        quick, full = (script.experiment(scale).config()["experiment"] for scale in SCALES)
        assert quick != full, path.stem


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figures_name_simulations_that_exist(path):
    script = load_script(path, ("SIMULATION", "draw"))
    names = script.SIMULATION if isinstance(script.SIMULATION, tuple) else (script.SIMULATION,)
    for name in names:
        assert (path.parent / name).resolve() in SIMULATIONS
    assert script.__doc__


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_predicted_columns_are_named(path):
    predicted = set(getattr(load_script(path, ()), "PREDICTED", ()))
    for scale in SCALES:
        with (path.parent / scale / f"{path.stem}.csv").open() as file:
            columns = set(next(csv.reader(file)))
        assert predicted <= columns
        assert {name for name in columns if name.startswith("predicted")} <= predicted


def test_every_committed_table_has_its_figure_file():
    for table in (ROOT / "figures").glob("**/*.csv"):
        assert table.parent.name == "theory" or ROOT / "figures" / f"{table.stem}.py" in FIGURES


def test_every_simulation_is_drawn():
    drawn = set()
    for path in FIGURES:
        named = load_script(path, ()).SIMULATION
        drawn |= {Path(name).name for name in (named if isinstance(named, tuple) else (named,))}
    assert drawn == {path.name for path in SIMULATIONS}
