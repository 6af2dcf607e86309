"""Steps and operations to ε at a fixed N, against n (dense), l and k (pMoE), with exponents."""

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

SIMULATION = "../simulations/training_time.py"
EPSILON = 0.05
QUANTITIES = {
    "n_steps": ("iteration complexity", "training steps"),
    "flops": ("computational complexity", "operations of training"),
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    here = results.select(data="patterns")
    figure = Figure(figsize=(12.5, 10.4), layout="constrained")
    for axes, (quantity, (bound, label)) in zip(
        figure.subplots(2, 3), QUANTITIES.items(), strict=True
    ):
        at = here.select(epsilon=EPSILON, quantity=quantity)
        curves = (
            ("n_patches", "patches per input $n$", [("dense", "dense", {"arm": "dense"})]),
            (
                "n_routed",
                "patches per expert $l$, at $n$ = 64",
                [
                    ("separate", "separate, $k$ = 2", {"arm": "separate"}),
                    ("joint", "joint, $η$ = 0.2 $l$, $k$ = 8", {"arm": "joint", "n_experts": 8}),
                    ("joint_l2", "joint, $η$ = 0.2 $l²$, $k$ = 8", {"arm": "joint_l2"}),
                ],
            ),
            (
                "n_experts",
                "experts $k$, at $n$ = 64",
                [("joint", "joint, $l$ = 4", {"arm": "joint", "n_routed": 4})],
            ),
        )
        for ax, (x, name, lines) in zip(axes, curves, strict=True):
            for arm, text, labels in lines:
                draw_curve(ax, at.select(**labels).rows, x, arm, text, bound)
            number_ticks(ax, [row[x] for row in at.rows if row[x]])
            ax.set_xlabel(name)
            ax.set_ylabel(label)
            legend_below(ax)
            ax.grid(alpha=0.3)
    n_train, draws = here.rows[0]["n_train"], here.rows[0]["n_runs"]
    headline(
        figure,
        "Steps and operations grow more slowly than the bounds allow; with a learning rate $η$ "
        "that grows as $l²$, steps of joint training do not grow with $l$",
        f"to a mean test error of {EPSILON}, orthonormal patterns, $N$ = {n_train}, $p$ = 256; "
        f"{draws} draws, 95 % intervals; $η$ = 0.2 $n$ (dense), 0.2 $l$ (pMoE) unless said; "
        "operations include routers; numbers: exponents; dotted: slopes of the bounds through "
        "the first point" + open_ends(here.select(epsilon=EPSILON).rows),
    )
    columns = (
        "data", "arm", "n_patches", "n_routed", "n_experts", "n_train", "quantity", "epsilon",
        "value", "low", "high", "censored", "n_runs",
    )  # fmt: skip
    return figure, [{name: row[name] for name in columns} for row in results.rows]


def draw_curve(ax, rows, x, arm, text, quantity):
    """Draw points, fit and, through the first point, the slope of the bound."""
    colour, marker = look(arm, [arm])
    fit = fit_rows(rows, x)
    label = f"{text}: {exponent_text(fit)}"
    plot_thresholds(rows, ax, x=x, label=label, colour=colour, marker=marker)
    xs = [row[x] for row in rows]
    plot_fit(fit, xs, ax, colour=colour)
    if arm not in ("dense", "separate", "joint"):
        return
    exponent = float(complexity(quantity, arm).exponent(x))
    top = max(row["high"] for row in rows if row["high"] < float("inf"))
    plot_slope(
        exponent,
        (rows[0][x], rows[0]["value"]),
        xs,
        ax,
        label=f"bound, {arm}: {exponent:g}",
        colour=colour,
    )
    low, high = ax.get_ylim()
    ax.set_ylim(low, min(high, 30 * top))
