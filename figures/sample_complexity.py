"""N*(ε) against n (dense), l and k (pMoE): exponents, the bounds' slopes, one-step theory."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import complexity
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    headline,
    legend_below,
    look,
    number_ticks,
    open_ends,
    plot_fit,
    plot_slope,
    plot_thresholds,
)
from moe_theory.predictions import one_step_samples_asymptotic

SIMULATION = "../simulations/samples_patterns.py"
EPSILON = 0.05


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(12.5, 5.6), layout="constrained")
    over_n, over_l, over_k = figure.subplots(1, 3)
    at = results.select(epsilon=EPSILON)

    for epsilon, colour in ((0.2, "C9"), (EPSILON, "C0")):
        rows = results.select(arm="dense", epsilon=epsilon).rows
        draw_power(over_n, rows, "n_patches", f"dense, $ε$ = {epsilon}", colour, "o")
    dense = at.select(arm="dense").rows
    sizes = [row["n_patches"] for row in dense]
    over_n.plot(
        sizes, [one_step_samples_asymptotic(n, 256, EPSILON) for n in sizes], "k--", zorder=5,
        label=f"theory after one step, $ε$ = {EPSILON}: 2",
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
        (over_l, "n_routed", "patches per expert $l$"),
        (over_k, "n_experts", "experts $k$"),
    ):
        shown = dense if x == "n_patches" else at.rows
        number_ticks(ax, [row[x] for row in shown if row.get(x)])
        ax.tick_params(axis="x", labelsize=8)
        if ax is not over_n:
            ax.axhline(reference["value"], color="C0", linewidth=1, label="dense")
            ax.axhspan(reference["low"], reference["high"], color="C0", alpha=0.15)
            ax.set_title(f"to $ε$ = {EPSILON}, at $n$ = 64", fontsize=9)
        ax.set_ylim(1.5, 10_000)
        ax.set_xlabel(label)
        legend_below(ax)
        ax.grid(alpha=0.3)
    over_n.set_ylabel("$N^*$, training samples to a mean test error $ε$")
    headline(
        figure,
        "Samples grow far slower than the bounds: with $n$ in dense networks, with $l$ in separate "
        "training; in joint training they fall with $l$",
        "orthonormal patterns, $p$ = 256; 95 % intervals; numbers: exponents, curved: no power "
        "law; hollow: not reached; dotted: slopes of the bounds through the first point"
        + open_ends([row for row in results.rows if row["epsilon"] in (0.2, EPSILON)]),
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
        label=f"bound, {arm}: {exponent:g}", colour=look(arm, [arm])[0],
    )  # fmt: skip
