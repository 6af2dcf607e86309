"""Pictures of data, trainings and experiments."""

from moe_theory.plotting.cells import cell_means, cell_places, plot_cells
from moe_theory.plotting.curves import look, n_draws, plot_curves, summary_rows
from moe_theory.plotting.samples import plot_sample

__all__ = [
    "cell_means",
    "cell_places",
    "look",
    "n_draws",
    "plot_cells",
    "plot_curves",
    "plot_sample",
    "summary_rows",
]
