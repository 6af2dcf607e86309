"""Digits, predicted from their own means, covariances and angles: routers, and errors over N.

Predictions average over as many training sets of their own as there are draws.
"""

import os
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import DigitPatches, Results
from moe_theory.experiments import student_interval
from moe_theory.experiments.scripts import load_script
from moe_theory.plotting import (
    headline,
    legend_below,
    look,
    mean_interval,
    n_draws,
    number_ticks,
)
from moe_theory.predictions import error_on_images, router_success_on_images

SIMULATION = "../simulations/digit_predictions.py"
PREDICTED = (
    "predicted", "predicted_low", "predicted_high", "gaussian", "drawn", "turned", "ratio",
    "ratio_low", "ratio_high",
)  # fmt: skip
SIM = load_script(Path(__file__).parent / SIMULATION, ("ARMS", "ROUTED", "sgd_of"))
NAMES = {
    "dense": "dense, $m$ = 40",
    "wide": "dense, $m$ = 320",
    "separate": "separate, $k$ = 2, $l$ = 2",
    "joint": "joint, $k$ = 8, $l$ = 6",
}
# Pairs of routers behind a predicted success.
N_ROUTERS = 128
DENSE = ("dense", "wide")
# Errors below which a count of test inputs says little.
LEAST = 0.003


def draw(results: Results) -> tuple[Figure, list[dict]]:
    file = os.environ.get("MOE_THEORY_DIGITS")
    data = DigitPatches.from_npz(file) if file else DigitPatches()
    sizes = sorted(results.unique("n_train"))
    table = [
        success_row(results, data, inputs, n_routed, n_train)
        for inputs in ("fresh", "training")
        for n_routed in SIM.ROUTED
        for n_train in sizes
    ]
    table += [
        error_row(results, data, arm, n_train)
        for arm in NAMES
        for n_train in results.select(arm=arm).unique("n_train")
    ]
    figure = Figure(figsize=(13.0, 5.8), layout="constrained")
    routers, dense, moe = figure.subplots(1, 3)
    for place, l in enumerate(SIM.ROUTED):  # noqa: E741
        draw_success(routers, [r for r in table if r["inputs"] == "fresh" and r["n_routed"] == l],
                     f"C{place + 3}", l)  # fmt: skip
    errors = [row for row in table if row["quantity"] == "error"]
    draw_errors(dense, [row for row in errors if row["arm"] in DENSE])
    draw_errors(moe, [row for row in errors if row["arm"] not in DENSE])
    finish(routers, dense, moe, sizes)
    n = results.setting()["data"]["n_patches"]
    height, width = results.setting()["data"]["pools"]["image_shape"]
    headline(
        figure,
        "On digits, routers succeed as predicted; predicted errors are "
        f"{range_of(table, 'dense')} (dense) and {range_of(table, 'separate')} (separate) of the "
        "simulated ones; joint training, whose gates learn, is not predicted",
        f"{height}×{width} digits, $n$ = {n} patches, published configuration, no parameter "
        f"fitted; means of {n_draws(results)} draws and predictions with 95 % intervals",
    )
    return figure, table


def success_row(
    results: Results, data: DigitPatches, inputs: str, n_routed: int, n_train: int
) -> dict:
    here = results.select(arm="separate", n_train=n_train)
    model = replace(SIM.ARMS["separate"], n_routed=n_routed)
    sgd = SIM.sgd_of("separate")
    known = router_success_on_images(data, model, sgd, n_train, inputs=inputs)
    row = {
        "quantity": "success", "arm": "separate", "inputs": inputs, "n_routed": n_routed,
        "n_train": n_train, **simulated(here, f"{inputs}_{n_routed}"),
        **interval_of(known.own, known.standard_error, N_ROUTERS), "gaussian": None, "drawn": None,
        "turned": None,
    }  # fmt: skip
    if inputs == "fresh":
        moments = router_success_on_images(data, model, sgd, n_train, scores="gaussian")
        row["gaussian"] = moments.own
    return {**row, **ratio_of(row)}


def error_row(results: Results, data: DigitPatches, arm: str, n_train: int) -> dict:
    here = results.select(arm=arm, n_train=n_train)
    model, sgd, n_sets = SIM.ARMS[arm], SIM.sgd_of(arm), n_draws(here)
    known = error_on_images(data, model, sgd, n_train, n_sets=n_sets)
    row = {
        "quantity": "error", "arm": arm, "inputs": "fresh", "n_routed": None, "n_train": n_train,
        **simulated(here, "test_error"), **interval_of(known.error, known.standard_error, n_sets),
        "gaussian": None, "drawn": None, "turned": known.turned,
    }  # fmt: skip
    if arm in DENSE:
        drawn = error_on_images(data, model, sgd, n_train, n_sets=n_sets, units="drawn")
        row["drawn"] = drawn.error
    return {**row, **ratio_of(row)}


def simulated(results: Results, column: str) -> dict:
    values = np.array(results.column(column).tolist(), dtype=float)
    low, high = mean_interval(values, limits=(0, 1))
    return {"n_draws": len(values), "simulated": float(values.mean()), "simulated_low": low,
            "simulated_high": high}  # fmt: skip


def interval_of(value: float, error: float, count: int) -> dict:
    low, high = map(float, student_interval(value, error, count))
    return {"predicted": value, "predicted_low": max(low, 0.0), "predicted_high": min(high, 1.0)}


def ratio_of(row: dict) -> dict:
    """Return predicted over simulated, and its interval from those of both."""
    ratio = row["predicted"] / max(row["simulated"], 1e-9)
    parts = [
        (row[f"{side}_high"] - row[f"{side}_low"]) / 2 / max(row[side], 1e-9)
        for side in ("predicted", "simulated")
    ]
    wide = sqrt(parts[0] ** 2 + parts[1] ** 2)
    return {"ratio": ratio, "ratio_low": ratio / (1 + wide), "ratio_high": ratio * (1 + wide)}


def range_of(table: list[dict], arm: str) -> str:
    """Return the least and the largest ratio of predicted to simulated error."""
    ratios = [row["ratio"] for row in table if row["quantity"] == "error" and row["arm"] == arm]
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return low if low == high else f"{low}–{high}"


def draw_success(ax: Axes, rows: list[dict], colour: str, n_routed: int) -> None:
    xs = [row["n_train"] for row in rows]
    bars(ax, rows, colour, "s", f"simulated, $l$ = {n_routed}")
    ax.plot(xs, [row["predicted"] for row in rows], color=colour, zorder=5)
    ax.plot(xs, [row["gaussian"] for row in rows], color=colour, linestyle=":", zorder=5)


def draw_errors(ax: Axes, rows: list[dict]) -> None:
    arms = [arm for arm in NAMES if arm in {row["arm"] for row in rows}]
    for arm in arms:
        here = [row for row in rows if row["arm"] == arm]
        colour, marker = look(arm, list(NAMES))
        bars(ax, here, colour, marker, f"simulated: {NAMES[arm]}")
        if arm == "wide":
            continue
        xs = [row["n_train"] for row in here]
        what = "if no gate moved" if arm == "joint" else "predicted, many units"
        style = "--" if arm == "joint" else "-"
        ax.plot(xs, [row["predicted"] for row in here], style, color=colour, zorder=5,
                label=f"{what}: {arm}")  # fmt: skip
        ax.fill_between(
            xs, [max(row["predicted_low"], LEAST) for row in here],
            [row["predicted_high"] for row in here], color=colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        if arm == "dense":
            ax.plot(xs, [row["drawn"] for row in here], ":", color=colour, zorder=5,
                    label="predicted, units as drawn: dense")  # fmt: skip


def bars(ax: Axes, rows: list[dict], colour: str, marker: str, label: str) -> None:
    ends = [
        (row["simulated"] - max(row["simulated_low"], LEAST),
         row["simulated_high"] - row["simulated"])
        for row in rows
    ]  # fmt: skip
    ax.errorbar(
        [row["n_train"] for row in rows], [row["simulated"] for row in rows],
        np.maximum(np.transpose(ends), 0), color=colour, marker=marker, markersize=4,
        linestyle="none", capsize=2, label=label,
    )  # fmt: skip


def finish(routers: Axes, dense: Axes, moe: Axes, sizes: list[int]) -> None:
    routers.plot([], [], "k-", label="predicted, scores of the images")
    routers.plot([], [], "k:", label="predicted, Gaussian scores")
    routers.set_ylabel("P(expert receives the discriminative patch)")
    routers.set_title("routers of separate training, fresh inputs", fontsize=9)
    dense.set_title("dense network", fontsize=9)
    moe.set_title("patch-level MoE", fontsize=9)
    for ax in (dense, moe):
        number_ticks(ax, [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5], "y")
        ax.set_ylabel("test error, fraction of inputs")
    low = min(dense.get_ylim()[0], moe.get_ylim()[0], 0.02)
    for ax in (dense, moe):
        ax.set_ylim(low, 0.6)
    for ax in (routers, dense, moe):
        number_ticks(ax, sizes)
        ax.set_xlabel("training samples $N$")
        ax.grid(alpha=0.3)
        legend_below(ax, ncols=1, size=8)
