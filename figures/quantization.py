"""Mixed precision: accuracy against average bits, for every way to spend them."""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.inference import SCORES, compression_limit
from moe_theory.plotting import plot_compression

SIMULATION = "../simulations/quantization.py"

BITS = {9: (3.0, 2.75, 2.5, 2.25, 2.0, 1.75, 1.5, 1.25, 1.0), 5: (3.0, 2.5, 2.0, 1.5, 1.0)}
UNIFORM = (8, 6, 5, 4, 3, 2, 1)
LEVELS = {"two": "3 or 1 bits", "three": "4, 2 or 1 bits"}
CHANGES = (
    "smallest_change", "smallest_change_lift", "smallest_change_idle_last", "largest_change",
)  # fmt: skip
WAYS = (
    "uniform",
    *CHANGES,
    "rounding_noise",
    *(score for score in SCORES if score != "router_norm_change"),
)
ROUTING = ("expert choice", "token choice")


def draw(results: Results) -> tuple[Figure, list[dict]]:
    alphas = results.select(data="digits").unique("alpha")
    narrow = len(alphas) == 1
    figure = Figure(figsize=(11, 9.5) if narrow else (4.6 * len(alphas), 14.5),
                    layout="constrained")  # fmt: skip
    shape = (2, 2) if narrow else (4, len(alphas))
    axes = figure.subplots(*shape, sharex=True).reshape(4, -1)
    panels = [(routing, part) for routing in ROUTING for part in ("all", "rare")]
    for row, (routing, part) in zip(axes, panels, strict=True):
        for ax, alpha in zip(row, alphas, strict=True):
            here = results.select(data="digits", alpha=alpha, routing=routing)
            for way in WAYS:
                bits, accuracy = curve(here, way, "two", part)
                plot_compression(ax, bits, accuracy, way, shade=0.05)
            exact = part_of(np.array(here.column("exact").tolist()), part, alpha)
            ax.axhline(exact.mean(), color="k", linewidth=0.8, label="32 bits")
            ax.set_title(f"{routing}, $\\alpha$ = {alpha:g}, {part} inputs", fontsize=9)
            ax.set_xlim(3.05, 0.95)
        row[0].set_ylabel("test accuracy")
    for ax in axes.flat[-max(2, len(alphas)) :]:
        ax.set_xlabel("average bits per expert weight")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=9)
    n_draws = len(results.unique("draw"))
    figure.suptitle(
        "Digits, frequent features 1 and 0, rare ones 7 and 6 with probability $\\alpha$; 16 "
        f"experts of 3 or 1 bits;\nmean and 95 % interval over {n_draws} draws",
        fontsize=11,
    )
    return figure, limits(results)


def curve(here, way, levels, part):
    """Return bits, falling, and accuracy, shape (draws, bits)."""
    name = "uniform" if way == "uniform" else f"{way}_{levels}"
    pairs = np.array([row[name] for row in here.rows])
    accuracy = part_of(pairs, part, here.rows[0]["alpha"])
    if way != "uniform":
        return BITS[accuracy.shape[1]], accuracy
    shown = [place for place, bits in enumerate(UNIFORM) if bits <= 3]
    return [UNIFORM[place] for place in shown], accuracy[:, shown]


def part_of(pairs, part, alpha):
    """Return accuracy on rare inputs, or on all with their frequencies, from (frequent, rare)."""
    rare = pairs[..., 1]
    return rare if part == "rare" else (1 - alpha) * pairs[..., 0] + alpha * rare


def limits(results):
    """Return the lowest average bits at a loss of less than 1 % of accuracy, by allocation."""
    table = []
    names = ("data", "routing", "alpha")
    known = {tuple(row[name] for name in names) for row in results}
    for place in product(*(results.unique(name) for name in names)):
        if place not in known:
            continue
        here = results.select(**dict(zip(names, place, strict=True)))
        for levels, way in product(LEVELS, WAYS):
            if f"{CHANGES[0]}_{levels}" in here.rows[0]:
                table.append(limit_row(here, way, levels))
    return table


def limit_row(here, way, levels):
    row = {name: here.rows[0][name] for name in ("data", "routing", "alpha")}
    row |= {"levels": LEVELS[levels], "allocation": way}
    exact = np.array([line["exact"] for line in here.rows])
    for part in ("all", "rare"):
        bits, accuracy = curve(here, way, levels, part)
        before = part_of(exact, part, row["alpha"])
        limit = compression_limit(bits, accuracy, before)
        row |= {
            f"{part}_lowest_bits": limit.value,
            f"{part}_milder": limit.milder,
            f"{part}_harsher": limit.harsher,
            f"{part}_exact": round(float(before.mean()), 4),
        }
        row |= {
            f"{part}_loss_at_{b:g}": round(float(before.mean() - accuracy[:, place].mean()), 4)
            for place, b in enumerate(bits)
            if b in (1.0, 2.0, 3.0)
        }
    for group in ("frequent", "rare", "none"):
        found = [np.mean(line[f"change_{group}"]) for line in here.rows if line[f"n_{group}"]]
        row[f"change_{group}"] = round(float(np.mean(found)), 4) if found else None
        error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
        row[f"change_{group}_error"] = round(float(error), 4)
    return row | {"n_draws": len(here.rows)}
