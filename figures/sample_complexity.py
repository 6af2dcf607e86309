"""N*(ε) against n (dense), l and k (pMoE): exponents, the bounds' slopes, one-step theory."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import complexity
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    look,
    number_ticks,
    plot_fit,
    plot_slope,
    plot_thresholds,
)
from moe_theory.predictions import one_step_samples_asymptotic

SIMULATION = "../simulations/samples_patterns.py"
EPSILON = 0.05


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(14.5, 4.8), layout="constrained")
    over_n, over_l, over_k = figure.subplots(1, 3)
    at = results.select(epsilon=EPSILON)

    levels = sorted(results.unique("epsilon"), reverse=True)
    for epsilon, colour in zip(levels, ["C9", "C8", "C0", "C4"], strict=False):
        rows = results.select(arm="dense", epsilon=epsilon).rows
        draw_power(over_n, rows, "n_patches", f"dense, $ε$ = {epsilon}", colour, "o")
    dense = at.select(arm="dense").rows
    sizes = [row["n_patches"] for row in dense]
    over_n.plot(
        sizes, [one_step_samples_asymptotic(n, 256, EPSILON) for n in sizes], "k--",
        label=f"after one step, $ε$ = {EPSILON}: exponent 2",
    )  # fmt: skip
    draw_bound(over_n, "dense", "n_patches", dense)

    reference = next(row for row in dense if row["n_patches"] == 64)
    for arm, n_experts in (("separate", 2), ("joint", 8)):
        rows = at.select(arm=arm, n_experts=n_experts).rows
        colour, marker = look(arm, [arm])
        draw_power(over_l, rows, "n_routed", f"{arm}, $k$ = {n_experts}", colour, marker)
        draw_bound(over_l, arm, "n_routed", rows)
    rows = at.select(arm="joint", n_routed=4).rows
    draw_power(over_k, rows, "n_experts", "joint, $l$ = 4", *look("joint", []))
    draw_bound(over_k, "joint", "n_experts", rows)

    for ax, x, label in (
        (over_n, "n_patches", "patches per input $n$"),
        (over_l, "n_routed", "patches per expert $l$, at $n$ = 64"),
        (over_k, "n_experts", "experts $k$, at $n$ = 64"),
    ):
        shown = dense if x == "n_patches" else at.rows
        number_ticks(ax, [row[x] for row in shown if row.get(x)])
        if ax is not over_n:
            ax.axhline(reference["value"], color="C0", linewidth=1, label="dense, $n$ = 64")
            ax.axhspan(reference["low"], reference["high"], color="C0", alpha=0.15)
            ax.set_title(f"$ε$ = {EPSILON}", fontsize=9)
        ax.set_ylim(1.5, 40_000)
        ax.set_xlabel(label)
        ax.set_ylabel("$N^*$, training samples to mean test error $ε$")
        ax.legend(fontsize=7, loc="upper left")
        ax.grid(alpha=0.3)
    figure.suptitle(
        "Sample complexity, orthonormal patterns, $p$ = 256; 95 % intervals; "
        "legend: exponents with intervals",
        fontsize=10,
    )
    columns = ("arm", "n_patches", "n_routed", "n_experts", "epsilon", "value", "low", "high",
               "censored", "ending", "n_runs")  # fmt: skip
    return figure, [{name: row[name] for name in columns} for row in results.rows]


def draw_power(ax, rows, x, label, colour, marker):
    """Draw thresholds and the power law through them, with its exponent in the legend."""
    fit = fit_rows(rows, x)
    plot_thresholds(
        rows, ax, x=x, label=f"{label}: {exponent_text(fit)}", colour=colour, marker=marker
    )
    plot_fit(fit, [row[x] for row in rows], ax, colour=colour)


def draw_bound(ax, arm, x, rows):
    """Draw the slope of the bound through the first threshold that was reached."""
    bound = complexity("sample complexity", arm)
    first = next(row for row in rows if row["value"] < float("inf"))
    exponent = float(bound.exponent(x))
    plot_slope(
        exponent, (first[x], first["value"]), [row[x] for row in rows if row[x] >= first[x]], ax,
        label=f"bound, {arm}: exponent {exponent:g}",
    )  # fmt: skip
