"""Dense network after one step: predicted against simulated error, without free parameters."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import SGD, DenseCNN, PatchPatterns, Results
from moe_theory.experiments import student_interval
from moe_theory.plotting import headline, legend_below, number_ticks
from moe_theory.predictions import one_step_error, one_step_error_asymptotic

SIMULATION = "../simulations/one_step.py"
PREDICTED = ("predicted", "asymptotic")
# To the left are the curves of one p only.
SHOWN = 256


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    table = []
    colours = {n: f"C{place}" for place, n in enumerate(sorted(results.unique("n_patches")))}
    for n, p in dict.fromkeys((r["n_patches"], r["n_irrelevant"]) for r in results.rows):
        here = results.select(n_patches=n, n_irrelevant=p)
        rows = []
        for n_train in sorted(here.unique("n_train")):
            mean, std, count = here.mean_std("test_error", n_train=n_train)
            patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
            sgd = SGD(float(n), batch_size=n_train, n_steps=1)
            known = one_step_error(patterns, DenseCNN(40, init_std=1e-5), sgd, n_train)
            limit = one_step_error_asymptotic(n, p, n_train)
            rows.append(
                {"n_patches": n, "n_irrelevant": p, "n_train": n_train, "n_draws": count,
                 "simulated": mean, "se": std / np.sqrt(count), "predicted": known.error,
                 "asymptotic": limit}
            )  # fmt: skip
        table += rows
        colour = colours[n]
        if p == SHOWN:
            draw_errors(left, rows, colour, f"simulated, $n$ = {n}")
        shown = [r for r in rows if r["simulated"] > 0.01]
        right.errorbar(
            [r["predicted"] for r in shown],
            [r["simulated"] / r["predicted"] - 1 for r in shown],
            [half_width(r) / r["predicted"] for r in shown],
            color=colour, marker="o", markersize=4, linestyle="none", capsize=2,
        )  # fmt: skip
        right.plot(
            [r["asymptotic"] for r in shown],
            [r["simulated"] / r["asymptotic"] - 1 for r in shown],
            color=colour, marker="x", linestyle="none",
        )  # fmt: skip
    left.plot([], [], "k-", label="exact formula, $m$ = 40")
    left.plot([], [], "k:", label=r"formula for $m, p \to \infty$")
    number_ticks(left, sorted({row["n_train"] for row in table if row["n_irrelevant"] == SHOWN}))
    left.set_yscale("log")
    left.tick_params(axis="x", labelsize=8)
    left.set_xlabel("training samples $N$")
    left.set_ylabel("test error after one step")
    left.set_title(f"$p$ = {SHOWN} irrelevant patterns", fontsize=9)
    legend_below(left, ncols=2)
    right.axhspan(-0.05, 0.05, color="0.9", label="±5 %")
    right.axhline(0, color="k", linewidth=1, zorder=5)
    right.plot([], [], "ko", markersize=4, label="exact formula, $m$ = 40")
    right.plot([], [], "kx", label=r"formula for $m, p \to \infty$")
    right.set_xscale("log")
    right.set_xlabel("predicted test error")
    right.set_ylabel("simulated / predicted − 1")
    right.set_title("all $n$ (same colours) and $p$, where errors are above 0.01", fontsize=9)
    legend_below(right, ncols=2)
    draws = len(results.unique("draw"))
    headline(
        figure,
        "The exact formula predicts the error of a dense network after one step; that for "
        "$m,p\\to\\infty$ is too low at small errors",
        f"orthonormal patterns, one full-batch step; means of {draws} draws with 95 % intervals",
    )
    return figure, table


def half_width(row: dict) -> float:
    return float(student_interval(0.0, row["se"], row["n_draws"])[1])


def draw_errors(ax: Axes, rows: list[dict], colour: str, label: str) -> None:
    """Draw one data model: simulated points under both formulas."""
    sizes = [row["n_train"] for row in rows]
    ax.errorbar(
        sizes, [r["simulated"] for r in rows], [half_width(r) for r in rows],
        color=colour, marker="o", markersize=4, linestyle="none", capsize=2, label=label,
    )  # fmt: skip
    ax.plot(sizes, [r["predicted"] for r in rows], color=colour, zorder=5)
    ax.plot(sizes, [r["asymptotic"] for r in rows], color=colour, linestyle=":", zorder=5)
