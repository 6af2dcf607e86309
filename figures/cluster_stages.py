"""Stages of training on clusters: experts specialise, the router follows, errors fall."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, legend_below, n_draws, plot_curve, summary_rows

SIMULATION = "../simulations/cluster_stages.py"
ARMS = {"cubic": ("cubic experts", "C2", "^"), "linear": ("linear experts", "C4", "v")}
PANELS = {
    "expert_share": "share of an expert's best feature",
    "router_lead": "lead of the best router for a centre",
    "entropy": "entropy of the cluster given the expert, nats",
    "test_error": "test error, fraction of inputs",
}
CHANCE = {"expert_share": 0.25, "entropy": np.log(4)}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(12.5, 4.6), layout="constrained")
    for ax, (column, label) in zip(figure.subplots(1, 4), PANELS.items(), strict=True):
        for arm, (name, colour, marker) in ARMS.items():
            plot_curve(results.select(arm=arm), column, ax, x="n_steps", label=name,
                       colour=colour, marker=marker)  # fmt: skip
        if column in CHANCE:
            ax.axhline(CHANCE[column], color="k", linestyle=":", label="all clusters alike")
        ax.set_ylim(bottom=0)
        ax.set_xlabel("steps")
        ax.set_ylabel(label)
    legend_below(figure, ncols=3, size=9)
    row = results.rows[0]
    headline(
        figure,
        "Cubic experts specialise first, then the router follows and parts the clusters; with "
        "linear experts it does so only in part",
        f"setting 3 of Chen et al. (2022); $N$ = {row['n_train']:,}; means of {n_draws(results)} "
        "draws in bands of 95 %",
    )
    return figure, summary_rows(results, [*PANELS, "n_used"], x="n_steps")
