"""What the committed tables of the figures hold: simulated N*(ε), and trainings as films.

In a checkout they lie where they are drawn, in ``figures/full``; a wheel has copies of them here.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

NAMES = ("sample_complexity", "predictions", "advice", "film")
COPIES = Path(__file__).with_name("tables")
DRAWN = Path(__file__).parents[2] / "figures" / "full"
# Its table leaves out what is the same in all rows.
N_IRRELEVANT = {"sample_complexity": 256}
ARMS = ("dense", "separate", "joint")
Row = dict[str, str]


def read_table(name: str) -> list[Row]:
    """Return the rows of a table, as text.

    Examples
    --------
    >>> read_table("advice")[0]["arm"] in ("dense", "separate", "joint")
    True
    """
    folder = COPIES if COPIES.is_dir() else DRAWN
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def simulated_points() -> list[dict[str, Any]]:
    """Return all N*(ε) that were simulated under the conventions of `advise`, each once.

    Operations are known where the table `advice` has them.

    Examples
    --------
    >>> point = simulated_points()[0]
    >>> point["samples"][1] <= point["samples"][0] <= point["samples"][2]
    True
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for table, rows in (
        ("sample_complexity", read_table("sample_complexity")),
        ("advice", [r for r in read_table("advice") if r["goal"] == "samples"]),
        ("predictions", [r for r in read_table("predictions") if r["quantity"] == "samples"]),
    ):
        for row in rows:
            point = _point(table, row)
            if point is not None:
                found.setdefault(_key(point), point)
    for row in read_table("advice"):
        point = _point("advice", row) if row["goal"] == "flops" else None
        if point is not None and _key(point) in found:
            found[_key(point)]["flops"] = point["samples"]
    return list(found.values())


def _point(table: str, row: Row) -> dict[str, Any] | None:
    """Return a simulated N*, or None if it has no interval or is of another training."""
    value = "simulated" if "simulated" in row else "value"
    before = "simulated_" if "simulated_low" in row else ""
    if row.get("censored") or row["arm"] not in ARMS:
        return None
    ends = [float(row[name] or "nan") for name in (value, f"{before}low", f"{before}high")]
    if not all(map(math.isfinite, ends)):
        return None
    n, dense = int(row["n_patches"]), row["arm"] == "dense"
    return {
        "arm": row["arm"],
        "n_patches": n,
        "n_irrelevant": int(row.get("n_irrelevant") or N_IRRELEVANT[table]),
        "n_routed": n if dense else int(row["n_routed"]),
        "n_experts": 1 if dense else int(row["n_experts"]),
        "epsilon": float(row.get("epsilon") or 0.05),  # `advice` has one ε
        "samples": ends,
        "table": table,
    }


def _key(point: dict[str, Any]) -> tuple[Any, ...]:
    names = ("arm", "n_patches", "n_irrelevant", "n_routed", "n_experts", "epsilon")
    return tuple(point[name] for name in names)
