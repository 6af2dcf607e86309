"""Tables hold the objects' own text, in every form."""

import csv
import io

import pytest

from moe_theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    Table,
    cluster_table,
    complexity,
    complexity_table,
    cost_table,
    savings_table,
)
from moe_theory.cli import main

TABLES = {
    "complexity": complexity_table(),
    "savings": savings_table(),
    "costs": cost_table(),
    "clusters": cluster_table(),
}


def test_complexity_table_holds_the_twelve_bounds():
    table = complexity_table()
    for row, quantity in zip(table.rows, QUANTITIES, strict=True):
        assert row[0] == quantity
        for cell, architecture in zip(row[1:], ARCHITECTURES, strict=True):
            bound = complexity(quantity, architecture)
            assert cell.ratio(bound).expression == 1
            assert str(cell) == str(bound)
    assert "pMoE, joint requires l >= l*, k n ≤ m l." in table.notes


@pytest.mark.parametrize("name", TABLES)
def test_every_form_has_every_cell(name):
    table = TABLES[name]
    rows = list(csv.reader(io.StringIO(table.to_csv())))
    assert rows[0] == list(table.header)
    assert [tuple(row) for row in rows[1:]] == [tuple(str(c) for c in row) for row in table.rows]
    markdown, text = table.to_markdown(), str(table)
    for row in rows:
        assert "| " + " | ".join(row) + " |" in markdown
        assert all(cell in text for cell in row)
    latex = table.to_latex()
    assert latex.count(r"\\") == len(rows)
    assert latex.count("$") % 2 == 0
    assert not any(sign in latex for sign in "ε×≥⁸")
    page = table._repr_html_()
    assert page.count("<tr>") == len(rows)
    for cell in (cell for row in table.rows for cell in row if hasattr(cell, "latex")):
        assert f"${cell.latex()}$" in page
        assert f"${cell.latex()}$" in latex


def test_command_writes_what_the_tables_hold(tmp_path, capsys):
    assert main(["theory", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for name, table in TABLES.items():
        assert str(table) in shown
        assert (tmp_path / f"{name}.tex").read_text() == table.to_latex()
        assert (tmp_path / f"{name}.md").read_text() == table.to_markdown()
        assert (tmp_path / f"{name}.csv").read_text() == table.to_csv()


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row must be 2 cells long"):
        Table("t", ("a", "b"), (("1",),))
