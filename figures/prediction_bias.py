"""Predicted over simulated error of trained networks: bias and spread over settings, apart."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import bias_and_spread, student_interval
from moe_theory.experiments.scripts import load_script
from moe_theory.plotting import headline

SIMULATION = "../simulations/prediction_bias.py"
SIM = load_script(Path(__file__).parent / SIMULATION, ("MOST_STEPS",))
PREDICTED = ("predicted", "predicted_se", "ratio", "ratio_low", "ratio_high", "ratio_se",
             "steps_ratio", "spread", "spread_low", "spread_high")  # fmt: skip
LABELS = ("arm", "data", "n_patches", "n_irrelevant", "n_routed", "n_hidden", "rate", "batch_size",
          "stop_loss", "n_train")  # fmt: skip
ARMS = ("dense", "separate")
KINDS = {"δ_d": "$δ_d$ = 0.5", "classes": "unequal classes", "closer": "closer patterns"}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    keys = dict.fromkeys(tuple(row[name] for name in LABELS) for row in results.rows)
    rows = [setting_row(results.select(**dict(zip(LABELS, key, strict=True)))) for key in keys]
    whole = [summary_row("all", rows)] + [
        summary_row(arm, [row for row in rows if row["arm"] == arm]) for arm in ARMS
    ]
    return plot(rows, whole[0]), [*whole, *rows]


def setting_row(here: Results) -> dict:
    """Return both errors of one setting, and the interval of their ratio."""
    at, (simulated, std, count) = here.rows[0], here.mean_std("test_error")
    se = std / count**0.5
    ratio = at["predicted"] / simulated
    noise = float(np.hypot(se / simulated, at["predicted_se"] / at["predicted"]))
    low, high = np.exp(student_interval(np.log(ratio), noise, count))
    steps = [row["steps"] for row in here.rows if row["steps"] < SIM.MOST_STEPS]
    return {
        "kind": "setting", **{name: at[name] for name in LABELS}, "n_draws": count,
        "simulated": simulated, "simulated_se": se, "predicted": at["predicted"],
        "predicted_se": at["predicted_se"], "ratio": ratio, "ratio_low": float(low),
        "ratio_high": float(high), "ratio_se": noise,
        "steps_ratio": at["predicted_steps"] / float(np.mean(steps)),
        "stuck": count - len(steps),
        "spread": None, "spread_low": None, "spread_high": None,
    }  # fmt: skip


def summary_row(arm: str, rows: list[dict]) -> dict:
    """Return the bias and the spread over settings."""
    found = bias_and_spread([row["ratio"] for row in rows], [row["ratio_se"] for row in rows])
    return {
        "kind": "summary", **dict.fromkeys(LABELS), "arm": arm, "n_draws": rows[0]["n_draws"],
        **dict.fromkeys(("simulated", "simulated_se", "predicted", "predicted_se", "ratio_se")),
        "ratio": found.bias, "ratio_low": found.bias_low, "ratio_high": found.bias_high,
        "stuck": sum(row["stuck"] for row in rows),
        "steps_ratio": float(np.exp(np.mean(np.log([row["steps_ratio"] for row in rows])))),
        "spread": found.spread, "spread_low": found.spread_low,
        "spread_high": found.spread_high,
    }  # fmt: skip


def plot(rows: list[dict], whole: dict) -> Figure:
    figure = Figure(figsize=(8.4, 1.9 + 0.19 * len(rows)), layout="constrained")
    parts = [[row for row in rows if row["arm"] == arm] for arm in ARMS]
    axes = figure.subplots(2, 1, sharex=True, height_ratios=[len(part) + 1 for part in parts])
    for ax, arm, part in zip(axes, ARMS, parts, strict=True):
        draw_settings(ax, part, whole)
        ax.set_title(f"{arm} network", fontsize=9)
    axes[-1].set_xlabel("predicted / simulated error $ε$")
    bias, low, high = (
        f"{whole[name] - 1:+.1%}".replace("-", "−").replace("%", " %")
        for name in ("ratio", "ratio_low", "ratio_high")
    )
    none = whole["ratio_low"] <= 1 <= whole["ratio_high"]
    finding = "have no bias that can be seen" if none else "are biased"
    headline(
        figure,
        f"Over {len(rows)} settings predicted errors {finding}: {bias} [{low}, {high}]",
        f"{whole['n_draws']} trainings a setting; spread over settings beyond noise "
        f"{whole['spread']:.1%} [{whole['spread_low']:.1%}, {whole['spread_high']:.1%}]; grey: "
        "the interval of the bias; bars: 95 %",
    )
    return figure


def draw_settings(ax: Axes, rows: list[dict], whole: dict) -> None:
    places = np.arange(len(rows))
    middle, low, high = (
        np.array([row[name] for row in rows]) for name in ("ratio", "ratio_low", "ratio_high")
    )
    ax.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="o", color="C0",
                markersize=4, linewidth=1)  # fmt: skip
    ax.axvspan(whole["ratio_low"], whole["ratio_high"], color="0.85", zorder=0)
    ax.axvline(1, color="k", linewidth=0.8, zorder=0)
    ax.set_yticks(places, [name_of(row) for row in rows], fontsize=7)
    ax.set_ylim(len(rows) - 0.4, -0.6)


def name_of(row: dict) -> str:
    routed = "" if row["arm"] == "dense" else f", $l$ = {row['n_routed']}"
    data = "" if row["data"] == "neutral" else f", {KINDS[row['data']]}"
    return (
        f"$n$ = {row['n_patches']}, $p$ = {row['n_irrelevant']}{routed}, $m$ = {row['n_hidden']}, "
        f"$N$ = {row['n_train']}, $B$ = {row['batch_size']}, $η$ = {row['rate']:g}/patch, "
        f"$L_0$ = {row['stop_loss']:g}{data}"
    )
