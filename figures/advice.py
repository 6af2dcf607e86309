"""Whether the network that `advise` chooses needs the least, on data models that were held out."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from moe_theory import PatchPatterns, Results
from moe_theory.advice import advise
from moe_theory.experiments import size_thresholds
from moe_theory.plotting import headline, legend_below, look, number_ticks

SIMULATION = "../simulations/advice.py"
PREDICTED = ("predicted",)
EPSILON = 0.05
NETWORK = ("arm", "n_routed", "n_experts")
LABELS = ("n_patches", "n_irrelevant", *NETWORK)
TICKS = (5, 10, 20, 50, 100)
GOALS = {"samples": "samples $N^*$", "flops": "operations at $N^*$"}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    models = list(dict.fromkeys((r["n_patches"], r["n_irrelevant"]) for r in results.rows))
    simulated = [with_flops(row, results) for row in
                 size_thresholds(results, "n_train", LABELS, EPSILON).rows]  # fmt: skip
    table = []
    for n, p in models:
        patterns = PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)
        here = [row for row in simulated if (row["n_patches"], row["n_irrelevant"]) == (n, p)]
        for goal in GOALS:
            rows = join(goal, advise(patterns, EPSILON, goal).options, here)
            verdict = judge(rows)
            table += [{"goal": goal, "n_patches": n, "n_irrelevant": p, **row, "verdict": verdict}
                      for row in rows]  # fmt: skip
    return plot(table), table


def plot(table: list[dict]) -> Figure:
    models = list(dict.fromkeys((row["n_patches"], row["n_irrelevant"]) for row in table))
    figure = Figure(figsize=(max(3.4 * len(models), 6.4), 8.4), layout="constrained")
    axes = figure.subplots(2, len(models), squeeze=False)
    verdicts = []
    for place, (n, p) in enumerate(models):
        for ax, goal in zip(axes[:, place], GOALS, strict=True):
            at = (goal, n, p)
            rows = [row for row in table
                    if (row["goal"], row["n_patches"], row["n_irrelevant"]) == at]  # fmt: skip
            verdicts.append(rows[0]["verdict"])
            draw_networks(ax, goal, rows, f"$n$ = {n}, $p$ = {p}")
    legend_below(figure, ncols=min(2 * len(models), 4))
    headline(
        figure,
        "The network that `advise` chooses needs least, as far as intervals tell, in "
        f"{verdicts.count('confirmed')} of {len(verdicts)} cases",
        f"samples and operations to a mean test error of {EPSILON}, predicted, and simulated with "
        "95 % intervals, on data models outside the table that `advise` interpolates",
    )
    return figure


def with_flops(row: dict, results: Results) -> dict:
    """Add the mean operations of training at N*, and at the ends of its interval."""
    here = results.select(**{name: row[name] for name in LABELS})
    sizes = sorted(here.unique("n_train"))
    flops = [np.log([r["flops"] for r in here.select(n_train=size).rows]).mean() for size in sizes]
    at = {name: float(np.exp(np.interp(np.log(row[name]), np.log(sizes), flops)))
          for name in ("value", "low", "high")}  # fmt: skip
    return {**row, "flops": {"value": at["value"], "low": min(at.values()),
                             "high": max(at.values())}}  # fmt: skip


def join(goal: str, options: tuple, simulated: list[dict]) -> list[dict]:
    """Return predicted and simulated values of every network simulated, best prediction first."""
    found = {tuple(row[name] for name in NETWORK): row for row in simulated}
    rows = []
    for option in options:
        row = found.get((option.arm, option.n_routed, option.n_experts))
        if row is None:
            continue
        ends = row if goal == "samples" else row["flops"]
        rows.append({
            "arm": option.arm, "n_routed": option.n_routed, "n_experts": option.n_experts,
            "predicted": getattr(option, goal), "simulated": ends["value"], "low": ends["low"],
            "high": ends["high"], "censored": row["censored"],
        })  # fmt: skip
    return rows


def judge(rows: list[dict]) -> str:
    """Say whether the first row is simulated to be the best, as far as intervals tell."""
    chosen, best = rows[0], min(rows, key=lambda row: row["simulated"])
    if chosen is best or chosen["low"] <= best["high"]:
        return "confirmed"
    return f"{chosen['simulated'] / best['simulated'] - 1:.0%} above the best"


def outcome(rows: list[dict]) -> str:
    """Say in words which network was chosen, and how it did."""
    chosen, best = rows[0], min(rows, key=lambda row: row["simulated"])
    if chosen is best:
        return f"chosen, and best: {name_of(chosen)}"
    found = "not told apart from the best" if judge(rows) == "confirmed" else judge(rows)
    return f"chosen: {name_of(chosen)},\n{found}: {name_of(best)}"


def name_of(row: dict) -> str:
    routed = "" if row["arm"] == "dense" else f", $l$={row['n_routed']}, $k$={row['n_experts']}"
    return f"{row['arm']}{routed}"


def draw_networks(ax: Axes, goal: str, rows: list[dict], title: str) -> None:
    arms = [row["arm"] for row in rows]
    for row in rows:
        colour, marker = look(row["arm"], arms)
        inside = row["censored"] is None and np.isfinite(row["high"])
        ends = [[max(row["simulated"] - row["low"], 0)], [max(row["high"] - row["simulated"], 0)]]
        ax.errorbar(
            row["predicted"], min(row["simulated"], 1e30), ends if inside else None, color=colour,
            marker=marker, markersize=4, mfc=colour if inside else "w", linewidth=0.7,
        )  # fmt: skip
    for arm in ("dense", "separate", "joint"):
        colour, marker = look(arm, arms)
        ax.plot([], [], color=colour, marker=marker, linestyle="none", label=arm)
    ax.plot([], [], color="k", marker="^", mfc="w", linestyle="none",
            label="hollow: no upper end within the sizes tried")  # fmt: skip
    ends = [0.7 * min(r["predicted"] for r in rows), 1.4 * max(r["predicted"] for r in rows)]
    ax.plot(ends, ends, "k-", linewidth=0.8, zorder=5, label="predicted = simulated")
    best = min(rows, key=lambda row: row["simulated"])
    for row, text, mark, size in ((rows[0], "chosen by `advise`", "s", 8),
                                  (best, "best simulated", "o", 12)):  # fmt: skip
        ax.plot(row["predicted"], row["simulated"], mark, mfc="none", color="k", markersize=size,
                linestyle="none", label=text)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    for axis in ("x", "y") if goal == "samples" else ():
        number_ticks(ax, [tick for tick in TICKS if ends[0] <= tick <= ends[1]], axis)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(f"predicted {GOALS[goal]}")
    ax.set_ylabel(f"simulated {GOALS[goal]}")
    ax.set_title(f"{title}\n{outcome(rows)}", fontsize=8)
