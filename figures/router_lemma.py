"""The router lemma of P23 held against routers: B_r and T_r needed, and l below and above l*."""

from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import mode

import numpy as np
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.bounds import Measurements, check, router_bounds
from moe_theory.experiments import crossing
from moe_theory.experiments.scripts import load_script
from moe_theory.plotting import (
    headline,
    interval_text,
    legend_below,
    mean_interval,
    number_ticks,
    plot_slope,
    plot_thresholds,
)
from moe_theory.predictions import aligned_success, every_input_success, router_success

SIMULATION = "../simulations/router_lemma.py"
PREDICTED = ("predicted",)
SIM = load_script(Path(__file__).parent / SIMULATION, ("LEVELS", "STEPS", "STEP_LINES"))
# l at which the part of inputs lost is predicted, by line; elsewhere at 1 and 4.
MOST = {"fixed": (1,), "one": (1,)}
L_STAR = 8  # the l* that is drawn
# What is to fail no more often: a router on some input that can occur, on a fresh one of 400, on
# one of its own, and inputs, of which 99 % keep their patch.
TARGETS = {"every": 0.05, "fresh": 0.05, "own": 0.05, "most": 0.01}
POINT = ("line", "n_patches", "delta_d", "l_star", "closeness")
LOOKS = {
    "many": ("$p = n$", "C0", "o"),
    "fixed": ("$p$ = 16", "C2", "^"),
    "one": ("$p$ = 1, random labels", "C3", "s"),
    "follow": (f"$p = n$, $T_r = {SIM.STEPS}/(1-δ_d)$", "C4", "v"),
}
COLUMNS = {
    "kind": None, **dict.fromkeys(POINT), "n_routed": None, "size": None, "target": None,
    "value": None, "low": None, "high": None, "simulated": None, "se": None, "predicted": None,
    "parameter": None, "bound": None, "bound_exponent": None, "measured": None, "curved": None,
    "verdict": None, "excess": None, "n_failed": None, "n_draws": None,
}  # fmt: skip


def draw(results: Results) -> tuple[Figure, list[dict]]:
    cells = cells_of(results)
    needed = thresholds(cells)
    growth = growth_of(needed)
    figure = Figure(figsize=(11.5, 9.6), layout="constrained")
    axes = figure.subplots(2, 2).flat
    over_n(axes[0], needed, growth)
    over_part(axes[1], needed, growth)
    over_steps(axes[2], needed, growth)
    under_l_star(axes[3], results)
    headline(
        figure,
        "The lemma's $n^2$ is needed where all irrelevant patches are alike; with many patterns "
        "the batch hardly grows with $n$. For $l < l^*$ no batch is enough",
        f"routers alone, rate $1/n$; {cells[0]['n_draws']} trainings a point, 95 % intervals; "
        "lines: exact predictions; numbers: measured exponents; dotted: growth in the lemma. "
        "Needed: a router keeps the patch of every input that can occur in 95 % of the trainings",
    )
    rows = [*needed, *growth, *filter(told, cells)]
    return figure, [{**COLUMNS, **{k: row[k] for k in COLUMNS if k in row}} for row in rows]


def told(cell: dict) -> bool:
    """Return whether the table holds a cell: what is predicted or drawn, or fails for want of l."""
    small = cell["target"] == "every" and cell["n_routed"] < cell["l_star"]
    return cell["predicted"] is not None or cell["l_star"] == L_STAR or small


def cells_of(results: Results) -> list[dict]:
    """Return simulated and predicted failures, one row for each training setting and target."""
    rows = sorted(results.rows, key=lambda row: tuple(row[name] for name in (*POINT, "size")))
    found = []
    for key, group in groupby(rows, key=lambda row: [row[name] for name in (*POINT, "size")]):
        draws = list(group)
        at = dict(zip((*POINT, "size"), key, strict=True))
        made = made_of(results, at)
        levels = [level for level in SIM.LEVELS if level < at["n_patches"]]
        closer = made["data"].max_closer or 0  # patches of an input that may be ahead
        more = {"l_star": [at["l_star"] // 2], "near": [closer + 1]}.get(at["line"], [])
        tried = [("every", level, unsafe(draws, at, closer, level))
                 for level in (at["l_star"], *more)]  # fmt: skip
        for target in ("fresh", "own") if at["l_star"] == 1 else ():
            lost = np.array([row[f"{target}_lost"] for row in draws])
            tried.append((target, 1, (lost > 0).mean(axis=1)))
        lost = np.array([row["lost"] for row in draws])
        tried += [("most", level, lost[:, i]) for i, level in enumerate(levels)]
        for target, n_routed, values in tried:
            found.append({
                "kind": "cell", **at, "target": target, "n_routed": n_routed, "draws": values,
                "simulated": values.mean(), "se": values.std(ddof=1) / np.sqrt(len(values)),
                "predicted": predicted(target, n_routed, at, made),
                "n_failed": int((values > 0).sum()), "n_draws": len(values),
            })  # fmt: skip
    return found


def made_of(results: Results, at: dict) -> dict:
    """Return data, network, training and N of a setting, as the simulation had them."""
    known = results.setting(**at)
    kinds = {"data": PatchPatterns, "model": SeparateMoE, "sgd": SGD}
    given = {part: {k: v for k, v in known[part].items() if k != "type"} for part in kinds}
    return {"n_train": known["n_train"], **{k: kind(**given[k]) for k, kind in kinds.items()}}


def unsafe(draws: list[dict], at: dict, limit: int, n_routed: int) -> np.ndarray:
    """Return the part of the two routers that lose the patch of some input that can occur."""
    ahead = np.array([row["ahead"] for row in draws]) > 0
    most = ahead @ np.array([limit, limit, at["n_patches"] - 1])
    return (np.minimum(most, at["n_patches"] - 1) >= n_routed).mean(axis=1)


def predicted(target: str, n_routed: int, at: dict, made: dict) -> float | None:
    """Return the exact chance of failure, where there are no closer patterns."""
    if at["closeness"] != 1 or target not in ("every", "most"):
        return None
    if target == "most" and n_routed not in MOST.get(at["line"], (1, 4)):
        return None
    return chance(target, n_routed, made["data"], made["model"], made["sgd"], made["n_train"])


@cache
def chance(target, n_routed, patterns, model, sgd, n_train) -> float:
    success = every_input_success if target == "every" else router_success
    return 1 - success(patterns, replace(model, n_routed=n_routed), sgd, n_train).own


def thresholds(cells: list[dict]) -> list[dict]:
    """Return the B_r or T_r at which each target is reached, simulated and predicted."""
    places: dict = {}
    for cell in cells:
        names = (*POINT, "target", "n_routed")
        places.setdefault(tuple(cell[name] for name in names), []).append(cell)
    found = []
    for key, group in places.items():
        at = dict(zip(names, key, strict=True))
        sizes, level = [cell["size"] for cell in group], TARGETS[at["target"]]
        ends = crossing(sizes, [cell["draws"] for cell in group], level)
        known = None
        if group[0]["predicted"] is not None:
            # With the same interpolation between the same sizes.
            known = crossing(sizes, [np.full(2, cell["predicted"]) for cell in group], level).value
        found.append({
            "kind": "threshold", **at, "value": ends.value, "low": ends.low, "high": ends.high,
            "predicted": known, "n_draws": group[0]["n_draws"],
        })  # fmt: skip
    return found


def lines(needed: list[dict], line: str, target: str = "every", n_routed: int = 1) -> list[dict]:
    """Return the thresholds of a line; "follow" starts from a point of "many"."""
    rows = [row for row in needed if (row["line"], row["target"]) == (line, target)]
    if line == "l_star":
        return [row for row in rows if row["n_routed"] == row["l_star"]]
    if line == "follow":
        start, n = varied(needed, "many", "delta_d", target), rows[0]["n_patches"]
        rows = [row for row in start if row["n_patches"] == n] + rows
    return [row for row in rows if row["n_routed"] == n_routed]


def varied(needed: list[dict], line: str, fixed: str, target: str = "every") -> list[dict]:
    """Return the thresholds of a line where one size is as usual, by the other."""
    rows = lines(needed, line, target)
    usual = mode(row[fixed] for row in rows)
    rows = [row for row in rows if row[fixed] == usual]
    return sorted(rows, key=lambda row: (row["n_patches"], row["delta_d"]))


def growth_of(needed: list[dict]) -> list[dict]:
    """Return measured exponents and the verdicts of `check` on the lemma."""
    found, bounds = [], router_bounds()
    for line, target in (
        *((line, "every") for line in (*LOOKS, *SIM.STEP_LINES, "l_star")),
        *((line, target) for target in ("most", "own") for line in ("many", "fixed", "one")),
    ):
        rows = [row for row in lines(needed, line, target) if row["high"] < np.inf]
        values = {name: [row[name] for row in rows] for name in ("n_patches", "delta_d", "l_star")}
        values = {name: given for name, given in values.items() if len(set(given)) > 1}
        bound = bounds["router_n_steps" if line in SIM.STEP_LINES else "router_batch_size"]
        ends = ([row[name] for row in rows] for name in ("value", "low", "high"))
        verdict = check(bound, Measurements.from_intervals(values, *ends))
        found += [
            {"kind": "growth", "line": line, "target": target, "n_routed": 1,
             "parameter": grown.name, "bound": str(bound), "bound_exponent": grown.bound,
             "measured": grown.measured, "low": grown.low, "high": grown.high,
             "curved": grown.curved, "verdict": grown.verdict,
             "excess": 10 ** -verdict.extrapolation.min(), "n_draws": rows[0]["n_draws"]}
            for grown in verdict.growth
        ]  # fmt: skip
    return found


def exponent(growth: list[dict], line: str, parameter: str) -> str:
    """Return a measured exponent with its interval, for the legend."""
    for row in growth:
        if (row["line"], row["target"], row["parameter"]) == (line, "every", parameter):
            return interval_text(row["measured"], row["low"], row["high"])
    return "too few sizes"


def curve(ax, rows, places, label, look, shift=1.0) -> None:
    """Draw thresholds with their intervals and the line of exact predictions."""
    rows = [{**row, "x": place} for row, place in zip(rows, places, strict=True)]
    plot_thresholds(rows, ax, x="x", label=label, colour=look[0], marker=look[1], shift=shift)
    ax.plot(places, [row["predicted"] for row in rows], color=look[0], linewidth=1)
    ax.grid(alpha=0.3)


def over_n(ax, needed, growth) -> None:
    for line in ("one", "fixed", "many"):
        rows = varied(needed, line, "delta_d")
        sizes = [row["n_patches"] for row in rows]
        name, *look = LOOKS[line]
        name += f", $δ_d$ = {rows[0]['delta_d']:.2g}".replace("-", "−")
        curve(ax, rows, sizes, f"{name}: {exponent(growth, line, 'n_patches')}", look)
        if line == "one":
            plot_slope(2, (sizes[0], rows[0]["predicted"]), sizes, ax, label="lemma: 2")
    number_ticks(ax, sorted({row["n_patches"] for row in needed}))
    ax.set_xlabel("patches per input $n$")
    ax.set_ylabel(f"samples a step needed $B_r$, at $T_r$ = {SIM.STEPS}")
    ax.set_title("batch against $n$", fontsize=10)
    legend_below(ax)


def over_part(ax, needed, growth) -> None:
    for line in ("one", "many", "follow"):
        rows = varied(needed, line, "n_patches")
        parts = [1 / (1 - row["delta_d"]) for row in rows]
        name, *look = LOOKS[line]
        name += f", $n$ = {rows[0]['n_patches']}"
        curve(ax, rows, parts, f"{name}: {exponent(growth, line, 'delta_d')}", look)
        plot_slope(2, (parts[0], rows[0]["predicted"]), parts, ax,
                   label="lemma: 2" if line == "one" else None)  # fmt: skip
    number_ticks(ax, parts)
    ax.set_xlabel("$1/(1-δ_d)$")
    ax.set_ylabel("samples a step needed $B_r$")
    ax.set_title(f"batch against $1/(1-δ_d)$; $T_r$ = {SIM.STEPS} unless given", fontsize=10)
    legend_below(ax)


def over_steps(ax, needed, growth) -> None:
    top, n = max(row["value"] for row in lines(needed, "steps")), SIM.N_START
    for line, parameter, name, look, shift in (
        ("steps", "delta_d", "$1/(1-δ_d)$", ("C0", "o"), 1.0),
        ("steps", "n_patches", f"$n/{n}$, initial routers alike", ("C3", "s"), 1.04),
        ("small_start", "n_patches", f"$n/{n}$, initial routers $\\propto 1/n$", ("C2", "^"), 0.96),
    ):
        rows = varied(needed, line, "delta_d" if parameter == "n_patches" else "n_patches")
        grown = [row["n_patches"] / n / (1 - row["delta_d"]) for row in rows]
        curve(ax, rows, grown, f"{name}: {exponent(growth, line, parameter)}", look, shift)
    for slope, label, colour in ((1, "in $1/(1-δ_d)$: 1", "0.3"), (0, "in $n$: 0", "0.6")):
        at = (1, rows[0]["predicted"])
        plot_slope(slope, at, grown, ax, label=f"lemma, {label}", colour=colour)
    number_ticks(ax, grown)
    number_ticks(ax, [number for number in (5, 10, 20, 40, 80, 160) if number < 1.5 * top], "y")
    ax.set_xlabel("factor by which $1/(1-δ_d)$ or $n$ is raised")
    ax.set_ylabel(f"steps needed $T_r$, at $B_r = {SIM.BATCH}/(1-δ_d)$")
    title = f"steps: initial routers of std {SIM.LARGE_START} at $n$ = {n}, $δ_d$ = 0; $p = n$"
    ax.set_title(title, fontsize=10)
    legend_below(ax)


def under_l_star(ax, results: Results) -> None:
    here = results.select(line="l_star", l_star=L_STAR)
    sizes = sorted(here.unique("size"))
    patterns = made_of(results, {"line": "l_star", "l_star": L_STAR})["data"]
    for n_routed, colour, marker in ((2, "C3", "s"), (4, "C1", "D"), (8, "C0", "o"),
                                     (16, "C9", "P")):  # fmt: skip
        place = SIM.LEVELS.index(n_routed)
        lost = [[row["lost"][place] for row in here.select(size=size).rows] for size in sizes]
        ends = np.array([mean_interval(np.array(values), limits=(0, 1)) for values in lost]).T
        where = "below" if n_routed < L_STAR else "at" if n_routed == L_STAR else "above"
        ax.errorbar(
            sizes, np.mean(lost, axis=1), np.abs(ends - np.mean(lost, axis=1)), color=colour,
            marker=marker, markersize=5, capsize=2, label=f"$l$ = {n_routed}, {where} $l^*$",
        )  # fmt: skip
        floor = 1 - aligned_success(patterns, n_routed).worst.own
        if floor:
            ax.axhline(floor, color=colour, linestyle="--", linewidth=1)
    ax.plot([], [], "k--", linewidth=1, label="routers along $o_1 - o_2$, exact")
    number_ticks(ax, sizes)
    ax.set_yscale("symlog", linthresh=1e-3)
    ax.set_ylim(0, 1)
    ax.set_xlabel("samples a step $B_r$")
    ax.set_ylabel("part of fresh inputs that lose their patch")
    closer = f"up to {patterns.max_closer} patches closer than the discriminative one"
    ax.set_title(f"$l^*$ = {L_STAR}: {closer}; $n = p$ = {patterns.n_patches}", fontsize=10)
    ax.grid(alpha=0.3)
    legend_below(ax)
