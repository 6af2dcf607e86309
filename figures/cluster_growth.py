"""What a mixture of whole inputs needs: experts over the number of clusters, samples over d."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import Measurements, check, cluster_bounds
from moe_theory.experiments import size_thresholds
from moe_theory.plotting import (
    fit_rows,
    headline,
    interval_text,
    legend_below,
    number_ticks,
    plot_fit,
    plot_thresholds,
)

SIMULATION = ("../simulations/cluster_experts.py", "../simulations/cluster_samples.py")
EPSILON = 0.05
PATCH_DIM = 50
PANELS = {
    "n_experts": ("n_clusters", "clusters $K$", "experts needed $k$", "C2", "^", (2, 3, 4, 6, 8)),
    "n_train": ("patch_dim", "dimension of a patch $d$", "samples needed $N^*$", "C0", "o",
                (50, 100, 150, 200, 250)),
}  # fmt: skip


def draw(experts: Results, samples: Results) -> tuple[Figure, list[dict]]:
    needed = size_thresholds(experts, "n_experts", ("arm", "n_clusters"), EPSILON).rows
    found = {"n_experts": needed, "n_train": samples.select(epsilon=EPSILON).rows}
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    table = []
    for ax, (quantity, tried) in zip(figure.subplots(1, 2), found.items(), strict=True):
        x, symbol, label, colour, marker, ticks = PANELS[quantity]
        rows = [row for row in tried if row["censored"] != "below"]
        fit = fit_rows(rows, x)
        at = {"n_clusters": 4, "patch_dim": PATCH_DIM}
        table += (here := rows_of(quantity, x, at, rows))
        plot_thresholds(rows, ax, x=x, label=f"measured: {exponent(here[0])}", colour=colour,
                        marker=marker)  # fmt: skip
        xs = [row[x] for row in rows]
        plot_fit(fit, xs, ax, colour=colour)
        bound = cluster_bounds()[quantity]
        grid = np.geomspace(min(xs), max(xs), 40)
        grown = np.array([bound.evaluate(**(at | {x: float(place)})) for place in grid])
        middle = rows[len(rows) // 2]
        scale = middle["value"] / bound.evaluate(**(at | {x: middle[x]}))
        growth = f"growth of the bound, ${bound.latex()}$"
        ax.plot(grid, scale * grown, "k--", linewidth=1, label=growth)
        number_ticks(ax, xs)
        number_ticks(ax, ticks, "y")
        ax.set_xlabel(symbol)
        ax.set_ylabel(f"{label} to an error of {EPSILON:.0%}")
        ax.grid(alpha=0.3)
        legend_below(ax)
    headline(
        figure,
        "Experts needed grow with the number of clusters, more slowly than the bound; samples "
        "needed do not grow with the dimension",
        "cubic experts of 16 units, features and feature noise of one law, $σ$ = 1; 500 inputs for "
        "each cluster (left), 4 clusters and 8 experts (right); 95 % intervals",
    )
    return figure, table


def exponent(row: dict) -> str:
    """Return the exponent of the table with its interval, if sizes are enough for one."""
    if row["exponent"] is None or row["exponent_low"] is None or row["exponent_high"] is None:
        return "too few sizes for an exponent"
    ends = (row[name] for name in ("exponent", "exponent_low", "exponent_high"))
    return f"exponent {interval_text(*ends)}"


def rows_of(quantity: str, x: str, at: dict, rows: list[dict]) -> list[dict]:
    """Return thresholds, and beside each the verdict on the growth of all."""
    values = {**at, x: [row[x] for row in rows]}
    ends = ([row[name] for row in rows] for name in ("value", "low", "high"))
    found = check(
        cluster_bounds()[quantity], Measurements.from_intervals(values, *ends, what=quantity)
    )
    grown = {growth.name: growth for growth in found.growth}.get(x)
    return [
        {
            "quantity": quantity, "size": x, "at": row[x], "value": row["value"], "low": row["low"],
            "high": row["high"], "exponent": grown and grown.measured,
            "exponent_low": grown and grown.low, "exponent_high": grown and grown.high,
            "verdict": found.verdict,
        }
        for row in rows
    ]  # fmt: skip
