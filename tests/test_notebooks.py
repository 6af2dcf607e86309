"""The notebooks run as they stand, and what is shown of them is of the present text."""

import json
import re
import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9]*.py"))
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def text_cells(source):
    """Return type and source of the cells of a notebook in percent format."""
    parts = re.split(r"^# %%(.*)$", source.read_text(), flags=re.MULTILINE)
    for kind, body in zip(parts[1::2], parts[2::2], strict=True):
        if "[markdown]" in kind:
            yield "markdown", re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE).strip()
        else:
            yield "code", body.strip()


def shown(source):
    return json.loads(source.with_suffix(".ipynb").read_text())["cells"]


def test_there_are_notebooks():
    assert len(SOURCES) == len(list(FOLDER.glob("*.ipynb"))) == 4


@every_notebook
def test_outputs_are_of_the_present_text(source):
    cells = shown(source)
    found = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells]
    assert found == list(text_cells(source))
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))


@every_notebook
def test_outputs_hold_figures_and_no_errors(source):
    outputs = [out for cell in shown(source) for out in cell.get("outputs", ())]
    assert "error" not in {out["output_type"] for out in outputs}
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 2
    # Progress bars go there, and warnings would.
    logs = ["".join(out["text"]) for out in outputs if out.get("name") == "stderr"]
    assert all(re.fullmatch(r"\s*100%\|.*\|.*\[.*\]\s*", log) for log in logs), logs
    assert source.with_suffix(".ipynb").stat().st_size < 500_000


@every_notebook
def test_links_lead_somewhere(source):
    links = re.findall(r"\]\(([^)#]+)\)", source.read_text())
    assert all((FOLDER / link).exists() for link in links), links


@pytest.mark.slow
@every_notebook
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_notebook_runs(source, monkeypatch):
    monkeypatch.chdir(FOLDER)
    with mpl.rc_context():
        mpl.use("agg")
        runpy.run_path(str(source))
