"""Make the table of predicted errors and steps over N."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path

import joblib
from tqdm import tqdm

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
        A csv file; it is made, or gone on with.
    n_workers : int, optional
        Processes; all cores by default.

    Returns
    -------
    int
        Number of networks predicted now, each at several N.

    Notes
    -----
    Takes half an hour on two cores.
    """
    path = Path(path)
    if not path.exists():
        path.write_text(",".join(COLUMNS) + "\n")
    with path.open() as file:
        known = {_key(row) for row in csv.DictReader(file)}
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
    for rows in tqdm(jobs, total=len(wanted), unit="network"):
        with path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerows(rows)
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
        if found.error < ENOUGH or (len(rows) > 6 and found.error > HOPELESS):
            break
    return rows


def _key(row: dict[str, str]) -> Key:
    n, ratio, n_routed, k = (int(row[name]) for name in COLUMNS[1:5])
    return row["arm"], n, ratio, n_routed, k
