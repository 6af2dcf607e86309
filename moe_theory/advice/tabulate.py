"""Make the table of predicted errors and steps over N."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import joblib

from moe_theory._paths import expanded
from moe_theory._progress import progress_bar
from moe_theory._validation import reject
from moe_theory.advice.conventions import (
    N_PATCHES,
    RATIOS,
    SIZES,
    network_of,
    networks,
    patterns_of,
    training_of,
)
from moe_theory.models import JointMoE
from moe_theory.predictions.joint.error import JointError, joint_error
from moe_theory.predictions.trained.error import TrainedError, trained_error

COLUMNS = (
    "arm", "n_patches", "ratio", "n_routed", "n_experts", "n_train", "error", "standard_error",
    "steps",
)  # fmt: skip
ENOUGH, HOPELESS = 0.01, 0.4
JOINT_DRAWS = 128
Key = tuple[str, int, int, int, int]
Row = dict[str, str | int | float]


def tabulate(path: str | os.PathLike[str], *, n_workers: int | None = None) -> int:
    """Write all predictions that ``path`` lacks, as they come; return how many were made.

    Parameters
    ----------
    path : path
        A csv file; it is made, or gone on with. Networks of which a killed run left only a part
        are predicted again.
    n_workers : int, optional
        Processes; all cores by default.

    Returns
    -------
    int
        Number of networks predicted now, each at several N.

    Raises
    ------
    ValueError
        If the file holds something else.

    Notes
    -----
    Takes half an hour on two cores.
    """
    path = expanded(path)
    known = _clean(path)
    wanted = [
        (arm, n, ratio, n_routed, k)
        for n in N_PATCHES
        for ratio in RATIOS
        for arm, n_routed, k in networks(n)
        if (arm, n, ratio, n_routed, k) not in known
    ]
    jobs = joblib.Parallel(n_workers or -1, return_as="generator_unordered")(
        joblib.delayed(predict)(*key) for key in wanted
    )
    with progress_bar(len(wanted), "network", shown=True) as bar:
        for rows in jobs:
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(f"{_line(row)}\n" for row in rows))
            bar.update()
    return len(wanted)


def predict(arm: str, n: int, ratio: int, n_routed: int, n_experts: int) -> list[Row]:
    """Return the predicted errors and steps of one network, over N until ε < 0.01.

    Examples
    --------
    >>> rows = predict("separate", 16, 2, 2, 2)
    >>> [row["n_train"] for row in rows][:3], rows[0]["error"] > 0.1 > rows[-1]["error"]
    ([4, 6, 8], True)
    """
    patterns = patterns_of(n, n * ratio)
    network, sgd = network_of(arm, n_routed, n_experts), training_of(n_routed)
    common: Row = {"arm": arm, "n_patches": n, "ratio": ratio, "n_routed": n_routed,
                   "n_experts": n_experts}  # fmt: skip
    rows: list[Row] = []
    for size in SIZES:
        found: JointError | TrainedError
        with warnings.catch_warnings():
            # What is tabulated at the border of the theory's domain, docs/theory/advice.md says.
            warnings.simplefilter("ignore")
            if isinstance(network, JointMoE):
                found = joint_error(patterns, network, sgd, size, JOINT_DRAWS)
            else:
                found = trained_error(patterns, network, sgd, size)
        rows.append({**common, "n_train": size, "error": round(found.error, 5),
                     "standard_error": round(found.standard_error, 5),
                     "steps": round(found.n_steps, 1)})  # fmt: skip
        # As they are written, so that a table read again is known to be whole.
        if _is_last([float(row["error"]) for row in rows]):
            break
    return rows


def _is_last(errors: Sequence[float]) -> bool:
    """Return whether a network needs no larger N after these errors."""
    hopeless = len(errors) > 6 and errors[-1] > HOPELESS
    return errors[-1] < ENOUGH or hopeless or len(errors) == len(SIZES)


def _clean(path: Path) -> set[Key]:
    """Leave only whole networks in the file, which is made if need be; return which they are."""
    header = ",".join(COLUMNS)
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else header
    except UnicodeDecodeError:
        text = ""
    lines = text.splitlines()
    if lines[:1] != [header]:
        raise reject("path", os.fspath(path), f"a new file, or one with columns {COLUMNS}")
    if not text.endswith("\n"):
        lines[1:] = lines[1:-1]  # a kill may have cut the last number
    found: dict[Key, list[Row]] = {}
    for row in csv.DictReader(lines):
        with suppress(TypeError, ValueError):
            found.setdefault(_key(row), []).append(_row(row))
    whole = {key: rows for key, rows in found.items() if _is_whole(rows)}
    made = "\n".join([header, *map(_line, chain(*whole.values())), ""])
    if made != text:
        # Replaced at once, so that a kill leaves one of the two.
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(made, encoding="utf-8", newline="\n")
        draft.replace(path)
    return set(whole)


def _is_whole(rows: Sequence[Row]) -> bool:
    errors = [float(row["error"]) for row in rows]
    ends = [_is_last(errors[: place + 1]) for place in range(len(errors))]
    in_order = [row["n_train"] for row in rows] == list(SIZES[: len(rows)])
    return in_order and ends.index(True) == len(ends) - 1 if any(ends) else False


def _line(row: Row) -> str:
    return ",".join(str(row[name]) for name in COLUMNS)


def _row(row: dict[str, str]) -> Row:
    numbers = {name: int(row[name]) for name in COLUMNS[1:6]}
    return {"arm": row["arm"], **numbers, **{name: float(row[name]) for name in COLUMNS[6:]}}


def _key(row: dict[str, str]) -> Key:
    n, ratio, n_routed, k = (int(row[name]) for name in COLUMNS[1:5])
    return row["arm"], n, ratio, n_routed, k
