"""Gradient flow over SGD: loss, h(o₁) − h(o₂), router alignment and gates of three networks."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from moe_theory import Results
from moe_theory.plotting import headline, mean_interval

SIMULATION = "../simulations/flow.py"
ARMS = {
    "dense": "dense, $m$ = 40",
    "separate": "separate, $k$ = 2, $l$ = 2: routers are frozen",
    "joint": "joint, $k$ = 4, $l$ = 4",
}
CURVES = ("loss", "contrast", "alignment", "gate_positive")
LABELS = {
    "loss": "mean training loss",
    "contrast": "$h(o_1) - h(o_2)$: output of all units for\n$o_1$ less that for $o_2$",
    "alignment": "cosine of router and $o_1 - o_2$",
    "gate_positive": "mean gate of $o_1$ in inputs with $y = +1$",
}
LIMITS = {"alignment": (-1, 1), "gate_positive": (0, 1)}
PREDICTED = tuple(
    f"{name}_off_{kind}" for name in (*CURVES, "test_error") for kind in ("flow", "corrected")
)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.5, 10.5), layout="constrained")
    axes = figure.subplots(3, len(ARMS))
    for column, (arm, title) in enumerate(ARMS.items()):
        rows = results.select(arm=arm).rows
        for ax, name in zip(axes[:, column], ("loss", "contrast"), strict=False):
            draw_curves(ax, rows, name)
        axes[0, column].set_title(title, fontsize=10)
        axes[0, column].set_yscale("log")
        axes[0, column].yaxis.set_minor_formatter(NullFormatter())
    for ax, name in zip(axes[2, 1:], ("alignment", "gate_positive"), strict=True):
        draw_curves(ax, rows, name)
        ax.set_title("joint: one colour per expert", fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[2, 0].legend(handles, labels, loc="center", fontsize=9, frameon=False)
    axes[2, 0].set_axis_off()
    headline(
        figure,
        "The mean of SGD follows gradient flow on its samples, in all three networks; flow on the "
        "population is another limit",
        "the same weights at the start, $N$ = 60, $n$ = 16, $p$ = 64, $B$ = 20; "
        f"means over {len(results.unique('draw'))} seeds of data and weights, with 10 orders of "
        "batches each; experts ordered by their alignment in the end",
    )
    return figure, [deviations(row, results) for row in results.rows]


def draw_curves(ax, rows, name):
    """Draw one quantity, averaged over seeds; a column of the arrays for each expert."""
    times = np.array(rows[0]["times"])
    sgd, flow, limit = (
        np.stack([ordered(row, f"{kind}_{name}") for row in rows])
        for kind in ("sgd", "flow", "population")
    )
    mean = sgd.mean(axis=0)
    for s in range(mean.shape[1]):
        names = ["SGD, mean and 95 % interval over seeds", "flow on the samples",
                 "flow on the population"] if s == 0 else [None] * 3  # fmt: skip
        colour = f"C{s}"
        low, high = mean_interval(sgd[:, :, s], limits=LIMITS.get(name))
        ax.fill_between(times, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(times[::4], mean[::4, s], ".", color=colour, label=names[0])
        ax.plot(times, flow[:, :, s].mean(axis=0), color=colour, label=names[1])
        ax.plot(times, limit[:, :, s].mean(axis=0), color=colour, linestyle=":", label=names[2])
    ax.set_xlabel("time $τ$ = learning rate × steps")
    ax.set_ylabel(LABELS[name])
    ax.grid(alpha=0.3)


def ordered(row, column):
    """Return a curve as (times, experts), the most aligned expert first."""
    curve = np.array(row[column]).reshape(len(row["times"]), -1)
    if curve.shape[1] == 1:
        return curve
    return curve[:, np.argsort(-np.array(row["sgd_alignment"])[-1])]


def deviations(row, results):
    """Return the largest distance of the mean of SGD from both flows, and its deviations.

    ``std`` is over orders of batches and ``seed_std`` over seeds, where it is largest.
    """
    out = {"arm": row["arm"], "draw": row["draw"]}
    for name in (*CURVES, "test_error"):
        for column in ("off_flow", "off_corrected", "std", "seed_std"):
            out[f"{name}_{column}"] = None
        if row[f"flow_{name}"] is None:
            continue
        mean = np.array(row[f"sgd_{name}"])
        for kind in ("flow", "corrected"):
            gap = np.abs(mean - np.array(row[f"{kind}_{name}"])).max()
            out[f"{name}_off_{kind}"] = round(float(gap), 6)
        over_seeds = [
            ordered(other, f"sgd_{name}") for other in results.select(arm=row["arm"]).rows
        ]
        out[f"{name}_seed_std"] = round(float(np.std(over_seeds, axis=0, ddof=1).max()), 6)
        out[f"{name}_std"] = round(float(np.max(row[f"sgd_{name}_std"])), 6)
    return out
