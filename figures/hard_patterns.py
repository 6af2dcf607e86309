"""N* and operations of all networks where patterns are harder to tell apart, five ways of it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import SGD, DenseCNN, PatchPatterns, Results, SeparateMoE
from moe_theory.experiments import ratio
from moe_theory.experiments.scripts import load_script
from moe_theory.plotting import headline, open_ends, plot_intervals
from moe_theory.predictions import trained_samples_to

SIMULATION = ("../simulations/hard_patterns.py", "../simulations/hard_patterns_cost.py")
SIM = load_script(Path(__file__).parent / SIMULATION[0], ("EPSILON", "families"))
EPSILON = SIM.EPSILON
PREDICTED = ("predicted", "ratio")
MOST_STEPS = 40_000
# Predictions know no spread.
PREDICTED_ARMS = ("dense", "separate")
PREDICTED_WAYS = ("delta_d", "closer patches", "closeness", "positive fraction")
ARMS = {
    "dense": ("dense", "0.4", "s"),
    "separate": ("separate, $k$ = 2, $l$ = 4", "C1", "^"),
    "joint": ("joint, $k$ = 8, $l$ = 8", "C0", "o"),
    "token": ("token choice, $k$ = 8", "C2", "D"),
}
WAYS = {
    "delta_d": "$δ_d$, likeness of $o_1$ and $o_2$",
    "closer patches": "closer patches in an input, $l^*$ − 1",
    "spread": "spread $σ$ of every coordinate",
    "closeness": "closeness of closer patterns",
    "positive fraction": "share of the smaller class",
}
DRAWN = {"samples": "samples $N^*$", "operations": "operations of training"}


def draw(samples: Results, cost: Results) -> tuple[Figure, list[dict]]:
    known = predicted_samples(samples)
    found = {
        "samples": [{**row, "predicted": known.get(place_of(row))} for row in samples.rows],
        "operations": cost.select(quantity="flops").rows,
        "steps": cost.select(quantity="n_steps").rows,
    }
    table = [entry(quantity, row, rows) for quantity, rows in found.items() for row in rows]
    figure = Figure(figsize=(14, 6.6), layout="constrained")
    axes = figure.subplots(2, len(WAYS), sharey="row", sharex="col")
    for line, (quantity, label) in zip(axes, DRAWN.items(), strict=True):
        for ax, way in zip(line, WAYS, strict=True):
            if rows := [row for row in found[quantity] if row["way"] == way]:
                draw_panel(ax, way, rows)
        line[0].set_ylabel(f"{label} to {EPSILON:.0%}")
    for upper, lower, (way, label) in zip(*axes, WAYS.items(), strict=True):
        has_both = any(row["way"] == way for row in cost.rows)
        (lower if has_both else upper).set_xlabel(label)
        upper.tick_params(labelbottom=not has_both)
        lower.set_visible(has_both)
    add_legend(figure.add_subplot(axes[1, -1].get_gridspec()[1, 3:]))
    data, n_train = samples.setting()["data"], cost.rows[0]["n_train"]
    headline(
        figure,
        "Joint training needs the fewest samples however hard the patterns; separate training "
        "saves none where $o_1$, $o_2$ are nearly alike or opposed",
        f"$n$ = {data['n_patches']}, $p$ = {data['n_irrelevant']}; mean error of both classes "
        f"{EPSILON:.0%}; operations with {n_train} samples; 95 % intervals; hollow: not reached"
        f"{open_ends(table)}",
    )
    return figure, table


def add_legend(free: Axes) -> None:
    free.axis("off")
    for label, colour, marker in ARMS.values():
        free.plot([], [], color=colour, marker=marker, linestyle="none", label=label)
    free.plot([], [], color="k", lw=1, label="simulated")
    free.plot([], [], "k--", lw=1.5, label="predicted, nothing fitted (dense, separate)")
    free.legend(loc="center", frameon=False, title="network")


def place_of(row: dict) -> tuple[str, float, str]:
    return row["way"], row["hardness"], row["arm"]


def predicted_samples(samples: Results) -> dict[tuple[str, float, str], float]:
    """Return the predicted N* of what was simulated and reached, where predictions hold."""
    reached = {place_of(row) for row in samples.rows if not row["censored"]}
    asked = {}
    for setting in SIM.families(quick=False):
        at = place_of(setting.labels)
        if at in reached and at[0] in PREDICTED_WAYS and at[2] in PREDICTED_ARMS:
            # They may take all steps that they need.
            sgd = replace(setting.sgd, n_steps=MOST_STEPS)
            asked[at] = setting.data, setting.model, sgd
    # Ways meet where patterns are the same.
    different = list(dict.fromkeys(asked.values()))
    known = Parallel(n_jobs=-1)(delayed(predict)(*one) for one in different)
    found = dict(zip(different, known, strict=True))
    return {at: found[one] for at, one in asked.items()}


def predict(data: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD) -> float:
    with warnings.catch_warnings():
        # Where o₁ and o₂ are nearly alike, some trainings never end: shown, not hidden.
        warnings.simplefilter("ignore", UserWarning)
        return trained_samples_to(data, model, sgd, EPSILON, balanced=True)


def draw_panel(ax: Axes, way: str, rows: list[dict]) -> None:
    places = {value: at for at, value in enumerate(sorted({row["hardness"] for row in rows}))}
    if way == "positive fraction":
        places = {value: len(places) - 1 - at for value, at in places.items()}
    for shift, (arm, (_, colour, marker)) in enumerate(ARMS.items()):
        own = [row for row in rows if row["arm"] == arm]
        own.sort(key=lambda row: places[row["hardness"]])
        points = [{**row, "place": places[row["hardness"]] + 0.08 * (shift - 1.5)} for row in own]
        plot_intervals(points, ax, x="place", label="", colour=colour, marker=marker)
        known = [row for row in points if np.isfinite(row["value"])]
        ax.plot([r["place"] for r in known], [r["value"] for r in known], color=colour, lw=1)
        theory = [row for row in points if row.get("predicted") is not None]
        ax.plot([r["place"] for r in theory], [r["predicted"] for r in theory], color=colour,
                lw=1.5, linestyle="--", zorder=5)  # fmt: skip
    ax.set_xticks(list(places.values()), [f"{value:g}" for value in places], fontsize=8)
    ax.grid(alpha=0.3)


def entry(quantity: str, row: dict, rows: list[dict]) -> dict:
    """Return a row of the table, with what the dense network takes over what this one does."""
    at = {name: row[name] for name in ("way", "hardness")}
    dense = next(one for one in rows if one["arm"] == "dense" and at.items() <= one.items())
    saved = ratio(dense, row)
    return {
        "way": row["way"].replace(" ", "_"), "hardness": row["hardness"], "arm": row["arm"],
        "quantity": quantity, "epsilon": EPSILON,
        **{name: row[name] for name in ("value", "low", "high", "censored", "n_runs")},
        "predicted": (known := row.get("predicted")),
        "ratio": known and known / row["value"],
        "saving": saved.value, "saving_low": saved.low, "saving_high": saved.high,
    }  # fmt: skip
