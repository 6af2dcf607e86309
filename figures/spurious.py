"""Spurious correlations: how far each network relies on a patch that agrees with y in training."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import plot_curves, summary_rows

SIMULATION = "../simulations/spurious.py"
ARMS = {
    "patterns": {
        "dense": "dense",
        "separate": "separate, $l$ = 1",
        "joint": "joint, $k$ = 8, $l$ = 8",
    },
    "digits": {
        "dense": "dense",
        "separate": "separate, $l$ = 1",
        "joint": "joint, $k$ = 8, $l$ = 4",
    },
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.0, 7.6), layout="constrained")
    table = []
    for axes, (name, arms) in zip(figure.subplots(2, 2), ARMS.items(), strict=True):
        here = results.select(data=name)
        n, n_train = here.rows[0]["n_patches"], here.rows[0]["n_train"]
        for ax, column, label in (
            (axes[0], "test_error", "test error, spurious patch at random ($\\rho$ = ½)"),
            (axes[1], "reliance", "error where it lies less error where it agrees"),
        ):
            plot_curves(here, column, ax, arms=arms, x="rho_train")
            ax.set_xlabel("$\\rho$ in training: P(spurious patch agrees with $y$)")
            ax.set_ylabel(label)
            ax.set_ylim(bottom=-0.02)
            draws = len(here.unique("draw"))
            ax.set_title(
                f"{name}, $n$ = {n}, $N$ = {n_train}; mean ± std over {draws} draws", fontsize=9
            )
            ax.legend(fontsize=8)
        columns = ["test_error", "reliance", "train_error"]
        table += [{"data": name, **row} for row in summary_rows(here, columns, x="rho_train")]
    figure.suptitle("Learning with a spurious patch", fontsize=10)
    return figure, table
