"""What three habits of C22's released code do: accuracy and entropy with each switched on."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import MeanStd
from moe_theory.plotting import headline, legend_below, n_draws

SIMULATION = "../simulations/routing_quirks.py"
VARIANTS = {
    "library": "the library",
    "none": "own trainer,\nall habits off",
    "score_gate": "gate is the raw\nnoisy score",
    "double_softmax": "softmax\ntwice",
    "test_noise": "noise in\ntesting",
    "all": "all three",
}
PANELS = {
    "accuracy": "test accuracy, fraction of inputs",
    "entropy": "entropy of the cluster given the expert, nats",
}
LOOKS = {
    1: ("setting 1: noise may be larger, σ = 1", "C0", "o"),
    4: ("setting 4: same laws, σ = 2", "C3", "D"),
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    table = [row_of(results, number, place) for number in LOOKS for place in range(len(VARIANTS))]
    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    for ax, (name, label) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        for number, (what, colour, marker) in LOOKS.items():
            rows = [row for row in table if row["setting"] == number]
            value, low, high = (
                np.array([row[key] for row in rows])
                for key in (name, f"{name}_low", f"{name}_high")
            )
            ax.errorbar(
                np.arange(len(rows)) + (-0.08 if number == 1 else 0.08), value,
                [value - low, high - value], color=colour, marker=marker, linestyle="none",
                capsize=2, label=what,
            )  # fmt: skip
        ax.set_xticks(range(len(VARIANTS)), list(VARIANTS.values()), fontsize=8)
        ax.set_ylabel(label)
        ax.grid(alpha=0.3, axis="y")
    legend_below(figure, ncols=2, size=9)
    row = results.rows[0]
    headline(
        figure,
        finding(table),
        "the code released with Chen et al. (2022); 8 cubic experts of 16 units, "
        f"$N$ = {row['n_train']:,}; means of {n_draws(results)} draws "
        "with 95 % intervals",
    )
    return figure, table


def finding(table: list[dict]) -> str:
    """Say by how much the habits change accuracy at most, and what they do to the entropy."""
    largest = 100 * max(abs(row["change"]) for row in table)
    first = {row["variant"]: row["entropy"] for row in table if row["setting"] == 1}
    parted = "part the clusters less" if first["all"] > first["none"] else "part the clusters more"
    return (
        f"Three habits of the released code change accuracy by {largest:.1f} points at most; "
        f"together they {parted}"
    )


def row_of(results: Results, number: int, place: int) -> dict:
    """Return means with intervals, and the paired change of accuracy from habits off."""
    here = results.select(setting=number)
    row = {"setting": number, "variant": list(VARIANTS)[place], "n_draws": len(here.rows)}
    for name in ("accuracy", "entropy", "n_used", "loss"):
        found, (low, high) = interval([one[name][place] for one in here.rows])
        row |= {name: found, f"{name}_low": max(low, 0.0), f"{name}_high": high}
    row["accuracy_high"] = min(row["accuracy_high"], 1.0)
    row["entropy_high"] = min(row["entropy_high"], np.log(4))
    off = list(VARIANTS).index("none")
    gaps = [one["accuracy"][place] - one["accuracy"][off] for one in here.rows]
    change, (low, high) = interval(gaps)
    return row | {"change": change, "change_low": low, "change_high": high}


def interval(values) -> tuple[float, tuple[float, float]]:
    values = np.array(values, dtype=float)
    found = MeanStd(float(values.mean()), float(values.std(ddof=1)), len(values))
    return found.mean, found.interval()
