"""Predicted against simulated N*(ε): one step, and networks trained to a small loss.

No prediction has a free parameter. Intervals of N* contain the spread of both sides. The table
holds errors at given N, too.
"""

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from moe_theory import SGD, DenseCNN, PatchPatterns, Results
from moe_theory.experiments import agreement, ratio_width, size_thresholds, student_interval
from moe_theory.plotting import headline, number_ticks, summary_rows
from moe_theory.predictions import one_step_error

SIMULATION = (
    "../simulations/one_step.py",
    "../simulations/predictions.py",
    "../simulations/joint_predictions.py",
)
PREDICTED = ("predicted", "ratio", "wide", "ratio_low", "ratio_high")
EPSILON = (0.2, 0.1, 0.05, 0.02)
LABELS = ("arm", "n_patches", "n_irrelevant", "n_routed", "n_experts")
TITLES = {
    "one step": "dense, after one full-batch step",
    "dense": "dense, after training",
    "separate": "separate, after training",
    "joint": "joint, after training",
}
ACCURACY = {"one step": 0.05, "dense": 0.15, "separate": 0.15, "joint": 0.15}
# Random training sets come in so many groups, from which the spread of a prediction is taken; for
# joint training in thousands.
GROUPS = {"dense": 8, "separate": 8, "joint": None}
VERDICTS = {
    "within": ("within the band", "C0", "o"),
    "undecided": ("beyond it, by less than the interval", "C1", "s"),
    "outside": ("surely beyond it", "C3", "X"),
}


def draw(one_step: Results, trained: Results, joint: Results) -> tuple[Figure, list[dict]]:
    rows = [*map(one_step_row, one_step.rows), *map(trained_row, [*trained.rows, *joint.rows])]
    results = Results({}, rows)
    table = []
    for arm in TITLES:
        here = results.select(arm=arm)
        table += [*error_rows(here), *sample_rows(here)]
    return plot(table), table


def plot(table: list[dict]) -> Figure:
    figure = Figure(figsize=(9.6, 8.0), layout="constrained")
    found = [row for row in table if row["quantity"] == "samples"]
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax in axes[1]:
        ax.set_xlabel("simulated $N^*$ to $ε$ = 0.2, 0.1, 0.05, 0.02")
    for ax in axes[:, 0]:
        ax.set_ylabel("predicted / simulated $N^*$ − 1")
    for ax, arm in zip(axes.flat, TITLES, strict=True):
        draw_samples(ax, arm, [row for row in found if row["arm"] == arm])
    figure.legend(
        handles=[
            Line2D([], [], color=colour, marker=marker, label=label)
            for label, colour, marker in VERDICTS.values()
        ]
        + [Patch(color="0.9", label="accuracy that is claimed")],
        loc="outside lower center", ncols=4, fontsize=8, frameon=False,
    )  # fmt: skip
    inside = [row["verdict"] == "within" for row in found]
    headline(
        figure,
        f"The samples $N^*$ that a network needs are predicted without a free parameter: "
        f"{sum(inside)} of {len(inside)} come out within the band",
        "orthonormal patterns, $m$ = 40, training to a loss of 0.03; 95 % intervals with the "
        "spread of prediction and simulation",
    )
    return figure


@cache
def after_one_step(n: int, p: int, n_train: int) -> float:
    patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
    sgd = SGD(float(n), batch_size=n_train, n_steps=1)
    return one_step_error(patterns, DenseCNN(40, init_std=1e-5), sgd, n_train).error


def one_step_row(row: dict) -> dict:
    n = row["n_patches"]
    known = after_one_step(n, row["n_irrelevant"], row["n_train"])
    return {**row, "arm": "one step", "n_routed": n, "n_experts": 1, "predicted": known,
            "predicted_low": known, "predicted_high": known}  # fmt: skip


def trained_row(row: dict) -> dict:
    error = row["predicted"]
    low, high = map(float, student_interval(error, row["predicted_se"], GROUPS[row["arm"]]))
    n_experts = {"dense": 1, "separate": 2}.get(row["arm"]) or row["n_experts"]
    return {**row, "n_experts": n_experts, "predicted_low": max(low, error / 4),
            "predicted_high": high}  # fmt: skip


def error_rows(results: Results) -> list[dict]:
    """Return one row per setting and N: both errors, and the interval of their ratio."""
    rows = []
    for labels in dict.fromkeys(tuple(row[name] for name in LABELS) for row in results.rows):
        here = results.select(**dict(zip(LABELS, labels, strict=True)))
        for row in summary_rows(here, ["test_error", "predicted_high"], x="n_train"):
            at = here.select(n_train=row["n_train"]).rows[0]
            simulated, se = row["test_error_mean"], row["test_error_std"] / row["n_draws"] ** 0.5
            low, high = map(float, student_interval(simulated, se, row["n_draws"]))
            known = at["predicted"]
            wide = np.hypot(high - simulated, at["predicted_high"] - known) / max(simulated, 1e-9)
            rows.append(judged({
                **dict(zip(LABELS, labels, strict=True)), "quantity": "error", "epsilon": None,
                "n_train": row["n_train"], "n_draws": row["n_draws"], "simulated": simulated,
                "simulated_low": low, "simulated_high": high,
                "predicted": known, "ratio": known / max(simulated, 1e-9), "wide": wide,
            }))  # fmt: skip
    return rows


def sample_rows(results: Results) -> list[dict]:
    """Return one row per setting and ε that the N tried enclose on both sides."""
    columns = ("test_error", "predicted", "predicted_low", "predicted_high")
    found = [
        size_thresholds(results, "n_train", LABELS, EPSILON, column=name).rows for name in columns
    ]
    rows = []
    for simulated, known, fewer, more in zip(*found, strict=True):
        inside = [row["censored"] is None for row in (simulated, known)]
        if not all(inside) or not np.isfinite(simulated["high"]):
            continue
        wide = ratio_width((simulated["low"], simulated["high"]), (fewer["value"], more["value"]))
        rows.append(judged({
            **{name: simulated[name] for name in LABELS}, "quantity": "samples", "n_train": None,
            "epsilon": simulated["epsilon"], "n_draws": simulated["n_draws"],
            "simulated": simulated["value"], "simulated_low": simulated["low"],
            "simulated_high": simulated["high"], "predicted": known["value"],
            "ratio": known["value"] / simulated["value"], "wide": wide,
        }))  # fmt: skip
    return rows


def judged(row: dict) -> dict:
    """Say whether a prediction is as close as is claimed, and if not, why."""
    found = agreement(row["ratio"], row["wide"], ACCURACY[row["arm"]])
    why = reason(row)
    if found.verdict == "within":
        why = ""
    elif found.holds_equality:
        why = "equality lies within the interval"
    elif found.verdict == "undecided" and why == "not known":
        why = "the interval reaches the bound"
    return {**row, "wide": found.wide, "ratio_low": found.low, "ratio_high": found.high,
            "verdict": found.verdict, "reason": why}  # fmt: skip


def reason(row: dict) -> str:
    """Name the approximation that is known to be poor there, see docs/theory."""
    level = row["epsilon"] or row["simulated"]
    size = row["simulated"] if row["quantity"] == "samples" else row["n_train"]
    if row["arm"] == "joint":
        return (
            "few experts: the flow sticks where patches swap"
            if row["n_experts"] < 4
            else ("tail: few of the trainings drawn err" if level < 0.03 else "not known")
        )
    if level < 0.01:
        return "tail: few draws err"
    if size < 12:
        return "N so small that single ties decide"
    return "not known"


def draw_samples(ax: Axes, arm: str, rows: list[dict]) -> None:
    for row in rows:
        at, low, high = (row[name] - 1 for name in ("ratio", "ratio_low", "ratio_high"))
        _, colour, marker = VERDICTS[row["verdict"]]
        ax.errorbar(
            row["simulated"], at, [[at - low], [high - at]], color=colour, marker=marker,
            markersize=4, linewidth=0.7,
        )  # fmt: skip
    bound = ACCURACY[arm]
    ax.axhspan(-bound, bound, color="0.9", zorder=0)
    ax.axhline(0, color="k", linewidth=0.8, zorder=5)
    inside = sum(row["verdict"] == "within" for row in rows)
    ax.set_title(f"{TITLES[arm]}: {inside} of {len(rows)} within ±{bound:.0%}", fontsize=9)
    ax.set_xscale("log")
    number_ticks(ax, [5, 10, 20, 50, 100, 200, 400])
    ax.set_ylim(-0.6, 0.6)
