"""Accuracy and dispatch entropy on clusters: single networks and mixtures, linear and cubic."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import ClusterSignal, Results
from moe_theory.bounds import patch_sum_floor
from moe_theory.plotting import headline, legend_below, n_draws

SIMULATION = "../simulations/clusters.py"
ARMS = {
    ("mixture", "cubic"): ("mixture of cubic experts", "C2", "^"),
    ("mixture", "linear"): ("mixture of linear experts", "C4", "v"),
    ("single", "cubic"): ("one cubic network, as many units", "C0", "o"),
    ("single", "linear"): ("one linear network, as many units", "C1", "s"),
}
SETTINGS = (1, 2, 3, 4)
LAWS = {
    1: "1: noise may be\nlarger, σ = 1",
    2: "2: noise may be\nlarger, σ = 2",
    3: "3: same laws,\nσ = 1",
    4: "4: same laws,\nσ = 2",
}
# What the released notebooks of C22 print: test accuracy, its standard deviation over ten runs, and
# the dispatch entropy. Their single networks of 128 units are trained by Adam from large weights.
RELEASED = {
    (1, "single", "linear"): (0.709375, None, None),
    (1, "single", "cubic"): (0.785375, None, None),
    (1, "mixture", "linear"): (0.930, 0.0211, 1.300),
    (1, "mixture", "cubic"): (1.0, None, 0.0),
    (4, "single", "linear"): (0.746312, None, None),
    (4, "single", "cubic"): (0.686, None, None),
    (4, "mixture", "linear"): (0.933, 0.0148, 1.160),
}
COLUMNS = ("accuracy", "train_accuracy", "entropy", "n_used")


def draw(results: Results) -> tuple[Figure, list[dict]]:
    table = [
        summary(results, number, arm, activation)
        for number in SETTINGS
        for activation in ("linear", "cubic")
        for arm in ("single", "single_small", "mixture")
    ]
    figure = Figure(figsize=(10.5, 5.2), layout="constrained")
    accuracy, entropy = figure.subplots(1, 2)
    for place, ((arm, activation), (label, colour, marker)) in enumerate(ARMS.items()):
        rows = [row for row in table if (row["arm"], row["activation"]) == (arm, activation)]
        shift = 0.09 * (place - 1.5)
        points(accuracy, rows, "accuracy", shift, label, colour, marker)
        ghosts(accuracy, rows, "accuracy", shift, colour, marker)
        if arm == "mixture":
            ghosts(entropy, rows, "entropy", shift, colour, marker)
            points(entropy, rows, "entropy", shift, None, colour, marker)
    for number in SETTINGS:
        most = 1 - patch_sum_floor(ClusterSignal.published(number))
        accuracy.plot(
            [number - 0.3, number + 0.3], [most, most], "k--", linewidth=1,
            label="most that a sum over patches can reach" if number == 1 else None,
        )  # fmt: skip
    entropy.axhline(np.log(4), color="k", linestyle=":", label="every expert serves all 4 alike")
    accuracy.set_ylim(0.5, 1.02)
    entropy.set_ylim(-0.03, 1.5)
    accuracy.set_ylabel("test accuracy, fraction of inputs")
    entropy.set_ylabel("entropy of the cluster given the expert, nats")
    for ax in (accuracy, entropy):
        ax.set_xticks(SETTINGS, [LAWS[number] for number in SETTINGS], fontsize=8)
        ax.grid(alpha=0.3, axis="y")
    legend_below(figure, ncols=3, size=9)
    row = results.rows[0]
    headline(
        figure,
        "Whole inputs: cubic experts part the clusters, linear ones do not and err more; "
        "no single network comes near what a sum over patches could",
        f"settings of Chen et al. (2022); 8 experts of 16 units; $N$ = {row['n_train']:,}; means "
        f"of {n_draws(results)} draws with 95 % intervals; hollow: printed by the released code",
    )
    return figure, table


def summary(results: Results, number: int, arm: str, activation: str) -> dict:
    """Return means over draws with intervals, and standard deviations."""
    here = results.select(setting=number, arm=arm, activation=activation)
    row = {"setting": number, "arm": arm, "activation": activation, "n_draws": len(here.rows)}
    for name in COLUMNS:
        if here.rows[0][name] is None:
            row |= {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_std": None}
            continue
        found = here.mean_std(name)
        low, high = found.interval()
        top = {"entropy": np.log(4), "n_used": 8.0}.get(name, 1.0)
        row |= {
            name: found.mean,
            f"{name}_low": max(low, 0.0),
            f"{name}_high": min(high, top),
            f"{name}_std": found.std,
        }
    known = RELEASED.get((number, arm, activation), (None, None, None))
    names = ("released_accuracy", "released_accuracy_std", "released_entropy")
    return row | dict(zip(names, known, strict=True))


def ghosts(ax, rows, name, shift, colour, marker):
    """Draw what the released notebooks print, hollow."""
    known = [row for row in rows if row[f"released_{name}"] is not None]
    ax.plot(
        [row["setting"] + shift for row in known], [row[f"released_{name}"] for row in known],
        color=colour, marker=marker, mfc="none", markersize=9, linestyle="none",
    )  # fmt: skip


def points(ax, rows, name, shift, label, colour, marker):
    value, low, high = (
        np.array([row[key] for row in rows]) for key in (name, f"{name}_low", f"{name}_high")
    )
    ax.errorbar(
        np.array([row["setting"] for row in rows]) + shift, value, [value - low, high - value],
        color=colour, marker=marker, linestyle="none", capsize=2, label=label,
    )  # fmt: skip
