"""What the README shows runs as it stands."""

import csv
import re
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundled = load_digits()
    exec(block, {"images": bundled.images / 16, "labels": bundled.target})


def test_files_exist():
    for path in re.findall(r"\]\(([a-z]\S*?)\)", README):
        assert (ROOT / path).exists(), path


def test_savings_are_those_of_the_figure():
    rows = read("savings")
    for quantity in ("N*", "operations"):
        for line in savings_lines(rows, quantity):
            assert line in README


def test_verdicts_are_those_of_the_figure():
    for line in verdict_lines(read("bounds")):
        assert line in README


def read(figure: str) -> list[dict[str, str]]:
    with (ROOT / "figures" / "full" / f"{figure}.csv").open() as file:
        return list(csv.DictReader(file))


def savings_lines(rows, quantity):
    """Return the lines of the table of savings: data and network, then n/l = 2, 4, 8, 16, 32."""
    kinds = dict.fromkeys((row["data"], row["arm"], row["n_experts"]) for row in rows)
    for data, arm, n_experts in kinds:
        cells = {
            float(row["n_over_l"]): row["text"]
            for row in rows
            if (row["data"], row["arm"], row["quantity"]) == (data, arm, quantity)
        }
        shown = [cells.get(at, "–") for at in (2, 4, 8, 16, 32)]
        if cells:
            yield f"| {data}, {arm}, *k* = {n_experts} | " + " | ".join(shown) + " |"


def verdict_lines(rows):
    """Return the lines of the table of verdicts: bound, then growth in every size."""
    for quantity, arm in dict.fromkeys((row["quantity"], row["arm"]) for row in rows):
        here = [row for row in rows if (row["quantity"], row["arm"]) == (quantity, arm)]
        growth = "; ".join(growth_text(row) for row in here if row["measured"])
        first = here[0]
        yield f"| {quantity}, {arm} | {first['bound']} | {growth} | {first['bound_verdict']} |"


def growth_text(row):
    measured, low, high = (f"{float(row[name]):.2f}" for name in ("measured", "low", "high"))
    star = "*" if row["curved"] == "True" else ""
    return (
        f"{row['size']}{star}: {measured} [{low}, {high}], bound {float(row['bound_exponent']):g}"
    )
