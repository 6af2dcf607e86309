"""Operations of training until a network errs no more than the dense one does at its end."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import ratio
from moe_theory.plotting import (
    headline,
    legend_below,
    look,
    number_ticks,
    open_ends,
    plot_thresholds,
)

SIMULATION = "../simulations/training_cost.py"
ARMS = {
    "patterns": {"dense": "dense", "separate": "separate, $l$ = 2", "joint": "joint, $l$ = 8"},
    "digits": {"dense": "dense", "separate": "separate, $l$ = 2", "joint": "joint, $l$ = 4"},
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 5.2), layout="constrained")
    table = []
    for ax, (name, arms) in zip(figure.subplots(1, 2), ARMS.items(), strict=True):
        here = results.select(data=name, quantity="flops")
        for place, (arm, label) in enumerate(arms.items()):
            colour, marker = look(arm, list(arms))
            rows = here.select(arm=arm).rows
            shift = 1.03 ** (place - 1)
            plot_thresholds(
                rows, ax, x="n_train", label=label, colour=colour, marker=marker, shift=shift
            )
            reached = [row for row in rows if row["value"] < float("inf")]
            ax.plot(
                [row["n_train"] * shift for row in reached], [row["value"] for row in reached],
                color=colour, linewidth=1,
            )  # fmt: skip
            for row in rows:
                dense = here.select(arm="dense", n_train=row["n_train"]).rows[0]
                saved = ratio(dense, row)
                table.append(
                    {"data": name, "arm": arm, "n_train": row["n_train"], "n_draws": row["n_runs"],
                     "error_of_dense": row["epsilon"], "flops": row["value"], "low": row["low"],
                     "high": row["high"], "saving": saved.value, "saving_low": saved.low,
                     "saving_high": saved.high}
                )  # fmt: skip
        n, draws = here.rows[0]["n_patches"], here.rows[0]["n_runs"]
        ax.set_title(f"{name}, $n$ = {n}; {draws} draws", fontsize=9)
        ax.set_xlabel("training samples $N$")
        ax.set_ylabel("operations of training, routers included")
        number_ticks(ax, here.unique("n_train"))
        legend_below(ax, ncols=3)
        ax.grid(alpha=0.3)
    drawn = [{**row, "value": row["flops"]} for row in table]
    headline(
        figure,
        finding(table),
        "to the mean test error that the dense network has at its end; fractions: medians over "
        "$N$; 95 % intervals" + open_ends(drawn),
    )
    return figure, table


def finding(table: list[dict]) -> str:
    """Say how many times the operations of the pMoE the dense network took, at the median."""
    saved = {
        (name, arm): np.median([row["saving"] for row in table
                                if (row["data"], row["arm"]) == (name, arm)])
        for name in ARMS for arm in ("separate", "joint")
    }  # fmt: skip
    return (
        "pMoE reaches the error of the dense network with a fraction of its operations: "
        + "; ".join(
            f"{name} 1/{rounded(saved[name, 'separate'])} (separate), "
            f"1/{rounded(saved[name, 'joint'])} (joint)"
            for name in ARMS
        )
    )


def rounded(value: float) -> int:
    """Return two digits of a number."""
    return int(float(f"{value:.2g}"))
