"""Execute the notebooks, and keep what they show: text (*.py) in, *.ipynb beside it out.

``python notebooks/execute.py [notebook.py ...]``; ends with an error if any cell raises one.
"""

import os
import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient

HERE = Path(__file__).parent
# Code hosts do not show notebooks that are much larger.
LARGEST = 500_000


def execute(source: Path) -> None:
    """Run all cells of one notebook in a fresh kernel and write it with their outputs."""
    started = time.perf_counter()
    notebook = jupytext.read(source)
    # Cell ids are drawn at random; numbers keep the file the same where its content is.
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    # Versions of the machine that happened to run it.
    notebook.metadata.pop("language_info", None)
    target = source.with_suffix(".ipynb")
    jupytext.write(notebook, target)
    size = target.stat().st_size
    print(f"{target.name}: {time.perf_counter() - started:.0f} s, {size / 1000:.0f} kB", flush=True)
    if size > LARGEST:
        sys.exit(f"{target.name} has {size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    # With another backend than its own a kernel shows no figures.
    os.environ.pop("MPLBACKEND", None)
    for name in sys.argv[1:] or sorted(HERE.glob("[0-9]*.py")):
        execute(Path(name).resolve())
