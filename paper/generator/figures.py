"""Figures of the article at the width of its text, from the tables of the full-scale figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from generator.tables import LEVELS
from generator.whole_inputs import whole
from moe_theory.bounds import complexity
from moe_theory.plotting import number_ticks, plot_intervals
from moe_theory.predictions import one_step_samples_asymptotic
from prose.queries import half_width, mean_and_error, predictions_file
from prose.tables import Row, Table, row, setting, table

WIDTH = 6.4
SMALLEST = 0.008  # errors below this are seen in too few test inputs
STYLE: dict[Any, float] = {
    "font.size": 7, "axes.titlesize": 7, "axes.labelsize": 7, "legend.fontsize": 6,
    "lines.markersize": 3, "lines.linewidth": 0.9, "errorbar.capsize": 1.5, "pdf.fonttype": 42,
    "xtick.labelsize": 6, "ytick.labelsize": 6, "axes.linewidth": 0.6, "grid.linewidth": 0.4,
}  # fmt: skip
LOOKS = {
    "dense": ("C0", "o"), "separate": ("C1", "s"), "joint": ("C2", "^"), "joint_l2": ("C3", "D"),
    "place": ("C0", "o"), "score": ("C1", "s"), "expert": ("C2", "^"),
}  # fmt: skip
RULES = {"place": "tokens, by place", "score": "tokens, by score", "expert": "experts choose"}


def points(ax: Axes, rows: Iterable[Row], x: str, label: str, arm: str) -> None:
    """Draw thresholds or savings with their intervals."""
    rows = list(rows)
    names = {"value": "saving" if "saving" in rows[0] else "value", "low": "low", "high": "high"}
    found = [
        {x: float(r[x]), **{name: float(r[column]) for name, column in names.items()}}
        for r in rows if r[names["value"]]
    ]  # fmt: skip
    colour, marker = LOOKS[arm]
    plot_intervals(found, ax, x=x, colour=colour, marker=marker, label=label, size=3)
    known = [r for r in found if 0 < r["value"] < np.inf]
    ax.plot([r[x] for r in known], [r["value"] for r in known], color=colour)


def logarithmic(ax: Axes, ticks: list[float], x: str, y: str) -> None:
    """Give an axis logarithmic scales, plain ticks, labels and a legend."""
    ax.set_yscale("log")
    ax.set_xscale("log")
    number_ticks(ax, ticks)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.grid(alpha=0.3)


def bound_line(ax: Axes, arm: str, name: str, rows: Table, start: float) -> None:
    """Draw the slope of a sample bound through what was measured at one size."""
    power = float(complexity("sample complexity", arm).exponent(name))
    value = next(float(r["value"]) for r in rows if float(r[name]) == start)
    at = np.geomspace(start, max(float(r[name]) for r in rows), 50)
    ax.plot(at, value * (at / start) ** power, ":", color="0.3", label=f"slope of bound: {power:g}")


def samples() -> Figure:
    """Draw N* against n, l and k."""
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    over_n, over_l, over_k = figure.subplots(1, 3, sharey=True)
    sizes = sorted({float(r["n_patches"]) for r in table("sample_complexity", arm="dense")})
    for epsilon, colour in zip(LEVELS, ("C9", "C8", "C0", "C4"), strict=True):
        rows = table("sample_complexity", arm="dense", epsilon=epsilon)
        middle = np.array([float(r["value"]) for r in rows])
        ends = np.array([[float(r["low"]), float(r["high"])] for r in rows]).T
        over_n.errorbar(sizes, middle, np.abs(ends - middle), color=colour, marker="o",
                        label=f"dense, $ε$ = {epsilon}")  # fmt: skip
    p = setting("sample_complexity", "data")["n_irrelevant"]
    one_step = [one_step_samples_asymptotic(int(n), p, 0.05) for n in sizes]
    over_n.plot(sizes, one_step, "k--", label="one step, $ε$ = 0.05")
    rows = table("sample_complexity", arm="dense", epsilon=0.05)
    bound_line(over_n, "dense", "n_patches", rows, 16)
    logarithmic(over_n, [16, 32, 64, 128], "patches $n$", "$N^*$")
    for arm, k in (("separate", 2), ("joint", 8)):
        rows = table("sample_complexity", arm=arm, n_experts=k, epsilon=0.05)
        points(over_l, rows, "n_routed", f"{arm}, $k$ = {k}", arm)
    separate = table("sample_complexity", arm="separate", epsilon=0.05)
    bound_line(over_l, "separate", "n_routed", separate, 2)
    logarithmic(over_l, [1, 2, 4, 8, 16, 32], "patches per expert $l$", "")
    rows = table("sample_complexity", arm="joint", n_routed=4, epsilon=0.05)
    points(over_k, rows, "n_experts", "joint, $l$ = 4", "joint")
    bound_line(over_k, "joint", "n_experts", rows, 2)
    logarithmic(over_k, [2, 4, 8, 20], "experts $k$", "")
    dense = row("sample_complexity", arm="dense", n_patches=64, epsilon=0.05)
    for ax in (over_l, over_k):
        ax.axhline(float(dense["value"]), color="C0", linewidth=0.8, label="dense")
        ax.axhspan(float(dense["low"]), float(dense["high"]), color="C0", alpha=0.15)
        ax.set_title("$n$ = 64, $ε$ = 0.05")
    for ax in (over_n, over_l, over_k):
        ax.set_ylim(1.5, 20_000)
        ax.legend(loc="upper right" if ax is over_l else "upper left")
    return figure


def savings() -> Figure:
    """Draw savings in samples and operations against n/l."""
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    grid = figure.subplots(2, 2)
    names = {"joint_l2": r"joint, rate $\propto l^2$"}
    for axes, data in zip(grid, ("patterns", "digits"), strict=True):
        for ax, quantity in zip(axes, ("N*", "operations"), strict=True):
            found = table("savings", data=data, quantity=quantity)
            for arm in dict.fromkeys(r["arm"] for r in found):
                points(ax, found(arm=arm), "n_over_l", names.get(arm, arm), arm)
            ax.axhline(1, color="k", linewidth=0.6)
            what = "$N^*$" if quantity == "N*" else "operations"
            logarithmic(ax, [2, 4, 8, 16, 32, 64], "$n/l$", f"{what}: dense / pMoE")
            ax.set_title(data)
            ax.legend()
    return figure


def routers() -> Figure:
    """Draw what separate training errs with routers fitted on three kinds of samples."""
    figure = Figure(figsize=(WIDTH, 2.1), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    kinds = {"train": ("routers from the $N$ samples", "C1", "s"),
             "split": ("from one half", "C4", "v"),
             "held_out": ("from $N$ others", "C2", "^")}  # fmt: skip
    for ax, l in zip(axes, (2, 8, 16, 32), strict=True):
        dense = table("router_samples", data="patterns", router_samples="dense")
        errors(ax, dense, "dense", "C0", "o")
        for name, (label, colour, marker) in kinds.items():
            rows = table("router_samples", data="patterns", router_samples=name, n_routed=l)
            errors(ax, rows, label, colour, marker)
        ax.set_yscale("symlog", linthresh=0.01)
        ax.set_xscale("log")
        number_ticks(ax, [10, 20, 40, 80, 160, 320])
        ax.set_ylim(0, 0.6)
        ax.set_xlabel("training samples $N$")
        ax.set_title(f"$l$ = {l}")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("test error")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def errors(ax: Axes, rows: Table, label: str, colour: str, marker: str) -> None:
    """Draw mean test errors with 95 % intervals."""
    first = {float(r["n_train"]): r for r in rows}
    at = sorted(first)
    middle = np.array([float(first[n]["test_error_mean"]) for n in at])
    wide = [mean_and_error(first[n], "test_error")[1] for n in at]
    ax.errorbar(at, middle, wide, color=colour, marker=marker, label=label)


def predictions() -> Figure:
    """Draw predicted against simulated error, and the ratio of N*."""
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    arms = ("one step", "dense", "separate", "joint")
    top, bottom = figure.subplots(2, 4, sharey="row")
    for upper, lower, arm in zip(top, bottom, arms, strict=True):
        rows = [r for r in table("predictions", arm=arm, quantity="error")
                if float(r["simulated"]) > SMALLEST]  # fmt: skip
        wide = [float(r["simulated_high"]) - float(r["simulated"]) for r in rows]
        drawn = {"fmt": "o", "markersize": 1.5, "linewidth": 0.4, "capsize": 0}
        upper.errorbar([float(r["predicted"]) for r in rows], [float(r["simulated"]) for r in rows],
                       wide, color="C0", **drawn)  # fmt: skip
        upper.plot([0.005, 0.5], [0.005, 0.5], "k-", linewidth=0.6)
        upper.set(xscale="log", yscale="log", xlim=(0.005, 0.5), ylim=(0.005, 0.5))
        upper.set_title(arm if arm == "one step" else f"{arm}, trained")
        upper.set_xlabel("predicted error")
        rows = table("predictions", arm=arm, quantity="samples")
        off = np.array([float(r["ratio"]) - 1 for r in rows])
        ends = np.array([[float(r["ratio_low"]), float(r["ratio_high"])] for r in rows]).T - 1
        lower.errorbar([float(r["simulated"]) for r in rows], off, np.abs(ends - off), color="C1",
                       **drawn)  # fmt: skip
        claimed = predictions_file().ACCURACY[arm]
        lower.axhspan(-claimed, claimed, color="0.9", zorder=0)
        lower.axhline(0, color="k", linewidth=0.6)
        lower.set_xscale("log")
        number_ticks(lower, [5, 10, 20, 50, 100, 200])
        lower.set_ylim(-0.6, 0.6)
        lower.set_xlabel("simulated $N^*$")
    top[0].set_ylabel("simulated error")
    bottom[0].set_ylabel("predicted / simulated $N^*$ − 1")
    return figure


def tokens() -> Figure:
    """Draw who receives the patch before and after training, and the test error."""
    figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
    before, after, error = figure.subplots(1, 3)
    for arm, label in RULES.items():
        colour, marker = LOOKS[arm]
        for ax, when in ((before, "untrained"), (after, "trained")):
            rows = token_rows(arm, when)
            at = [float(r["capacity"]) for r in rows]
            wide = [half_width(float(r["standard_error"]), None) for r in rows]
            ax.errorbar(at, [float(r["simulated"]) for r in rows], wide, color=colour,
                        marker=marker, linestyle="none", label=label)  # fmt: skip
            ax.plot(at, [float(r["predicted"]) for r in rows], color=colour)
        rows = token_rows(arm, "trained")
        wide = [mean_and_error(r, "test_error")[1] for r in rows]
        error.errorbar([float(r["capacity"]) for r in rows], [float(r["test_error"]) for r in rows],
                       wide, color=colour, marker=marker, label=label)  # fmt: skip
    titles = (
        "random routers",
        "trained routers",
        "trained networks",
    )
    for ax, title in zip((before, after, error), titles, strict=True):
        ax.set_xscale("log")
        number_ticks(ax, [1, 2, 4, 8, 16])
        ax.set_xlabel("patches that an expert takes, $C = l$")
        ax.set_ylabel("test error" if ax is error else "patch received")
        ax.set_ylim(0, 0.6 if ax is error else 1.05)
        ax.set_title(title)
        ax.grid(alpha=0.3)
    error.legend()
    return figure


def token_rows(arm: str, routers_: str) -> list[Row]:
    """Return the rows over the capacity at n = 32 and k = 8."""
    labels = {"n_patches": 32, "n_experts": 8, "routers": routers_}
    found = table("token_choice", arm=arm, **labels)
    return sorted(found, key=lambda r: float(r["capacity"]))


def norms() -> Figure:
    """Draw router norms against d, and experts needed against k and 1 − γ."""
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    (hinge, logistic), (over_k, over_gamma) = figure.subplots(2, 2)
    curves = {"carries_change": ("carry the task", "C3", "o"),
              "receives_change": ("receive it, little gate", "C1", "v"),
              "never_change": ("never receive it", "C0", "s")}  # fmt: skip
    for ax, loss in ((hinge, "hinge"), (logistic, "logistic")):
        for quantity, (label, colour, marker) in curves.items():
            series(ax, row("router_norms", loss=loss, quantity=quantity), label, colour, marker)
        logarithmic(ax, [36, 68, 132, 260, 516], "dimension $d$", r"mean $|\Delta_s|$")
        ax.set_title(f"{loss} loss")
        ax.set_ylim(2e-6, 10)
    for loss, colour, marker in (("hinge", "C2", "^"), ("logistic", "C4", "D")):
        line = row("router_norms", loss=loss, size="n_experts", quantity="kept")
        series(over_k, line, loss, colour, marker)
        line = row("router_norms", loss=loss, size="n_routed")
        series(over_gamma, line, loss, colour, marker)
    ends = np.array([0.15, 0.7])
    over_gamma.plot(ends, ends, ":", color="0.3", label=r"$1-\gamma$")
    over_k.plot([8, 64], [2 / 8, 2 / 64], ":", color="0.3", label="$2/k$")
    logarithmic(over_k, [8, 16, 32, 64], "experts $k$", "fraction needed")
    logarithmic(over_gamma, [0.2, 0.3, 0.5, 0.7], r"relevant experts $1-\gamma$", "fraction needed")
    for ax in (over_k, over_gamma):
        ticks = [0.05, 0.1, 0.2, 0.4]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_yticks([], minor=True)
    for ax in (hinge, over_k, over_gamma):
        ax.legend(loc="lower left")
    over_gamma.legend(loc="upper left")
    return figure


def series(ax: Axes, line: Row, label: str, colour: str, marker: str) -> None:
    """Draw the means of one row of router norms with 95 % intervals."""
    at, means, errors_ = (
        np.array(line[name].split(), float) for name in ("values", "means", "standard_errors")
    )
    wide = [half_width(error, int(line["n_draws"])) for error in errors_.tolist()]
    ax.errorbar(at, means, wide, color=colour, marker=marker, label=label)


FIGURES: dict[str, Callable[[], Figure]] = {
    "samples": samples,
    "savings": savings,
    "routers": routers,
    "predictions": predictions,
    "tokens": tokens,
    "whole": whole,
    "norms": norms,
}


def write(folder: Path) -> None:
    """Draw every figure into a folder."""
    for name, draw in FIGURES.items():
        with rc_context(STYLE):
            draw().savefig(folder / f"figure_{name}.pdf", metadata={"CreationDate": None})
