"""The gap between pMoE and the dense network on digits, counted in four ways."""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, legend_below, n_draws

SIMULATION = "../simulations/digit_metric.py"
ARMS = {"separate": "pMoE, separate training", "joint": "pMoE, joint training"}
INPUTS = {"fresh": ("fresh inputs", "-"), "one subset": ("one subset", "--")}
THRESHOLDS = {"0": ("0", "C0", "o"), "half": ("0.5", "C3", "s")}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(9.5, 5.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    table = [
        row_of(results, arm, inputs, threshold)
        for arm, inputs, threshold in product(ARMS, INPUTS, THRESHOLDS)
    ]
    for ax, (arm, title) in zip(axes, ARMS.items(), strict=True):
        for place, row in enumerate(row for row in table if row["arm"] == arm):
            curve(ax, results, row, 11 * (place - 1.5))
        ax.axhline(0, color="k", linewidth=0.8)
        ax.set_xlabel("training samples $N$")
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy minus that of the dense CNN, points")
    legend_below(figure, ncols=2, size=9)
    height, width = image_shape(results)
    headline(
        figure,
        "To count only outputs above 0.5 as positive turns joint training's lead into a deficit at "
        "the smallest $N$, and widens it at all others",
        f"{height}×{width} digits, $n$ = 16; mean ± standard deviation of pairs over "
        f"{n_draws(results)} draws; one subset: all draws are trained on the same inputs",
    )
    return figure, table


def image_shape(results):
    """Return height and width of the digits, whose description stands in the first setting."""
    return results.setting()["data"]["pools"]["image_shape"]


def gaps(results, arm, inputs, threshold, n_train):
    """Return the differences to the dense network in points, one per draw."""
    column = f"accuracy_{threshold}"
    here = {
        name: np.array(
            results.select(arm=name, inputs=inputs, n_train=n_train).column(column).tolist()
        )
        for name in (arm, "dense")
    }
    return 100 * (here[arm] - here["dense"])


def row_of(results, arm, inputs, threshold):
    row = {"arm": arm, "inputs": inputs, "threshold": THRESHOLDS[threshold][0]}
    for n_train in results.unique("n_train"):
        found = gaps(results, arm, inputs, threshold, n_train)
        row[f"gap_{n_train}"] = round(float(found.mean()), 3)
        row[f"std_{n_train}"] = round(float(found.std(ddof=1)), 3)
        for name in (arm, "dense"):
            here = results.select(arm=name, inputs=inputs, n_train=n_train)
            mean, std, _ = here.mean_std(f"accuracy_{threshold}")
            kind = "dense" if name == "dense" else "pmoe"
            row[f"{kind}_{n_train}"] = round(mean, 4)
            row[f"{kind}_std_{n_train}"] = round(std, 4)
    return row | {"n_draws": len(found)}


def curve(ax, results, row, shift):
    sizes = results.unique("n_train")
    label, colour, marker = next(x for x in THRESHOLDS.values() if x[0] == row["threshold"])
    what, style = INPUTS[row["inputs"]]
    ax.errorbar(
        [n + shift for n in sizes],
        [row[f"gap_{n}"] for n in sizes], [row[f"std_{n}"] for n in sizes],
        color=colour, marker=marker, linestyle=style, capsize=2,
        label=f"positive beyond {label}, {what}",
    )  # fmt: skip
