"""Whole inputs, patches or neither: what six networks take on three kinds of data."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import ratio
from moe_theory.plotting import headline, legend_below, open_ends, plot_intervals

SIMULATION = (
    "../simulations/whole_inputs.py",
    "../simulations/whole_inputs_cost.py",
    "../simulations/whole_inputs_routing.py",
)
EPSILON = 0.15
DATA = {
    "patterns": ("patterns: one patch\nin {n} tells the label", "C0", "o"),
    "clusters": ("clusters: a feature and\nits centre tell it together", "C3", "D"),
    "digits": ("digits: one image\nin {n} tells the label", "C2", "^"),
}
ARMS = {
    "dense": "dense,\n40 units",
    "dense_small": "dense,\n5 units",
    "whole_input": "whole inputs\nchoose 1 of 8",
    "token_choice": "patches\nchoose 1 of 8",
    "separate": "2 experts\nchoose,\nrouters first",
    "joint": "8 experts\nchoose,\ntrained jointly",
}
QUANTITIES = {"N*": "samples $N^*$", "operations": "operations of training"}
ROUTING = ("test_error", "train_error", "router_success", "router_gate", "n_used",
           "largest_share", "entropy")  # fmt: skip


def draw(samples: Results, cost: Results, routing: Results) -> tuple[Figure, list[dict]]:
    found = {"N*": samples, "operations": cost.select(quantity="flops")}
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    table = []
    for ax, (quantity, results) in zip(figure.subplots(1, 2), found.items(), strict=True):
        for place, (name, (label, colour, marker)) in enumerate(DATA.items()):
            rows = [results.select(data=name, arm=arm, epsilon=EPSILON).rows[0] for arm in ARMS]
            n = rows[0]["n_patches"]
            points = [{**row, "place": at + 0.13 * (place - 1)} for at, row in enumerate(rows)]
            plot_intervals(
                points, ax, x="place", colour=colour, marker=marker, label=label.format(n=n)
            )
            table += [saving(quantity, rows[0], row, routing) for row in rows]
        ax.set_xticks(range(len(ARMS)), list(ARMS.values()), fontsize=8)
        ax.set_ylabel(f"{QUANTITIES[quantity]} to a mean error of {EPSILON:.0%}")
        ax.grid(alpha=0.3, axis="y")
    legend_below(figure, ncols=3, size=9)
    headline(
        figure,
        "Routing whole inputs saves samples only where clusters matter; experts that choose "
        "patches, trained jointly, never need more than that",
        f"$ε$ = {EPSILON}; 95 % intervals; hollow: not reached with the largest $N$, or at the end "
        f"of training, and the least it takes{open_ends(table)}",
    )
    return figure, table


def saving(quantity: str, dense: dict, row: dict, routing: Results) -> dict:
    """Return what ``row`` takes, what the dense network takes over it, and how it routes."""
    saved = ratio(dense, row)
    labels = {name: row[name] for name in ("data", "n_patches", "arm")}
    here = routing.select(**labels)
    known = {
        name: float(np.mean([one[name] for one in here.rows]))
        for name in ROUTING
        if here.rows[0][name] is not None
    }
    return {
        **labels, "quantity": quantity, "epsilon": EPSILON,
        **{name: row[name] for name in ("value", "low", "high", "censored")},
        "saving": saved.value, "saving_low": saved.low, "saving_high": saved.high,
        "text": str(saved),
        "n_runs": row["n_runs"], "n_train": here.rows[0]["n_train"],
        **{name: known.get(name) for name in ROUTING},
    }  # fmt: skip
