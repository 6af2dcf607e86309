"""Numbers in README and docs are those of the committed tables, and none was typed."""

import doctest
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from prose import __main__ as command  # noqa: E402
from prose import pages, queries, tables, text  # noqa: E402
from prose.typed import CHECKED, typed  # noqa: E402

DENSE = "nstar(0.05, arm=dense, n_patches=64)"
SHOWN = pages.answer(DENSE)


@pytest.fixture
def other_savings(monkeypatch):
    """Let the committed table of savings hold another number."""
    read = tables.read

    def changed(path):
        found = read(path)
        if path.stem != "savings":
            return found
        rows = ({**found.rows[1], "text": "7.9 [7, 9]"}, *found.rows[2:])
        return replace(found, rows=(found.rows[0], *rows))

    monkeypatch.setattr(tables, "read", changed)
    monkeypatch.setattr(pages, "read", changed)


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_numbers_are_those_of_the_tables(page):
    shown = page.read_text(encoding="utf-8")
    renewed, wrong = pages.renewed(shown)
    assert wrong == []
    assert renewed == shown
    assert typed(shown) == []


def test_a_changed_table_makes_pages_stale(other_savings):
    renewed, wrong = pages.renewed((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [line.partition(": ")[2] for line in wrong] == ["table is stale"]
    assert "7.9 [7, 9]" in renewed
    assert pages.renewed(renewed) == (renewed, [])


def test_the_command_renews_and_checks(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"It needs 7 samples.\n<!-- numbers\n7 = {DENSE}\n-->\n", encoding="utf-8")
    monkeypatch.setattr(command, "pages", lambda: [page])
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for arguments, status in (("--check",), 1), ((), 0), (("--check",), 0):
        monkeypatch.setattr(sys, "argv", ["prose", *arguments])
        assert command.main() == status
    assert capsys.readouterr().err == f"page.md:3: 7 is {SHOWN}\n"
    assert page.read_text(encoding="utf-8").startswith(f"It needs {SHOWN} samples.\n<!--")


def test_numbers_stand_above_in_order():
    page = f"First ??, of 10 then\n10.\n<!-- numbers\n?? = {DENSE}\n10 = 5 + 5\n10 = 2 * 5\n-->\n"
    renewed, wrong = pages.renewed(page)
    assert renewed.startswith(f"First {SHOWN}, of 10 then\n10.\n")
    assert wrong == [f"4: ?? is {SHOWN}"]
    swapped = "Of 8 and 9.\n<!-- numbers\n9 = 9\n8 = 8\n-->\n"
    assert pages.renewed(swapped)[1] == ["4: 8 does not stand above, or not in this order"]


def test_a_number_may_be_broken_over_lines_and_is_not_part_of_another():
    broken = SHOWN.replace(" ", "\n", 1)
    page = f"At 1{SHOWN} or\n{broken}.\n<!-- numbers\n{SHOWN} = {DENSE}\n-->\n"
    assert pages.renewed(page) == (page, [])
    (found,) = pages.quoted(page)
    assert page[slice(*found.place)] == broken


def test_paragraphs_are_apart():
    page = f"It is {SHOWN}.\n\nIt is not.\n<!-- numbers\n{SHOWN} = {DENSE}\n-->\n"
    assert pages.renewed(page)[1] == [f"5: {SHOWN} does not stand above, or not in this order"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("nstar(0.05, arm=nobody)", "0 rows, not 1"),
        ("units(size=4)", "no column size"),
        ("units(", "SyntaxError"),
        ("nobody(4)", "TypeError"),
        ("open('x')", "TypeError"),
    ],
)
def test_a_query_without_an_answer_is_named(query, message):
    assert message in pages.renewed(f"4\n<!-- numbers\n4 = {query}\n-->\n")[1][0]
    assert "not a number" in pages.renewed("4\n<!-- numbers\n4 is four\n-->\n")[1][0]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("5 units.\n<!-- numbers\n5 = len(unitz)\n-->\n", "no table unitz"),
        (
            "0.\n<!-- numbers\n0 = len(bounds(bound_verdict=contradicted))\n-->\n",
            "bound_verdict is never",
        ),
        ("1.\n<!-- numbers\n1 = len(units) == 15\n-->\n", "is no number"),
        ("15 seeds, 15 units.\n<!-- numbers\n15 = len(units)\n-->\n", "more often"),
        ("See `15` there.\n<!-- numbers\n15 = len(units)\n-->\n", "does not stand above"),
        ("[a](b/15) there.\n<!-- numbers\n15 = len(units)\n-->\n", "does not stand above"),
        ("It is -15.\n<!-- numbers\n15 = len(units)\n-->\n", "does not stand above"),
        ("It is 15×10.\n<!-- numbers\n15 = len(units)\n-->\n", "does not stand above"),
        ("In [15, 20].\n<!-- numbers\n15 = len(units)\n-->\n", "does not stand above"),
        ("99 units.\n<!-- numbers 99 = len(units) -->\n", "no comment of numbers"),
        ("99 units.\n<!-- Number\n99 = len(units)\n-->\n", "no comment of numbers"),
        ("99 units.\n<!-- numbers\n99 = len(units)\n", "no comment of numbers"),
    ],
)
def test_what_is_nearly_right_is_wrong(page, message):
    (wrong,) = pages.renewed(page)[1]
    assert message in wrong


def test_a_part_of_a_longer_number_is_not_the_number():
    page = "From 7.4 to 16 or 7.4.\n<!-- numbers\n7.4 to 16 = '7.4 to 16'\n7.4 = 7.4\n-->\n"
    assert pages.renewed(page) == (page, [])


def test_missing_tables_are_named():
    with pytest.raises(tables.MissingNumberError, match="draw its figure"):
        tables.read(tables.FULL / "nothing.csv")
    with pytest.raises(tables.MissingNumberError, match="no setting"):
        tables.setting("units", "data", arm="nobody")


@pytest.mark.parametrize(
    "line",
    ["error 0.031", "4 ± 1", "12 % of all", "10 [9, 12]", "7 of 9", "1e-5", ".87", "??", "| 0.3 |"],
)
def test_typed_numbers_are_found(line):
    assert typed(f"So the\n{line}\n") != []


@pytest.mark.parametrize(
    "line",
    ["ε = 0.05", "95 % intervals", "Python 3.11", "`x = 0.3`", "$0.3$", "```text\n0.3\n```",
     "a loss\nof 0.03", "[here](0.3)", "labels ±1", "rate 0.2l", "<!-- 0.3 -->"],
)  # fmt: skip
def test_settings_code_and_formulas_are_not_results(line):
    assert typed(line) == []


def test_checked_tables_have_their_tests():
    found = [at for page in pages.pages() for at in CHECKED.findall(page.read_text("utf-8"))]
    assert found
    for path, name in found:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_comments_begin_lines():
    """Markdown takes them for comments of their own there, in a list and below a table too."""
    for page in pages.pages():
        shown = page.read_text(encoding="utf-8")
        assert len(pages.COMMENT.findall(shown)) == shown.count("<!-- numbers"), page
        assert not re.search(r"-->[^\n]", shown), page


def test_examples():
    for module in (pages, tables, text, queries):
        assert doctest.testmod(module).failed == 0


def test_numbers_as_text():
    assert text.interval(1 / 3, 0.1, 2) == "0.33 [0.1, 2]"
    assert text.percent(-0.05) == "−5 %"
    assert (text.spelled(3), text.spelled(40)) == ("three", "40")


def test_means_of_shares_stay_between_0_and_1():
    row = {"error_mean": "0.01", "error_std": "0.1", "n_draws": "4"}
    assert queries.mean(row, "error", 2) == "0.01 [0.00, 0.17]"
    assert queries.mean(row, "error", 2, complement=True) == "0.99 [0.83, 1.00]"
    assert queries.mean({"error": "0.5", "error_se": "0.1"}, "error", 3) == "0.500 [0.304, 0.696]"
    few = {"error": "0.5", "error_se": "0.1", "n_draws": "10"}
    assert queries.mean(few, "error", 3) == "0.500 [0.274, 0.726]"
