"""Pruning: loss of accuracy on the task against the experts left out, for every score."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.inference import SCORES, Comparison, compare_losses, compression_limit
from moe_theory.plotting import headline, legend_below, n_draws, plot_compression

SIMULATION = "../simulations/pruning.py"

SEEN = {"often": "task in 1/3 of pre-training", "seldom": "task in 2 % of pre-training"}
RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.8125, 0.875, 0.90625, 0.9375, 0.96875)
COMPARED = (0.5, 0.75, 0.875, 0.9375)
TREATMENTS = {
    "": ("routers stay", RATIOS),
    "_routers_go": ("routers go", COMPARED),
    "_tuned": ("fine-tuned again", (0.75, 0.9375)),
}
ROUTING = ("expert choice", "token choice")
DRAWN = ("router_norm_change", "gate_mass", "activation_frequency", "weight_magnitude", "random")
LINES = {"gate": ("half of the gate", "--"), "proficient": ("P24's proficiency", ":")}
N_EXPERTS = 32


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, routing in zip(axes, ROUTING, strict=True):
        for ax, (seen, what) in zip(row, SEEN.items(), strict=True):
            here = results.select(data="digits", routing=routing, seen=seen, loss="hinge")
            for score in DRAWN:
                plot_compression(ax, left(RATIOS), losses(here, score), score)
            mark(ax, here)
            ax.set_title(f"{routing}, {what}", fontsize=10)
        row[0].set_ylabel("loss of test accuracy on the task, points")
    for ax in axes[-1]:
        ax.set_xlabel("fraction of experts left out $\\rho$")
    legend_below(figure, ncols=4, size=9)
    headline(
        figure,
        "Most experts of a fine-tuned network may go; where patches choose experts, those whose "
        "routers changed least are the ones to leave out",
        f"digits, {N_EXPERTS} experts after fine-tuning on one task, not tuned again; mean and "
        f"95 % interval over {n_draws(results)} draws; $\\gamma$: fraction of irrelevant experts; "
        "P24: Chowdhury et al. (2024)",
    )
    return figure, rows(results)


def left(ratios):
    """Return the number of experts left."""
    return N_EXPERTS * (1 - np.array(ratios))


def losses(here, score, treatment=""):
    """Return the loss of accuracy in points, shape (draws, ratios)."""
    before = np.array(here.column("accuracy").tolist())
    return 100 * (before[:, None] - np.array([row[score + treatment] for row in here.rows]))


def mark(ax, here):
    """Mark the fraction of irrelevant experts by both lines."""
    for name, (label, style) in LINES.items():
        gamma = here.mean_std(f"gamma_{name}")[0]
        ax.axvline(N_EXPERTS * (1 - gamma), color="0.3", linestyle=style, linewidth=1,
                   label=f"$\\rho = \\gamma$ by {label}")  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_xlim(40, 0.9)
    ticks = (0, 0.5, 0.75, 0.875, 0.9375, 0.96875)
    ax.set_xticks(left(ticks), ["0", "½", "¾", "⅞", "15⁄16", "31⁄32"])
    ax.set_xticks([], minor=True)
    ax.axhline(0, color="k", linewidth=0.8)


def rows(results):
    """Return for every cell and score losses, and distances from the best score."""
    table, names = [], ("data", "routing", "seen", "loss")
    cells = {tuple(row[name] for name in names): None for row in results}
    for cell in cells:
        labels = dict(zip(names, cell, strict=True))
        here = results.select(**labels)
        labels |= {"n_draws": len(here.rows)} | at_gamma(here)
        for treatment in TREATMENTS:
            if here.rows[0][SCORES[0] + treatment] is not None:
                table += compared(here, labels, treatment)
    return table


def at_gamma(here):
    """Return γ, and what is lost where the γ·k experts of least Δ_s are left out."""
    before = np.array(here.column("accuracy").tolist())
    columns = {"accuracy": round(float(before.mean()), 4)}
    for name in LINES:
        after = np.array(here.column(f"at_gamma_{name}").tolist())
        found = compare_losses(100 * (before - after)[:, None])
        columns[f"gamma_{name}"] = round(here.mean_std(f"gamma_{name}")[0], 4)
        cells = found.cells(f"gamma_{name}")[0]
        columns |= {key: cells[key] for key in cells if key.startswith(("mean", "low", "high"))}
    return columns


def compared(here, labels, treatment):
    what, ratios = TREATMENTS[treatment]
    found = [{**labels, "treatment": what, "score": score} for score in SCORES]
    every = np.stack([losses(here, score, treatment) for score in SCORES], axis=2)
    columns = [name for ratio in COMPARED for name in Comparison.columns(f"{ratio:g}")]
    for row in found:
        row.update(dict.fromkeys(columns))
    for ratio in set(COMPARED) & set(ratios):
        result = compare_losses(every[:, ratios.index(ratio)])
        for row, cells in zip(found, result.cells(f"{ratio:g}"), strict=True):
            row.update(cells)
    before = np.array(here.column("accuracy").tolist())
    for row in found:
        accuracy = np.array([line[row["score"] + treatment] for line in here.rows])
        limit = compression_limit(ratios, accuracy, before)
        row |= {"largest_ratio": limit.value, "milder": limit.milder, "harsher": limit.harsher}
    return found
