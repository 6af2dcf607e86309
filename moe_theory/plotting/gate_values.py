"""Gate values of the discriminative patches, expert by expert."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from moe_theory._typed import typed
from moe_theory._validation import integer
from moe_theory.experiments import Results
from moe_theory.plotting.compression import mean_interval


@typed
def plot_gates(results: Results, ax: Axes, *, n_routed: int) -> Axes:
    """Draw the mean gate that each expert gives the discriminative patch of both classes.

    Parameters
    ----------
    results : Results
        Rows of joint trainings, one per draw, with what `gates_per_expert` measures.
    ax : Axes
        Where to draw: bars are means over draws, whiskers their 95 % intervals.
    n_routed : int
        l; a line shows the gate 1/l of an expert whose scores are all equal.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"gates_positive": [0.9, 0.1], "gates_negative": [0.0, 0.8]}] * 2
    >>> ax = plot_gates(Results({}, rows), Figure().subplots(), n_routed=4)
    >>> len(ax.patches)
    4
    """
    n_routed = integer("n_routed", n_routed, 1)
    for side, (column, label, colour) in enumerate(
        [
            ("gates_positive", "$o_1$, inputs with $y=+1$", "C0"),
            ("gates_negative", "$o_2$, inputs with $y=-1$", "C3"),
        ]
    ):
        gates = np.array([row[column] for row in results.rows])
        places = np.arange(1, gates.shape[1] + 1) + 0.4 * side - 0.2
        mean = gates.mean(axis=0)
        ax.bar(places, mean, 0.38, color=colour, alpha=0.7, label=label)
        if len(gates) > 1:
            low, high = mean_interval(gates, limits=(0, 1))
            ax.errorbar(places, mean, [mean - low, high - mean], fmt="none", ecolor="k")
    ax.axhline(1 / n_routed, color="k", linestyle="--", label=f"equal gates, $1/l$ = 1/{n_routed}")
    ax.set_xticks(np.arange(1, gates.shape[1] + 1))
    ax.set_xlabel("expert $s$, ordered by $G(o_1) - G(o_2)$")
    ax.set_ylabel("mean gate $G$ of the patch, 0 if not routed")
    return ax
