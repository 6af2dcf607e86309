"""N* of token choice with a balance loss, a bias or noise, over patches and experts."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import ratio
from moe_theory.plotting import headline, legend_below, number_ticks, open_ends, plot_thresholds

SIMULATION = "../simulations/practice_samples.py"
EPSILON = 0.1
ARMS = {
    "dense": ("dense", "0.4", "s"),
    "base": ("each patch chooses 1 expert", "C0", "o"),
    "balance": ("… with a balance loss, λ = 0.1", "C2", "^"),
    "bias": ("… with a loss-free bias, γ = 0.01", "C1", "v"),
    "noise": ("… with noise $N(0, 1)$ on the scores", "C3", "D"),
}
USUAL = {"n_patches": 32, "n_experts": 8}
AXES = {"n_patches": "patches per input $n$", "n_experts": "experts $k$"}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    found = results.select(epsilon=EPSILON).rows
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (size, label), other in zip(axes, AXES.items(), reversed(AXES), strict=True):
        for arm, (_, colour, marker) in ARMS.items():
            rows = [row for row in found if row["arm"] == arm and row[other] == USUAL[other]]
            curve(ax, sorted(rows, key=lambda row: row[size]), size, colour, marker)
        number_ticks(ax, sorted({row[size] for row in found if row[other] == USUAL[other]}))
        ax.set_xlabel(f"{label} ({other_text(other)})")
        ax.grid(alpha=0.3)
    for label, colour, marker in ARMS.values():
        axes[0].plot([], [], color=colour, marker=marker, label=label)
    axes[0].set_ylabel(f"samples $N^*$ to a mean error of {EPSILON:.0%}")
    legend_below(figure, ncols=2, size=9)
    headline(
        figure,
        "With 32 experts top-1 routing needs many times the samples, unless the load is balanced "
        "or, less so, the scores are noisy",
        "64 hidden units, one patch in $n$ tells the label; 95 % intervals; hollow: not reached "
        f"with the largest $N$, and the least it takes{open_ends(found)}",
    )
    return figure, [entry(row, found) for row in found]


def other_text(other: str) -> str:
    return f"$n$ = {USUAL[other]}" if other == "n_patches" else f"$k$ = {USUAL[other]}"


def curve(ax, rows: list[dict], size: str, colour: str, marker: str) -> None:
    plot_thresholds(rows, ax, x=size, label="", colour=colour, marker=marker)
    known = [row for row in rows if np.isfinite(row["value"])]
    ax.plot([r[size] for r in known], [r["value"] for r in known], color=colour, lw=1)


def entry(row: dict, found: list[dict]) -> dict:
    """Return a row of the table, with what the base needs over what this arm does."""
    sizes = {name: row[name] for name in USUAL}
    base = next(one for one in found if one["arm"] == "base" and sizes.items() <= one.items())
    saved = ratio(base, row)
    return {
        **sizes, "arm": row["arm"], "epsilon": EPSILON,
        **{name: row[name] for name in ("value", "low", "high", "censored", "n_runs")},
        "gain": saved.value, "gain_low": saved.low, "gain_high": saved.high,
    }  # fmt: skip
