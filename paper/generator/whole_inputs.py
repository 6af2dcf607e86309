"""The article's figure of routing whole inputs: six networks, and C22's four settings."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import ClusterSignal
from moe_theory.bounds import patch_sum_floor
from moe_theory.plotting import plot_intervals
from prose.tables import Row, row

DATA = {"patterns": ("C0", "o"), "clusters": ("C3", "D"), "digits": ("C2", "^")}
NETWORKS = {
    "dense": "dense,\n40 units",
    "dense_small": "dense,\n5 units",
    "whole_input": "whole\ninputs",
    "token_choice": "patches\nchoose",
    "separate": "pMoE,\nseparate",
    "joint": "pMoE,\njoint",
}
CLUSTERED = {
    ("mixture", "cubic"): ("mixture, cubic experts", "C2", "^"),
    ("mixture", "linear"): ("mixture, linear experts", "C4", "v"),
    ("single", "cubic"): ("one cubic network", "C0", "o"),
    ("single", "linear"): ("one linear network", "C1", "s"),
}
SETTINGS = (1, 2, 3, 4)


def whole() -> Figure:
    """Draw N* of six networks on three kinds of data, and accuracies on clusters."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    samples, accuracy = figure.subplots(1, 2, width_ratios=(1.25, 1))
    for place, (data, (colour, marker)) in enumerate(DATA.items()):
        for x, arm in enumerate(NETWORKS):
            at = row("whole_inputs", data=data, arm=arm, quantity="N*")
            threshold(samples, x + 0.17 * (place - 1), at, colour, marker)
        samples.plot([], [], color=colour, marker=marker, linestyle="none", label=data)
    samples.set_xticks(range(len(NETWORKS)), list(NETWORKS.values()), fontsize=6)
    samples.set_yscale("log")
    samples.set_ylabel("$N^*$, samples to $ε$ = 0.15")
    for place, (network, (label, colour, marker)) in enumerate(CLUSTERED.items()):
        arm, activation = network
        rows = [row("clusters", arm=arm, activation=activation, setting=at) for at in SETTINGS]
        middle, low, high = (
            np.array([float(r[f"accuracy{end}"]) for r in rows]) for end in ("", "_low", "_high")
        )
        xs = np.array(SETTINGS) + 0.12 * (place - 1.5)
        accuracy.errorbar(xs, middle, [middle - low, high - middle], color=colour, marker=marker,
                          linestyle="none", label=label)  # fmt: skip
    for at in SETTINGS:
        most = 1 - patch_sum_floor(ClusterSignal.published(at))
        label = "best sum over patches" if at == SETTINGS[0] else None
        accuracy.plot([at - 0.35, at + 0.35], [most, most], "k--", label=label)
    laws = ("larger\nnoise", "larger\nnoise", "noise of\none law", "noise of\none law")
    texts = [f"{law},\nσ = {sigma}" for law, sigma in zip(laws, (1, 2, 1, 2), strict=True)]
    accuracy.set_xticks(SETTINGS, texts, fontsize=6)
    accuracy.set_ylim(0.6, 1.02)
    accuracy.set_ylabel("test accuracy on clusters")
    for ax in (samples, accuracy):
        ax.grid(alpha=0.3, axis="y")
    samples.legend(loc="lower left")
    accuracy.legend(loc="center left", bbox_to_anchor=(0, 0.52), fontsize=5.5)
    return figure


def threshold(ax: Axes, x: float, at: Row, colour: str, marker: str) -> None:
    """Draw one N* with its interval, or an arrow from the largest N tried."""
    known = {"x": x, **{name: float(at[name]) for name in ("value", "low", "high")}}
    plot_intervals([known], ax, x="x", colour=colour, marker=marker, size=3)
