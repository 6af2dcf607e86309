"""Gradient flow over SGD: loss, h(o₁) − h(o₂), router alignment and gates of three networks."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results

SIMULATION = "../simulations/flow.py"
ARMS = {
    "dense": "dense, $m$ = 40",
    "separate": "separate, $k$ = 2, $l$ = 2: routers are frozen",
    "joint": "joint, $k$ = 4, $l$ = 4",
}
PANELS = {
    "loss": "mean loss",
    "contrast": "$h(o_1) - h(o_2)$",
    "alignment": "cosine of router and $o_1 - o_2$",
    "gate_positive": "mean gate of $o_1$, $y = +1$",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(12, 12), layout="constrained")
    axes = figure.subplots(len(PANELS), len(ARMS), sharex="col")
    for column, (arm, title) in enumerate(ARMS.items()):
        row = results.select(arm=arm, draw=0).rows[0]
        times = np.array(row["times"])
        for ax, (name, label) in zip(axes[:, column], PANELS.items(), strict=True):
            if row[f"flow_{name}"] is None:
                ax.set_axis_off()
                continue
            draw_curves(ax, row, name, times)
            ax.set_ylabel(label)
            ax.grid(alpha=0.3)
        axes[0, column].set_title(title, fontsize=10)
        axes[0, column].set_yscale("log")
        axes[1 if arm == "dense" else -1, column].set_xlabel("τ = learning rate × steps")
        axes[1 if arm == "dense" else -1, column].tick_params(labelbottom=True)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[2, 0].legend(handles, labels, loc="center", fontsize=9)
    figure.suptitle(
        "Gradient flow and SGD from the same weights, $N$ = 60, $n$ = 16, $p$ = 64, $B$ = 20; "
        "one colour per expert",
        fontsize=10,
    )
    return figure, [deviations(row) for row in results.rows]


def draw_curves(ax, row, name, times):
    """Draw one quantity; a column of the arrays for each expert."""
    sgd, std, flow, limit = (
        np.array(row[column]).reshape(len(times), -1)
        for column in (f"sgd_{name}", f"sgd_{name}_std", f"flow_{name}", f"population_{name}")
    )
    for s in range(sgd.shape[1]):
        low, high = sgd[:, s] - std[:, s], sgd[:, s] + std[:, s]
        names = ["SGD, mean ± std over orders of batches", "flow on the samples",
                 "flow on the population"] if s == 0 else [None] * 3  # fmt: skip
        colour = f"C{s}"
        ax.fill_between(times, low, high, color=colour, alpha=0.35, linewidth=0)
        ax.plot(times[::4], sgd[::4, s], ".", color=colour, label=names[0])
        ax.plot(times, flow[:, s], color=colour, label=names[1])
        ax.plot(times, limit[:, s], color=colour, linestyle=":", label=names[2])


def deviations(row):
    """Return the largest distance of the mean of SGD from both flows, and its deviation."""
    out = {"arm": row["arm"], "draw": row["draw"]}
    for name in (*PANELS, "test_error"):
        for column in ("off_flow", "off_corrected", "std"):
            out[f"{name}_{column}"] = None
        if row[f"flow_{name}"] is None:
            continue
        mean = np.array(row[f"sgd_{name}"])
        for kind in ("flow", "corrected"):
            gap = np.abs(mean - np.array(row[f"{kind}_{name}"])).max()
            out[f"{name}_off_{kind}"] = round(float(gap), 6)
        out[f"{name}_std"] = round(float(np.max(row[f"sgd_{name}_std"])), 6)
    return out
