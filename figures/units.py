"""Hidden units that it takes at an ample N: test error over m, and m* over n and l."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import complexity
from moe_theory.experiments import size_thresholds
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    headline,
    legend_below,
    look,
    number_ticks,
    open_ends,
    plot_curve,
    plot_fit,
    plot_slope,
    plot_thresholds,
)

SIMULATION = "../simulations/units.py"
EPSILON = 0.05
LABELS = ("arm", "n_patches", "n_routed", "n_experts")
SYMBOLS = {"n_patches": "$n$", "n_routed": "$l$", "n_experts": "$k$"}
FAMILIES = {
    "dense": ("n_patches", {}),
    "separate": ("n_routed", {"n_experts": 2}),
    "joint": ("n_routed", {"n_experts": 2}),
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(12.5, 5.4), layout="constrained")
    errors, over_n, over_l = figure.subplots(1, 3)
    table = size_thresholds(results, "n_hidden", LABELS, EPSILON).rows
    for arm, labels in (("dense", {"n_patches": 64}), ("separate", {"n_routed": 2}),
                        ("joint", {"n_routed": 8, "n_experts": 2})):  # fmt: skip
        colour, marker = look(arm, [arm])
        plot_curve(
            results.select(arm=arm, **labels), "test_error", errors, x="n_hidden",
            label=", ".join([arm, *(f"{SYMBOLS[k]} = {v}" for k, v in labels.items())]),
            colour=colour, marker=marker, limits=(0, 1),
        )  # fmt: skip
    errors.axhline(EPSILON, color="0.5", linestyle="--", label=f"$ε$ = {EPSILON}")
    number_ticks(errors, [m for m in results.unique("n_hidden") if m & (m - 1) == 0])
    errors.set_xlabel("hidden units $m$, of all experts")
    errors.set_ylabel("test error, fraction of inputs")
    for arm, (x, labels) in FAMILIES.items():
        ax = over_n if arm == "dense" else over_l
        rows = [
            row for row in table
            if row["arm"] == arm and all(row[k] == v for k, v in labels.items())
        ]  # fmt: skip
        colour, marker = look(arm, [arm])
        fit = fit_rows(rows, x)
        label = f"{arm}: {exponent_text(fit)}"
        plot_thresholds(rows, ax, x=x, label=label, colour=colour, marker=marker)
        plot_fit(fit, [row[x] for row in rows], ax, colour=colour)
        exponent = float(complexity("model complexity", arm).exponent(x))
        xs = [row[x] for row in rows]
        plot_slope(exponent, (xs[0], rows[0]["value"]), xs, ax, label=f"bound, {arm}: {exponent:g}",
                   colour=colour)  # fmt: skip
        number_ticks(ax, [row[x] for row in table if row[x]])
        ax.set_ylim(1, 1000)
        ax.set_ylabel(f"$m^*$, units to a mean test error of {EPSILON}")
    over_n.set_xlabel("patches per input $n$")
    over_l.set_xlabel("patches per expert $l$")
    for ax in (errors, over_n, over_l):
        legend_below(ax, ncols=2 if ax is errors else 1)
        ax.grid(alpha=0.3)
    n_train, draws = results.rows[0]["n_train"], len(results.unique("draw"))
    needed = [row["value"] for row in table if row["n_experts"] in (None, 2)]
    headline(
        figure,
        f"{min(needed):.0f} to {max(needed):.0f} hidden units suffice whatever $n$ and $l$ are, "
        "where the bounds grow with the sixth to tenth power",
        f"orthonormal patterns, $N$ = {n_train}, $p$ = 256, pMoE with $n$ = 64 and $k$ = 2; "
        f"{draws} draws, 95 % intervals; numbers: exponents; dotted: slopes of the bounds through "
        "the first point" + open_ends(table),
    )
    return figure, table
