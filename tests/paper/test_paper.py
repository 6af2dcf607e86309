"""The article's numbers come from committed results and its text uses all of them; no TeX here."""

import doctest
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
sys.path[:0] = [str(PAPER), str(ROOT)]

from generator import checks, claims, figures, freshness, sections, text  # noqa: E402
from generator.__main__ import write  # noqa: E402
from generator.tables import TABLES  # noqa: E402

from moe_theory.bounds import step_flops  # noqa: E402
from prose import pages  # noqa: E402
from prose import tables as committed  # noqa: E402


@pytest.fixture(scope="module")
def written():
    return sections.filled()


@pytest.fixture(scope="module")
def tables():
    return {name: make() for name, make in TABLES.items()}


def test_text_uses_what_is_written(tables):
    assert checks.problems(tables, figures.FIGURES) == []


def test_results_bear_out_the_claims():
    assert claims.failed() == []


def test_tables_are_whole(tables):
    for name, latex in tables.items():
        rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
        plain = [line for line in rows if "multicolumn" not in line]
        assert len({line.count("&") for line in plain}) == 1, name
        assert "nan" not in re.sub(r"[a-z]*nan[a-z]+", "", latex), name


def test_every_query_has_an_answer(written):
    text = "\n".join(written.values())
    assert r"\from" not in text
    assert "nan" not in text.split()
    shown = pages.answer("nstar(0.05, arm=dense, n_patches=64)")
    assert f"past the {shown} of the dense network" in " ".join(written["measured.tex"].split())


def test_numbers_stand_where_the_text_asks_for_them(tmp_path):
    section = tmp_path / "a.tex"
    section.write_text("At \\from{len(units) *\n1000} or $\\from{step(dense)}$.\n")
    step = step_flops("dense").latex()
    assert sections.with_numbers(section) == f"At 15\\,000 or ${step}$.\n"
    section.write_text(r"At \from{nstar(0.05, arm=nobody)}.")
    with pytest.raises(committed.MissingNumberError, match=r"a.tex: nstar.*never nobody"):
        sections.with_numbers(section)


def test_files_are_written(tmp_path, written, tables):
    write(tmp_path, written, tables)
    assert (tmp_path / "text" / "abstract.tex").read_text().startswith(r"\begin{abstract}")
    assert (tmp_path / "verdicts.tex").read_text().startswith(r"\begin{tabular}")


@pytest.mark.parametrize("name", figures.FIGURES)
def test_figure_is_drawn(name):
    assert figures.FIGURES[name]().axes


def test_committed_figure_is_compared_with_its_simulation(monkeypatch):
    assert freshness.differences("one_step") == []
    made = committed.made_of(committed.FULL / "one_step.json")
    other = {"experiment": {**made["experiment"], "n_test": -1}}
    monkeypatch.setattr(freshness, "made_of", lambda path: other)
    (line,) = freshness.differences("one_step")
    assert "one_step.json is stale" in line
    assert "n_test" in line


def test_first_difference():
    assert freshness.first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) == ""
    assert freshness.first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == (
        "a[1].b: 2 then, 3 now"
    )
    assert freshness.first_difference({"a": 1}, {}) == ".a (removed)"


def test_checks_find_what_is_wrong():
    assert checks.typed_numbers(
        {"a.tex": r"$\varepsilon=0.05$, then \from{9.25} and 7.31 of 4096"}
    ) == [
        "a.tex: typed number 7.31",
        "a.tex: typed number 4096",
    ]
    assert checks.reference_problems([r"\citet{A,B}"], "@book{A,\n}\n@book{C,\n}") == [
        "citation B has no entry",
        "entry C is not cited",
    ]
    assert checks.table_problems([r"\wide{a}{1}"], ["b"]) == [
        "table a is not written",
        "table b is not shown",
    ]


def test_numbers_as_latex():
    assert doctest.testmod(text).failed == 0
    assert text.latex("128,000 samples, 5 %") == r"128\,000 samples, 5\,\%"
