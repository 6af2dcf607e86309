"""Joint training at fixed N: accuracy at every number of experts k and of routed patches l."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, mean_interval, plot_cells

SIMULATION = "../simulations/joint.py"


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.0, 4.8), layout="constrained")
    table = []
    for ax, name in zip(figure.subplots(1, 2), ("patterns", "digits"), strict=True):
        here = results.select(data=name)
        n, n_train = here.rows[0]["n_patches"], here.rows[0]["n_train"]
        rows = [{**row, "accuracy": 1 - row["test_error"]} for row in here.rows]
        image = plot_cells(
            Results({}, rows), "accuracy", ax, x="n_routed", y="n_experts",
            cmap="viridis", limits=(0.5, 1.0),
        )  # fmt: skip
        write_cells(ax, Results({}, rows))
        ax.tick_params(axis="x", rotation=0)
        ax.set_xlabel("patches per expert $l$")
        ax.set_ylabel("experts $k$, of 40 units in all")
        ax.set_title(f"{name}, $n$ = {n}, $N$ = {n_train}", fontsize=10)
        for n_experts in here.unique("n_experts"):
            for n_routed in here.unique("n_routed"):
                mean, std, count = here.mean_std(
                    "test_error", n_experts=n_experts, n_routed=n_routed
                )
                table.append(
                    {"data": name, "n_train": n_train, "n_experts": n_experts,
                     "n_routed": n_routed, "n_draws": count,
                     "test_error_mean": mean, "test_error_std": std}
                )  # fmt: skip
    figure.colorbar(image, ax=figure.axes, label="mean test accuracy (½: guessing)")
    headline(
        figure,
        "Joint training gains from more experts and from more patches per expert; with $l$ = 1 "
        "it fails",
        f"in each cell the mean of {count} draws and its 95 % interval",
    )
    return figure, table


def write_cells(ax: Axes, results: Results) -> None:
    """Write mean and interval into every cell."""
    for i, n_experts in enumerate(sorted(results.unique("n_experts"))):
        for j, n_routed in enumerate(sorted(results.unique("n_routed"))):
            values = results.select(n_experts=n_experts, n_routed=n_routed).column("accuracy")
            low, high = mean_interval(values, limits=(0, 1))
            text = f"{np.mean(values):.3f}\n{low:.2f}–{high:.2f}"
            dark = np.mean(values) < 0.8
            ax.text(j, i, text, ha="center", va="center", fontsize=7, color="w" if dark else "k")
