"""All tables computed anew and compared with the committed ones."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from moe_theory._paths import expanded
from moe_theory._validation import choice, reject
from moe_theory._versions import versions
from moe_theory.experiments.scripts import SCALES, draw_figure, load_script, simulations_of
from moe_theory.experiments.store import difference
from moe_theory.experiments.table_files import TableComparison, compare_tables

# Variables that choose code paths in the libraries, and so may change bits.
CHOOSE_CODE = ("BLIS_", "GLIBC_", "MKL_", "MOE_THEORY_", "NPY_", "NUMBA_", "OPENBLAS_")


def verify_figures(
    files: Sequence[str | Path],
    scale: str,
    *,
    out: str | Path = "results/verify",
    committed: str | Path | None = None,
    progress: bool = True,
) -> Iterator[TableComparison]:
    """Draw figure files from nothing, and compare their tables with the committed ones.

    Each table is compared as soon as it is computed. No rows of earlier runs are used, unless a
    verification by the same code was stopped: then it goes on.

    Parameters
    ----------
    files : sequence of path
        The figure files.
    scale : {"quick", "full"}
        Scale of the simulations.
    out : path
        Folder of what is computed: pictures and tables in ``<scale>``, raw rows in ``rows``.
    committed : path, optional
        Folder of what is committed, ``<scale>/<name>.csv`` and ``.json``; by default that of the
        figure file.
    progress : bool
        Show a bar per simulation on standard error.

    Yields
    ------
    TableComparison
        One per table, and one more where the configuration that made it differs.

    Raises
    ------
    ValueError
        If ``out`` is where the committed tables are.
    """
    choice("scale", scale, SCALES)
    paths, out = [expanded(file) for file in files], expanded(out)
    here = out / scale
    folders = {path: expanded(committed or path.parent) / scale for path in paths}
    if here.resolve() in {folder.resolve() for folder in folders.values()}:
        raise reject("out", str(out), "another folder than that of the committed tables")
    rows = out / "rows"
    marker = _begin(rows / scale, _code(paths))
    for path, folder in folders.items():
        draw_figure(path, scale, store=rows, out=out, progress=progress)
        predicted = getattr(load_script(path, ()), "PREDICTED", ())
        tables, settings = (
            [each / f"{path.stem}{suffix}" for each in (folder, here)]
            for suffix in (".csv", ".json")
        )
        yield compare_tables(*tables, predicted=predicted)
        yield from compare_configurations(*settings)
    marker.unlink()


def compare_configurations(committed: Path, computed: Path) -> Iterator[TableComparison]:
    """Yield a comparison if two tables were made by different settings; versions may differ.

    Examples
    --------
    >>> import tempfile
    >>> paths = [Path(tempfile.mkdtemp()) / "table.json" for _ in range(2)]
    >>> for path, n_draws in zip(paths, (5, 6)):
    ...     made = {"experiment": {"n_draws": n_draws}, "versions": {"numpy": "2.0"}}
    ...     _ = path.write_text(json.dumps(made))
    >>> for found in compare_configurations(*paths):
    ...     print(found)
    table, configuration: differs, experiment.n_draws: 5 there, 6 here
    """
    name = f"{computed.stem}, configuration"
    if not committed.is_file():
        yield TableComparison(name, "differs", f"no {committed.name} is committed")
        return
    theirs, ours = (
        _settings(json.loads(path.read_text(encoding="utf-8"))) for path in (committed, computed)
    )
    if theirs != ours:
        yield TableComparison(name, "differs", difference(theirs, ours))


def other_versions(
    files: Sequence[str | Path], scale: str, committed: str | Path | None = None
) -> list[str]:
    """Return what the committed tables were made with, where it is not what runs here."""
    here = versions()
    found: dict[str, None] = {}
    for file in map(expanded, files):
        path = expanded(committed or file.parent) / scale / f"{file.stem}.json"
        if not path.is_file():
            continue
        made = json.loads(path.read_text(encoding="utf-8"))
        for one in [made] if "versions" in made else made.values():
            for name, version in one["versions"].items():
                if version != here.get(name):
                    found[f"{name} {version}, here {here.get(name)}"] = None
    return list(found)


def compare_folders(committed: Path, computed: Path) -> Iterator[TableComparison]:
    """Compare every file of the folder ``computed`` with that of the same name, byte by byte.

    Examples
    --------
    >>> import tempfile
    >>> folders = [Path(tempfile.mkdtemp()) for _ in range(2)]
    >>> for folder in folders:
    ...     _ = (folder / "costs.md").write_text("1")
    >>> [found.verdict for found in compare_folders(*folders)]
    ['equal bit for bit']
    """
    for path in sorted(computed.iterdir()):
        known = committed / path.name
        name = f"{committed.name}/{path.name}"
        if known.is_file() and known.read_bytes() == path.read_bytes():
            yield TableComparison(name, "equal bit for bit")
        else:
            yield TableComparison(
                name, "differs", "in text" if known.is_file() else "not committed"
            )


def _settings(made: dict[str, Any]) -> dict[str, Any]:
    """Drop the versions, of one simulation or of several."""
    if "versions" in made:
        return {name: value for name, value in made.items() if name != "versions"}
    return {name: _settings(value) for name, value in made.items()}


def _begin(rows: Path, code: str) -> Path:
    """Make ``rows`` an empty folder, unless the same code was stopped there; return its mark."""
    marker = rows / "unfinished"
    rows.mkdir(parents=True, exist_ok=True)
    if not marker.is_file() or marker.read_text(encoding="utf-8") != code:
        for path in rows.glob("*.jsonl"):
            path.unlink()
        marker.write_text(code, encoding="utf-8")
    return marker


def _code(figures: Sequence[Path]) -> str:
    """Return a digest of all that may change a row: sources, versions, machine, environment."""
    package = Path(__file__).parents[1]
    sources = {path for path in package.rglob("*") if path.suffix in (".py", ".csv")}
    sources |= {simulation for figure in figures for simulation in simulations_of(figure)}
    whole = hashlib.sha256()
    for path in sorted(sources):
        whole.update(f"{path} {path.stat().st_size}\n".encode())
        whole.update(path.read_bytes())
    chosen = {name: value for name, value in os.environ.items() if name.startswith(CHOOSE_CODE)}
    chosen.pop("NUMBA_CACHE_DIR", None)
    about = [versions(), platform.node(), sorted(chosen.items())]
    whole.update(json.dumps(about).encode())
    return whole.hexdigest()
