"""Options of routing as it is practised, ranked by what they save in operations."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import Ratio, paired_ratio
from moe_theory.plotting import headline, legend_below, number_ticks, open_ends, plot_intervals

SIMULATION = ("../simulations/practice.py", "../simulations/upcycling.py")
EPSILON = 0.15
DATA = {
    "patterns": ("patterns, one of which tells the label", "C0", "o"),
    "tasks": ("patterns of four tasks, of frequencies 0.6, 0.2, 0.1, 0.1", "C3", "D"),
    "digits": ("digits, one of which tells the label", "C2", "^"),
}
ARMS = {
    "dense": "dense, 40 units",
    "dense_small": "dense, 5 units",
    "joint": "experts choose patches, jointly ($l$ = 4)",
    "base": "BASE: each patch chooses 1 of 8",
    "top2": "top-2",
    "top2_renormalized": "top-2, softmax after the choice",
    "sigmoid": "sigmoid gates",
    "shared": "a shared expert more",
    "fine": "40 experts of 1 unit, top-5",
    "capacity": "room for 1.25 of the mean load",
    "noise": "noise $N(0, 1)$",
    "noise_faded": "noise, gone after 20 % of the steps",
    "balance_0.01": "balance loss, λ = 0.01",
    "balance_0.1": "balance loss, λ = 0.1",
    "balance_1": "balance loss, λ = 1",
    "z_0.01": "z-loss, μ = 0.01",
    "bias_0.001": "loss-free bias, γ = 0.001",
    "bias_0.01": "loss-free bias, γ = 0.01",
    "deepseek": "sigmoid, top-2 of 16, 2 shared, bias",
    "copies": "top-2, upcycled from dense",
    "noise_copies": "top-2, upcycled, with noise",
    "drop": "top-2, upcycled, half drawn anew",
}
FINDING = (
    "No option of routing beats plain top-1 on all data; balance losses, noise and finer experts "
    "mostly cost operations"
)
STARTS = {"copies": "copies", "noise_copies": "noise", "drop": "drop"}
ENDS = {"value": "", "low": "_low", "high": "_high"}
ROUTING = ("train_error", "success", "n_idle", "max_over_mean", "entropy")


def draw(practice: Results, upcycling: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(9.5, 8.2), layout="constrained")
    ax = figure.subplots()
    found = {data: compare(practice, upcycling, data) for data in DATA}
    drawn = [arm for arm in ARMS if arm != "noise_copies"]  # as copies without noise
    order = sorted(drawn, key=lambda arm: mean_gain(found, arm))
    drawn_points: list[dict] = []
    for shift, (data, (label, colour, marker)) in zip((0.25, 0, -0.25), DATA.items(), strict=True):
        rows = {row["arm"]: row for row in found[data]}
        points = [point(rows[arm], place + shift) for place, arm in enumerate(order)]
        plot_intervals(
            points, ax, x="place", across=True, colour=colour, marker=marker, label=label
        )
        for row in points:
            if np.isnan(row["value"]) or row["high"] == 0:
                ax.text(0.01, row["place"], "never reached", color=colour, fontsize=7, va="center",
                        transform=ax.get_yaxis_transform())  # fmt: skip
        drawn_points += points
    ax.axvline(1, color="0.5", lw=0.8)
    number_ticks(ax, [0.2, 0.5, 1, 2, 5, 10])
    ax.set_yticks(range(len(order)), [ARMS[arm] for arm in order])
    ax.set_xlabel(
        f"efficiency leverage: operations of the dense network over those of this one,\nuntil the "
        f"mean error is {EPSILON:.0%}"
    )
    ax.grid(alpha=0.3, axis="x")
    legend_below(figure, ncols=1, size=9)
    headline(
        figure,
        FINDING,
        "each at its best learning rate; 95 % intervals, draws paired; hollow: not reached, and "
        f"the most it may save{open_ends(drawn_points)}",
    )
    return figure, [row for rows in found.values() for row in rows]


def compare(practice: Results, upcycling: Results, data: str) -> list[dict]:
    """Return a row per arm, with its leverage over the dense network and over the base."""
    curves = {arm: best(practice.select(data=data), arm) for arm in ARMS if arm not in STARTS}
    for arm, start in STARTS.items():
        curves[arm] = best(upcycling.select(data=data), "dense_small", f"_{start}")
    rows = []
    for arm in ARMS:
        known = curves[arm]
        leverage, gain = (
            paired_ratio(curves[other]["curve"], known["curve"], EPSILON)
            for other in ("dense", "base")
        )
        rows.append({
            "data": data, "arm": arm, "rate": known["rate"],
            "epsilon": EPSILON, "operations": known["operations"],
            **named("leverage", leverage), **named("gain", gain), "n_draws": known["n_draws"],
            **{name: known[name] for name in ROUTING},
        })  # fmt: skip
    return rows


def best(results: Results, arm: str, suffix: str = "") -> dict:
    """Return the errors of one arm at the rate, and part, at which it takes least to err ε."""
    found = []
    groups: dict[float, list[dict]] = {}
    for row in results.select(arm=arm).rows:
        groups.setdefault(row["rate"], []).append(row)
    for rate, rows in groups.items():
        whole = [row for row in rows if not row["diverged"]]
        if len(whole) < len(rows):
            continue
        flops = np.array(rows[0][f"flops{suffix}"], dtype=float)
        errors = np.array([row[f"errors{suffix}"] for row in rows], dtype=float)
        reached = np.flatnonzero(errors.mean(axis=0) <= EPSILON)
        found.append({
            "rate": rate, "curve": {"spent": flops, "errors": errors}, "n_draws": len(rows),
            "operations": flops[reached[0]] if len(reached) else np.inf,
            "last": errors.mean(axis=0)[-1],
            **{name: mean_of(rows, name) for name in ROUTING},
        })  # fmt: skip
    return min(found, key=lambda one: (one["operations"], one["last"]))


def mean_of(rows: list[dict], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(values)) if values else None


def named(name: str, ratio: Ratio) -> dict:
    ends = {f"{name}_low": ratio.low, f"{name}_high": ratio.high}
    text = "not reached" if ratio.high == 0 else str(ratio)
    return {name: ratio.value, **ends, f"{name}_text": text}


def mean_gain(found: dict, arm: str) -> float:
    """Return the mean logarithm of the leverage, a network that does not learn at 1/100."""
    values = [row["leverage"] for rows in found.values() for row in rows if row["arm"] == arm]
    return float(np.mean(np.log([v if np.isfinite(v) and v > 0 else 0.01 for v in values])))


def point(row: dict, place: float) -> dict:
    """Return the leverage of a network and its interval, to draw it at a place."""
    return {"place": place, **{name: row[f"leverage{end}"] for name, end in ENDS.items()}}
