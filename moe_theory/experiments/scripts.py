"""Experiments and figures that live in files of the user: how they are found, run and drawn.

A simulation file defines ``experiment(scale)``, which returns an object whose ``run(path,
progress=...)`` returns `Results`, such as `Sweep`, `SampleStudy` or `TrainingStudy`. A figure file
names one in ``SIMULATION``, or several in a tuple, and defines ``draw(results, ...)``, which takes
the results of each and returns a matplotlib ``Figure`` and the table behind it as a list of dicts.
If columns of that table hold or contain predictions, it names them in the tuple ``PREDICTED``.
"""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import joblib
from joblib.parallel import get_active_backend
from PIL import Image
from PIL.Image import open as open_image

from moe_theory._paths import expanded
from moe_theory._validation import choice, reject
from moe_theory.experiments.results import Results
from moe_theory.experiments.table_files import write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALES = ("quick", "full")


class Experiment(Protocol):
    """What a simulation file returns."""

    def run(self, path: Path, *, progress: bool, mix_versions: bool = False) -> Results:
        """Run what ``path`` does not hold yet."""


def load_script(path: str | Path, needed: tuple[str, ...]) -> ModuleType:
    """Import the Python file ``path`` and check that it defines the names ``needed``.

    Raises
    ------
    ValueError
        If there is no such file or a name is missing.
    """
    file = expanded(path)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise reject("script", str(path), "a Python file that exists")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in needed if not hasattr(module, name)]
    if missing:
        raise reject("script", str(path), f"a file that defines {', '.join(missing)}")
    return module


def simulations_of(figure: str | Path) -> list[Path]:
    """Return the simulation files that a figure file names.

    Raises
    ------
    ValueError
        If there is no such figure file, or it names none.
    """
    named = load_script(figure, ("SIMULATION",)).SIMULATION
    names = named if isinstance(named, tuple) else (named,)
    return [expanded(figure).parent / name for name in names]


def run_simulation(
    path: str | Path,
    scale: str,
    *,
    store: str | Path = "results",
    progress: bool = True,
    mix_versions: bool = False,
) -> Results:
    """Run the experiment of a simulation file, or what is missing of it.

    Runs go to processes, unless ``joblib.parallel_config`` names something else: where trainings
    are short, or measures are Python, threads would wait for each other.

    Parameters
    ----------
    path : path
        The simulation file.
    scale : {"quick", "full"}
        Passed to its ``experiment``.
    store : path
        Folder of the rows, in ``<scale>/<name of the file>.jsonl``.
    progress : bool
        Show a bar on standard error.
    mix_versions : bool
        Add rows to those that other versions made; see `Sweep.run`.
    """
    choice("scale", scale, SCALES)
    experiment: Experiment = load_script(path, ("experiment",)).experiment(scale)
    rows = expanded(store) / scale / f"{Path(path).stem}.jsonl"
    how = {"mix_versions": True} if mix_versions else {}
    backend, n_jobs = get_active_backend()
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        return experiment.run(rows, progress=progress, **how)


def draw_figure(
    path: str | Path,
    scale: str,
    *,
    store: str | Path = "results",
    out: str | Path | None = None,
    progress: bool = True,
    mix_versions: bool = False,
) -> Path:
    """Draw a figure file, running its simulations first where results are missing.

    The picture, its table (CSV) and what made it (JSON; by simulation, if there are several) go
    to the folder ``<scale>`` in ``out``, by default beside the file.

    Returns
    -------
    Path
        The picture.
    """
    module = load_script(path, ("SIMULATION", "draw"))
    several = isinstance(module.SIMULATION, tuple)
    simulations = simulations_of(path)
    results = [
        run_simulation(simulation, scale, store=store, progress=progress, mix_versions=mix_versions)
        for simulation in simulations
    ]
    figure, table = module.draw(*results)
    base = expanded(out or Path(path).parent) / scale / Path(path).stem
    base.parent.mkdir(parents=True, exist_ok=True)
    _save(figure, base.with_suffix(".png"))
    write_table(base.with_suffix(".csv"), table, predicted=getattr(module, "PREDICTED", ()))
    names = [simulation.stem for simulation in simulations]
    configs = {name: found.config for name, found in zip(names, results, strict=True)}
    made = configs if several else results[0].config
    base.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return base.with_suffix(".png")


def _save(figure: Figure, path: Path) -> None:
    """Write a picture with 256 colours, which look the same and take a third of the bytes.

    The palette covers what is rare, too, such as the marker of a single point.
    """
    written = io.BytesIO()
    figure.savefig(written, dpi=150, format="png")
    with open_image(written) as image:
        few = image.convert("RGB").quantize(
            256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )
    few.save(path, optimize=True)
