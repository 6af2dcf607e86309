"""Pictures of data, trainings and experiments."""

from moe_theory.plotting.cells import cell_means, cell_places, plot_cells
from moe_theory.plotting.compression import SCORE_LOOKS, mean_interval, plot_compression
from moe_theory.plotting.curves import (
    look,
    n_draws,
    number_ticks,
    plot_curve,
    plot_curves,
    summary_rows,
)
from moe_theory.plotting.frame import headline, legend_below
from moe_theory.plotting.gate_values import plot_gates
from moe_theory.plotting.intervals import open_ends, plot_intervals
from moe_theory.plotting.load import plot_load
from moe_theory.plotting.one_input import plot_sample
from moe_theory.plotting.thresholds import (
    exponent_text,
    fit_rows,
    interval_text,
    plot_fit,
    plot_slope,
    plot_thresholds,
)

__all__ = [
    "SCORE_LOOKS",
    "cell_means",
    "cell_places",
    "exponent_text",
    "fit_rows",
    "headline",
    "interval_text",
    "legend_below",
    "look",
    "mean_interval",
    "n_draws",
    "number_ticks",
    "open_ends",
    "plot_cells",
    "plot_compression",
    "plot_curve",
    "plot_curves",
    "plot_fit",
    "plot_gates",
    "plot_intervals",
    "plot_load",
    "plot_sample",
    "plot_slope",
    "plot_thresholds",
    "summary_rows",
]
