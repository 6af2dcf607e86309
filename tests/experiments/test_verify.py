"""Verification: what is computed anew, what goes on, and what is found to differ."""

import json
import math
from pathlib import Path
from typing import get_args

import pytest

from moe_theory import (
    SGD,
    ClusterSignal,
    DigitPatches,
    DigitTasks,
    PatchPatterns,
    SpuriousPatch,
    TaskPatterns,
)
from moe_theory.experiments import scripts, verify
from moe_theory.experiments.describe import describe
from moe_theory.experiments.table_files import (
    PREDICTED_DIGITS,
    TOLERANCE,
    compare_tables,
    write_table,
)
from moe_theory.models import Model

ROWS = [{"arm": "dense", "error": 0.25, "known": 0.5}, {"arm": "joint", "error": 0.0, "known": 1.0}]


@pytest.fixture
def compared(tmp_path):
    def compare(rows, committed=ROWS):
        paths = [tmp_path / name for name in ("committed.csv", "table.csv")]
        for path, table in zip(paths, (committed, rows), strict=True):
            write_table(path, table, predicted=["known"])
        return compare_tables(*paths, predicted=["known"])

    return compare


def changed(row, **values):
    return [{**old, **(values if place == row else {})} for place, old in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("rows", "verdict", "detail"),
    [
        (ROWS, "equal bit for bit", ""),
        (changed(0, error=0.25 + 1e-12), "equal bit for bit", ""),
        (changed(1, error=-0.0), "equal bit for bit", ""),
        (changed(0, known=0.5000001), "within tolerance", "2e-07 in known, row 1"),
        (changed(0, known=0.500001), "differs", "known, row 1: 0.500001, committed 0.5"),
        (changed(1, error=1e-9), "differs", "error, row 2: 1e-09, committed 0"),
        (changed(1, arm="other"), "differs", "arm, row 2: other, committed joint"),
        (changed(1, known=None), "differs", "known, row 2: empty, committed 1"),
        (changed(1, known=math.inf), "differs", "known, row 2: inf, committed 1"),
        (ROWS[:1], "differs", "1 rows, committed 2"),
        ([{"arm": "dense", "known": 1.0}], "differs", "columns arm,known, committed arm,error,"),
    ],
)
def test_verdict(compared, rows, verdict, detail):
    found = compared(rows)
    assert found.verdict == verdict
    assert detail in found.detail


def test_largest_difference_is_named(compared):
    found = compared([{**row, "error": row["error"] + 0.01 * at} for at, row in enumerate(ROWS, 1)])
    assert "in 2 of 6 cells, most in error, row 2" in found.detail


@pytest.mark.parametrize("number", [1.0, 0.1, 9.999999, 123456.7, 1.234567e-9])
def test_last_digit_of_predictions_is_within_tolerance(number):
    step = 10.0 ** (math.floor(math.log10(number)) - PREDICTED_DIGITS + 1)
    assert step <= (number + step) * TOLERANCE * (1 + 1e-9)


def test_unknown_predicted_column(tmp_path):
    with pytest.raises(ValueError, match="PREDICTED must be one of"):
        write_table(tmp_path / "table.csv", ROWS, predicted=["unknown"])


SIMULATION = """
from moe_theory import *
def experiment(scale):
    data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    settings = grid(data, {"dense": DenseCNN(4)}, SGD(1.0, 10, n_steps=5), n_train=(10, 20))
    return Sweep(settings, n_test=20, n_draws=2)
"""
FIGURE = """
from matplotlib.figure import Figure
from moe_theory.plotting import summary_rows
SIMULATION = "simulation.py"
def draw(results):
    return Figure(), summary_rows(results, ["test_accuracy"])
"""


@pytest.fixture
def figure(tmp_path):
    (tmp_path / "simulation.py").write_text(SIMULATION)
    (tmp_path / "figure.py").write_text(FIGURE)
    scripts.draw_figure(tmp_path / "figure.py", "quick", store=tmp_path / "old", progress=False)
    return tmp_path / "figure.py"


def test_stopped_verification_goes_on_and_finished_one_begins_anew(figure, monkeypatch):
    out = figure.parent / "out"
    rows = out / "rows" / "quick" / "simulation.jsonl"

    def run():
        return list(verify.verify_figures([figure], "quick", out=out, progress=False))

    def stopped(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(verify, "compare_tables", stopped)
        with pytest.raises(KeyboardInterrupt):
            run()
    at_first = rows.stat().st_ino
    assert [found.verdict for found in run()] == ["equal bit for bit"]
    assert rows.stat().st_ino == at_first
    # Rows that are there are not looked at: these would be refused as damaged.
    rows.write_text("damaged\n")
    assert [found.verdict for found in run()] == ["equal bit for bit"]


@pytest.mark.parametrize("change", ["simulation", "environment"])
def test_rows_of_other_code_are_not_used(figure, monkeypatch, change):
    rows = figure.parent / "rows"
    marker = verify._begin(rows, verify._code([figure]))
    (rows / "simulation.jsonl").write_text("a row\n")
    assert verify._begin(rows, verify._code([figure])) == marker
    assert (rows / "simulation.jsonl").is_file()
    if change == "simulation":
        (figure.parent / "simulation.py").write_text(SIMULATION + "\n")
    else:
        monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    verify._begin(rows, verify._code([figure]))
    assert not (rows / "simulation.jsonl").exists()


def test_versions_may_differ_and_are_told(figure):
    path = figure.parent / "quick" / "figure.json"
    made = json.loads(path.read_text())
    made["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(made))
    assert not list(verify.compare_configurations(path, path))
    (said,) = verify.other_versions([figure], "quick")
    assert said.startswith("numpy 1.0, here ")


def test_configurations_of_several_simulations(tmp_path):
    paths = [tmp_path / name for name in ("committed.json", "figure.json")]
    for path, seed in zip(paths, (0, 1), strict=True):
        one = {"experiment": {"seed": seed}, "versions": {"numpy": str(seed)}}
        path.write_text(json.dumps({"first": one, "second": one}))
    (found,) = verify.compare_configurations(*paths)
    assert found.detail == "first.experiment.seed: 0 there, 1 here"


def test_files_beside_the_figures(tmp_path):
    folders = [tmp_path / "theory", tmp_path / "new"]
    contents = {"a": "1", "b": "1"}, {"a": "1", "b": "2", "c": "3"}
    for folder, content in zip(folders, contents, strict=True):
        folder.mkdir()
        for name, text in content.items():
            (folder / f"{name}.md").write_text(text)
    found = {each.name: each.verdict for each in verify.compare_folders(*folders)}
    assert found == {
        "theory/a.md": "equal bit for bit",
        "theory/b.md": "differs",
        "theory/c.md": "differs",
    }


def test_rounding_where_a_prediction_should_be_zero_is_within_tolerance(tmp_path):
    paths = [tmp_path / name for name in ("committed.csv", "computed.csv")]
    for path, zero in zip(paths, (4.5e-9, 7.0e-9), strict=True):
        write_table(path, [{"known": 0.5}, {"known": zero}], predicted=["known"])
    assert compare_tables(*paths, predicted=["known"]).verdict == "within tolerance"
    assert compare_tables(*paths).verdict == "differs"
    write_table(paths[1], [{"known": 0.5}, {"known": 1e-6}], predicted=["known"])
    assert compare_tables(*paths, predicted=["known"]).verdict == "differs"


SPECIFICATIONS = {
    kind.__name__: kind
    for kind in (*get_args(Model), SGD, ClusterSignal, DigitPatches, DigitTasks, PatchPatterns,
                 SpuriousPatch, TaskPatterns)
}  # fmt: skip


def specifications(value):
    """Yield the descriptions of specifications in a configuration."""
    if isinstance(value, dict):
        if value.get("type") in SPECIFICATIONS:
            yield value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from specifications(part)


def remade(value):
    """Return what is described, its digits being those of scikit-learn."""
    if isinstance(value, list):
        return tuple(map(remade, value))
    if not isinstance(value, dict):
        return value
    given = {name: remade(part) for name, part in value.items() if name not in ("type", "pools")}
    return SPECIFICATIONS[value["type"]](
        **{name: part for name, part in given.items() if not name.startswith("_")}
    )


def test_what_is_committed_is_described_as_it_was():
    """Fields of specifications that are new are `CAME_LATER`, or every figure differs."""
    quick = sorted((Path(__file__).parents[2] / "figures/quick").glob("*.json"))
    committed = {
        (entry["type"], *entry): entry
        for path in quick
        for entry in specifications(json.loads(path.read_text(encoding="utf-8")))
    }
    for entry in committed.values():
        assert describe(remade(entry)) == entry
    assert {entry["type"] for entry in committed.values()} == set(SPECIFICATIONS)
