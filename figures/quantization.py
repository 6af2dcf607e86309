"""Mixed precision: loss of accuracy against average bits, for ways to spend them."""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.inference import Comparison, compare_losses
from moe_theory.plotting import headline, legend_below, n_draws, plot_compression

SIMULATION = "../simulations/quantization.py"

BITS = (2.5, 2.25, 2.0, 1.75, 1.5)
TABLED = (2.5, 2.0, 1.5)
QUANTIZERS = {
    "gptq": "GPTQ",
    "gptq_released": "P26's GPTQ",
    "hqq": "HQQ",
    "range": "nearest point of the range",
}
SHOWN = "gptq_released"
LEVELS = {"two": "3 or 1 bits", "three": "3, 2 or 1 bits"}
UNIFORM = (1, 2, 3)
PUBLISHED = (
    "smallest_change",
    "released_lift",
    "released_lift_norm",
    "final_norm_lift",
    "activation_frequency",
    "gate_mass",
    "curvature",
)
OWN = (
    "largest_change",
    "large_first",
    "idle_last",
    "rounding_noise",
    "weight_magnitude",
    "random",
)
WAYS = PUBLISHED + OWN
DRAWN = (
    "smallest_change",
    "released_lift",
    "activation_frequency",
    "largest_change",
    "rounding_noise",
)
ROUTING = ("expert choice", "token choice")
PARTS = ("all", "rare")


def draw(results: Results) -> tuple[Figure, list[dict]]:
    alpha = 0.1
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for row, routing in zip(axes, ROUTING, strict=True):
        here = results.select(alpha=alpha, routing=routing)
        for ax, part in zip(row, PARTS, strict=True):
            for way in DRAWN:
                plot_compression(ax, BITS, losses(here, SHOWN, "two", way, part), way)
            ax.set_title(f"{routing}, {part} inputs", fontsize=10)
            ax.set_xlim(2.55, 1.45)
            ax.set_xticks(BITS)
            ax.axhline(0, color="k", linewidth=0.8)
        row[0].set_ylabel("loss of test accuracy, points")
    for ax in axes[-1]:
        ax.set_xlabel("average bits per expert weight $\\bar b$")
    legend_below(figure, ncols=3, size=9)
    headline(
        figure,
        "Bits to the smallest change of routers cost most where experts choose; P26's lift, which "
        "turns this order round, mends it",
        f"digits, rare features with $\\alpha$ = {alpha:g}; 16 experts of 3 or 1 bits by "
        f"{QUANTIZERS[SHOWN]}; mean and 95 % interval over {n_draws(results)} draws; "
        "$\\Delta_s$: change of a router's norm; P26: Chowdhury et al. (2026)",
    )
    return figure, rows(results)


def losses(here, quantizer, levels, way, part):
    """Return the loss of accuracy in points, shape (draws, bits)."""
    name = f"{quantizer}_uniform" if way == "uniform" else f"{quantizer}_{levels}_{way}"
    pairs = np.array([row[name] for row in here.rows])
    exact = np.array([row["exact"] for row in here.rows])
    alpha = here.rows[0]["alpha"]
    return 100 * (part_of(exact, part, alpha)[:, None] - part_of(pairs, part, alpha))


def part_of(pairs, part, alpha):
    """Return accuracy on rare inputs, or on all with their frequencies, from (frequent, rare)."""
    rare = pairs[..., 1]
    return rare if part == "rare" else (1 - alpha) * pairs[..., 0] + alpha * rare


def rows(results):
    """Return for every cell and allocation losses, and distances from the best allocation."""
    table = []
    cells = {(row["routing"], row["alpha"]): None for row in results}
    for (routing, alpha), quantizer, part in product(cells, QUANTIZERS, PARTS):
        here = results.select(routing=routing, alpha=alpha)
        labels = {"routing": routing, "alpha": alpha, "quantizer": quantizer, "part": part}
        labels |= about(here, part)
        for levels in LEVELS:
            table += compared(here, labels, levels)
        table.append(uniform_row(here, labels))
    return table


def about(here, part):
    """Return accuracy before rounding, and how far routers of each group of experts moved."""
    exact = part_of(np.array([row["exact"] for row in here.rows]), part, here.rows[0]["alpha"])
    columns = {"n_draws": len(exact), "accuracy": round(float(exact.mean()), 4)}
    for group in ("frequent", "rare", "none"):
        found = [np.mean(row[f"change_{group}"]) for row in here.rows if row[f"n_{group}"]]
        columns[f"change_{group}"] = round(float(np.mean(found)), 3) if found else None
    return columns


def compared(here, labels, levels):
    found = [{**labels, "levels": LEVELS[levels], "allocation": way} for way in WAYS]
    quantizer, part = labels["quantizer"], labels["part"]
    every = np.stack([losses(here, quantizer, levels, way, part) for way in WAYS], axis=2)
    for bits in TABLED:
        result = compare_losses(every[:, BITS.index(bits)])
        for row, cells in zip(found, result.cells(f"{bits:g}"), strict=True):
            row.update(cells)
    return found


def uniform_row(here, labels):
    """Return what the same width for all experts loses, in the columns of the others."""
    result = compare_losses(losses(here, labels["quantizer"], "", "uniform", labels["part"]))
    cells = result.cells("2")[UNIFORM.index(2)]
    row = {**labels, "levels": "the same", "allocation": "uniform"}
    for bits in TABLED:
        row |= dict.fromkeys(Comparison.columns(f"{bits:g}"))
    return row | {name: cells[name] for name in ("mean_at_2", "low_at_2", "high_at_2")}
