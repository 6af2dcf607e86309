"""Hidden units that it takes at an ample N: test error over m, and m* over n and l."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import complexity
from moe_theory.experiments import size_thresholds
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    look,
    number_ticks,
    plot_fit,
    plot_slope,
    plot_thresholds,
    summary_rows,
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
    figure = Figure(figsize=(14.5, 4.6), layout="constrained")
    errors, over_n, over_l = figure.subplots(1, 3)
    table = size_thresholds(results, "n_hidden", LABELS, EPSILON).rows
    for arm, labels in (("dense", {"n_patches": 64}), ("separate", {"n_routed": 2}),
                        ("joint", {"n_routed": 8, "n_experts": 2})):  # fmt: skip
        rows = summary_rows(results.select(arm=arm, **labels), ["test_error"], x="n_hidden")
        colour, marker = look(arm, [arm])
        errors.errorbar(
            [row["n_hidden"] for row in rows], [row["test_error_mean"] for row in rows],
            [1.96 * row["test_error_std"] / row["n_draws"] ** 0.5 for row in rows],
            color=colour, marker=marker, capsize=2,
            label=", ".join([arm, *(f"{SYMBOLS[k]} = {v}" for k, v in labels.items())]),
        )  # fmt: skip
    errors.axhline(EPSILON, color="0.5", linestyle="--", label=f"$ε$ = {EPSILON}")
    number_ticks(errors, [m for m in results.unique("n_hidden") if m & (m - 1) == 0])
    errors.set_xlabel("hidden units $m$ in all")
    errors.set_ylabel("test error")
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
        plot_slope(exponent, (xs[0], rows[0]["value"]), xs, ax, label=f"bound, {arm}: {exponent:g}")
        number_ticks(ax, xs)
        ax.set_ylim(1, 1000)
        ax.set_ylabel("$m^*$, units to mean test error $ε$")
    over_n.set_xlabel("patches per input $n$")
    over_l.set_xlabel("patches per expert $l$, at $n$ = 64")
    for ax in (errors, over_n, over_l):
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)
    n_train, draws = results.rows[0]["n_train"], len(results.unique("draw"))
    figure.suptitle(
        f"Model complexity, orthonormal patterns, $N$ = {n_train}, $p$ = 256; {draws} draws, "
        "95 % intervals",
        fontsize=10,
    )
    return figure, table
