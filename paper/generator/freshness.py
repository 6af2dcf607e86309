"""Whether committed results are those that the present simulation files would make."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from moe_theory.experiments.scripts import load_script
from prose.tables import FULL, MNIST, ROOT, made_of

FIGURES = ROOT / "figures"
# Changes of a function's source, by the first digits of its hash, that leave these results alone.
SAME_RESULTS = {
    ("b80caa45", "76acf4a3"): "`measurements` takes token choice too; the rest is as it was",
}


def stale(figures: Iterable[str]) -> list[str]:
    """Return one line per result whose configuration differs from the present one."""
    return [line for name in figures for line in differences(name)] + mnist_differences()


def differences(figure: str) -> list[str]:
    """Compare what made a full-scale figure with what its simulations would run now."""
    committed = FULL / f"{figure}.json"
    where = committed.relative_to(ROOT)
    if not committed.is_file():
        return [f"{where} is missing"]
    made = made_of(committed)
    names = load_script(FIGURES / f"{figure}.py", ("SIMULATION",)).SIMULATION
    files = [FIGURES / name for name in ([names] if isinstance(names, str) else names)]
    lines = []
    for file in files:
        old = (made if isinstance(names, str) else made[file.stem])["experiment"]
        if place := first_difference(old, present(file.resolve(), "full")):
            lines.append(f"{where} is stale: simulations/{file.stem}.py differs at {place}")
    return lines


@cache
def present(simulation: Path, scale: str) -> dict[str, Any]:
    """Return the configuration of a simulation file as it stands, as plain JSON."""
    experiment = load_script(simulation, ("experiment",)).experiment(scale)
    plain: dict[str, Any] = json.loads(json.dumps(experiment.config()["experiment"]))
    return plain


def mnist_differences() -> list[str]:
    """Compare networks, SGD, seed and test inputs of the MNIST table with the present ones.

    Its digits are fetched, not committed, so that the data cannot be compared here, and an earlier
    form of the simulation file made it.
    """
    committed = MNIST / "digit_accuracy.json"
    where = committed.relative_to(ROOT)
    if not committed.is_file():
        return [f"{where} is missing"]
    old = made_of(committed)["experiment"]
    new = present((ROOT / "simulations" / "digit_accuracy.py").resolve(), "full")
    arms = old.get("arms", {})
    lines = [name for name in ("n_test", "seed") if old[name] != new[name]]
    lines += [name for name, arm in arms.items() if arm["model"] not in new["model"]]
    lines += [name for name, arm in arms.items() if arm["sgd"] not in new["sgd"]]
    return [f"{where} is stale: simulations/digit_accuracy.py differs in {name}" for name in lines]


def first_difference(old: Any, new: Any, place: str = "") -> str:
    """Return where two JSON values differ first, and how; empty if they are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            if name not in old or name not in new:
                return f"{place}.{name} ({'added' if name in new else 'removed'})"
            if found := first_difference(old[name], new[name], f"{place}.{name}"):
                return found
        return ""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            if found := first_difference(first, second, f"{place}[{index}]"):
                return found
        return ""
    same = old == new or (_short_hash(old), _short_hash(new)) in SAME_RESULTS
    return "" if same else f"{place.lstrip('.')}: {_short(old)} then, {_short(new)} now"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _short_hash(value: Any) -> str:
    return value[:8] if isinstance(value, str) else ""
