"""The theorems of pruning against measurement: change of router norms, and experts needed."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import Measurements, check, pruning_bounds
from moe_theory.experiments import student_interval
from moe_theory.plotting import (
    headline,
    interval_text,
    legend_below,
    number_ticks,
    plot_slope,
)

SIMULATION = "../simulations/router_norms.py"

# The size that grows, and per bound what is measured, its name, colour and marker.
STUDIED = {
    "patch_dim": (
        ("relevant", "carries_change", "experts that carry the task", "C3", "o"),
        ("irrelevant", "receives_change", "receive it with gates below ½", "C1", "v"),
        ("irrelevant", "never_change", "never receive it (hollow)", "C0", "s"),
        ("relevant", "proficient_change", "P24: proficient for half of the inputs", "C4", "P"),
        ("irrelevant", "hardly_change", "P24: proficient for 1/d of them at most", "C2", "X"),
    ),
    "n_routed": (("kept", "kept", "without further fine-tuning", "C2", "^"),),
    "n_experts": (
        ("kept_fine_tuned", "kept_tuned", "with further fine-tuning", "C4", "D"),
        ("kept_fine_tuned", "kept", "without", "C2", "^"),
    ),
}
# How the need of experts grows with k stands in the table.
DRAWN = ("patch_dim", "n_routed")
FRACTIONS = (0.05, 0.1, 0.2, 0.4)
PARAMETER = {"patch_dim": "patch_dim", "n_routed": "gamma", "n_experts": "n_experts"}
LABELS = {
    "patch_dim": ("dimension $d$, with $p = d - 6$ patterns", "mean change of norm $\\Delta_s$"),
    "n_routed": (
        "fraction of experts that are relevant $1 - \\gamma$",
        "fraction of experts needed",
    ),
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    table, losses = [], results.unique("loss")
    figure = Figure(figsize=(9.6, 0.8 + 4.6 * len(losses)), layout="constrained")
    rows = figure.subplots(len(losses), len(DRAWN), squeeze=False)
    for axes, loss in zip(rows, losses, strict=True):
        panels = dict(zip(DRAWN, axes, strict=True))
        for size, curves in STUDIED.items():
            here, ax = results.select(loss=loss, size=size), panels.get(size)
            for bound, column, *look in curves:
                row, curve = judge(here, size, bound, column)
                table.append(row)
                if ax is not None:
                    draw_curve(ax, row, curve, bound, *look)
            if ax is not None:
                ax.set_xlabel(LABELS[size][0])
                ax.set_ylabel(LABELS[size][1])
                ax.set_title(f"{loss} loss", fontsize=10)
                ax.grid(alpha=0.3)
                legend_below(ax)
    violated = [row["verdict"] for row in table].count("violated")
    n_draws = len(results.unique("draw"))
    headline(
        figure,
        "After fine-tuning one expert per class is nearly enough, fewer than the theorem's "
        f"$1-\\gamma$; {violated} of {len(table)} of the theorems' rates are violated",
        f"a task of 2 % of pre-training, orthonormal patterns, $n$ = 16; means of {n_draws} draws "
        "with 95 % intervals; numbers: measured exponents. Dotted: the theorems, to the left "
        "their slopes through the first point. P24: Chowdhury et al. (2024)",
    )
    return figure, table


def judge(here: Results, size: str, bound_name: str, column: str) -> tuple[dict, np.ndarray]:
    """Return exponent and verdict of one measured quantity, and its curve.

    The curve has the places, the means and the ends of their intervals in its rows.
    """
    groups = [here.select(value=value) for value in here.unique("value")]
    if size == "n_routed":
        groups.sort(key=lambda group: -group.mean_std("irrelevant")[0])
    stats = np.array([group.mean_std(column) for group in groups])
    mean, error = stats[:, 0], stats[:, 1] / np.sqrt(stats[:, 2])
    places = np.array([group.rows[0]["value"] for group in groups], float)
    if size == "n_routed":
        places = 1 - np.array([group.mean_std("irrelevant")[0] for group in groups])
    bound = pruning_bounds()[bound_name]
    values = 1 - places if size == "n_routed" else places
    measured = Measurements({PARAMETER[size]: values}, mean, np.maximum(error / mean, 1e-3))
    found = check(bound, measured)
    growth = found.growth[0]
    row = {
        "loss": here.rows[0]["loss"], "size": size, "quantity": column, "bound": str(bound),
        "kind": bound.kind,
        "bound_exponent": growth.bound, "measured": round(growth.measured, 4),
        "low": round(growth.low, 4), "high": round(growth.high, 4), "curved": growth.curved,
        "verdict": found.verdict, "reason": growth.reason,
        "values": " ".join(f"{x:.4g}" for x in places),
        "means": " ".join(f"{x:.4g}" for x in mean),
        "standard_errors": " ".join(f"{x:.2g}" for x in error),
        "n_draws": int(stats[0, 2]), **held(here.rows, bound_name, column),
    }  # fmt: skip
    return row, np.array([places, mean, *student_interval(mean, error, int(stats[0, 2]))])


def draw_curve(
    ax: Axes, row: dict, curve: np.ndarray, bound_name: str, name: str, colour: str, marker: str
) -> None:
    """Draw one measured quantity with the bound's slope."""
    places, mean, low, high = curve
    label = f"{name}: {interval_text(row['measured'], row['low'], row['high'])}"
    if row["verdict"] == "violated":
        label += ", violated"
    hollow = {"mfc": "none", "markersize": 11} if row["quantity"] == "never_change" else {}
    ax.errorbar(
        places, mean, [mean - low, high - mean], color=colour, marker=marker, capsize=2,
        label=label, **hollow,
    )  # fmt: skip
    number_ticks(ax, np.round(places, 2 if row["size"] == "n_routed" else 0))
    ax.tick_params(axis="x", labelsize=8)
    if row["size"] == "patch_dim":
        ax.set_yscale("log")
        ax.set_ylim(5e-5, 5)
        slope = {"relevant": 0.0, "irrelevant": -0.5}[bound_name]
        plot_slope(slope, (places[0], mean[0]), places, ax, label=None)
    else:
        number_ticks(ax, FRACTIONS, "y")
        ax.set_ylim(0.03, 0.75)
        ax.plot(places, places, color="0.3", linestyle=":", label="$1 - \\gamma$, the theorem's")
        ax.axhline(2 / 32, color="0.6", linewidth=1, label="one expert per class")


def held(rows, bound_name, column):
    """Return in how many trainings the fraction 1 − γ of experts was enough, as it is claimed."""
    if bound_name != "kept":
        return {"n_held": None, "n_trainings": None}
    enough = [row[column] <= 1 - row["irrelevant"] + 1e-9 for row in rows]
    return {"n_held": sum(enough), "n_trainings": len(enough)}
