"""Every bound of the complexity table against measured growth: exponents, intervals, verdicts."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.bounds import Check, Measurements, check, complexity
from moe_theory.experiments import size_thresholds
from moe_theory.plotting import headline, legend_below

SIMULATION = (
    "../simulations/samples_patterns.py",
    "../simulations/training_time.py",
    "../simulations/units.py",
)
LABELS = ("arm", "n_patches", "n_routed", "n_experts")
VARIED = {
    "dense": ("n_patches", "epsilon"),
    "separate": ("n_routed", "epsilon"),
    "joint": ("n_routed", "n_experts", "epsilon"),
}
UNITS = {
    "sample complexity": "samples",
    "iteration complexity": "steps",
    "model complexity": "hidden units",
    "computational complexity": "operations",
}
NAMES = {"n_patches": "n", "n_routed": "l", "n_experts": "k", "epsilon": "1/ε"}
COLOURS = {"not violated": "C2", "violated": "C3", "not testable": "0.5"}


def draw(samples: Results, time: Results, units: Results) -> tuple[Figure, list[dict]]:
    patterns = time.select(data="patterns")
    measured = {
        "sample complexity": samples,
        "iteration complexity": patterns.select(quantity="n_steps"),
        "model complexity": size_thresholds(units, "n_hidden", LABELS, (0.2, 0.1, 0.05)),
        "computational complexity": patterns.select(quantity="flops"),
    }
    checks = {
        (quantity, arm): check_bound(quantity, arm, results.select(arm=arm).rows)
        for quantity, results in measured.items()
        for arm in VARIED
    }
    table = [
        row for (quantity, arm), found in checks.items() for row in rows_of(quantity, arm, found)
    ]
    return plot(table), table


def rows_of(quantity: str, arm: str, found: Check) -> list[dict]:
    """Return one row per size that varies, or one that says why there is none."""
    common = {"quantity": quantity, "arm": arm, "bound": str(found.bound)}
    whole = {"bound_verdict": found.verdict, "n_points": found.n_points,
             "n_not_reached": found.n_censored}  # fmt: skip
    names = ("size", "bound_exponent", "measured", "low", "high", "curved", "verdict", "reason")
    grown = [
        (NAMES[g.name], g.bound, g.measured, g.low, g.high, g.curved, g.verdict, g.reason)
        for g in found.growth
    ] or [("", None, None, None, None, None, found.verdict, found.reason)]
    return [{**common, **dict(zip(names, row, strict=True)), **whole} for row in grown]


def check_bound(quantity: str, arm: str, rows: list[dict]) -> Check:
    """Hold one bound against the thresholds of its network."""
    # Joint training with l = 1 never succeeds, see small_l: its routers have no gradient.
    rows = [row for row in rows if (arm, row["n_routed"]) != ("joint", 1)]
    # A size at the edge of what was tried says only that the threshold lies below it.
    rows = [row for row in rows if row["censored"] != "below"]
    # Where some resamples do not reach ε, it cannot be said to have been reached.
    infinite = float("inf")
    rows = [row if row["high"] < infinite else {**row, "value": infinite} for row in rows]
    values = {name: [row[name] for row in rows] for name in VARIED[arm]}
    ends = ([row[name] for row in rows] for name in ("value", "low", "high"))
    data = Measurements.from_intervals(values, *ends, what=quantity)
    return check(complexity(quantity, arm), data)


def plot(table: list[dict]) -> Figure:
    figure = Figure(figsize=(9.0, 0.22 * len(table) + 2.2), layout="constrained")
    ax = figure.subplots()
    for place, row in enumerate(reversed(table)):
        if row["measured"] is None:
            ax.text(0, place, row["reason"], fontsize=7, va="center")
            continue
        colour = COLOURS[row["verdict"]]
        whole = row["bound_verdict"] != "not testable"
        ax.plot([row["low"], row["high"]], [place] * 2, color=colour, linewidth=2)
        ax.plot(row["measured"], place, "D" if row["curved"] else "o", color=colour, markersize=5,
                mfc=colour if whole else "w", zorder=3)  # fmt: skip
        ax.plot(row["bound_exponent"], place, "k|", markersize=11, markeredgewidth=2)
    ax.set_yticks(
        range(len(table)),
        [f"{UNITS[row['quantity']]}, {row['arm']}: {row['size']}" for row in reversed(table)],
        fontsize=8,
    )
    ax.plot([], [], "k|", markersize=11, markeredgewidth=2, linestyle="none",
            label="bound: growth beyond it\nwould violate it")  # fmt: skip
    for verdict in dict.fromkeys(row["verdict"] for row in table):
        ax.plot([], [], "o-", color=COLOURS[verdict], label=f"measured: {verdict}")
    if any(row["n_not_reached"] for row in table):
        ax.plot([], [], "o-", color=COLOURS["not violated"], mfc="w",
                label="the same, but some size never got\nthere: bound not testable")  # fmt: skip
    if any(row["curved"] for row in table):
        ax.plot([], [], "D", color="0.4", markersize=5,
                label="diamond: no power law,\nslope at the largest sizes")  # fmt: skip
    ax.axvline(0, color="0.8", zorder=0)
    ax.set_xlim(-2, 17)
    ax.set_xticks(range(-2, 17, 2))
    ax.set_ylim(-0.8, len(table) - 0.2)
    ax.set_xlabel("growth exponent with $n$, $l$, $k$ or $1/ε$: 95 % interval over all sizes")
    ax.grid(alpha=0.3, axis="x")
    legend_below(ax, ncols=3)
    headline(
        figure,
        finding(table),
        "bounds of Chowdhury et al. (2023) on what it takes to reach a test error of ε, against "
        "growth on orthonormal patterns",
    )
    return figure


def finding(table: list[dict]) -> str:
    """Count the bounds by their verdict."""
    bounds = {(row["quantity"], row["arm"]): row["bound_verdict"] for row in table}
    found = list(bounds.values())
    if broken := found.count("violated"):
        return f"{broken} of {len(found)} published bounds are violated"
    open_ones = found.count("not testable")
    tested = f"; {open_ones} could not be tested at every size" if open_ones else ""
    return (
        f"None of {len(found)} published bounds is violated: growth is slower than they "
        f"allow{tested}"
    )
