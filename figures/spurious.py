"""Spurious correlations: how far each network relies on a patch that agrees with y in training."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, legend_below, plot_curves, summary_rows

SIMULATION = "../simulations/spurious.py"
ARMS = {
    "dense": "dense network",
    "separate": "pMoE, separate training, $l$ = 1",
    "joint": "pMoE, joint training, $k$ = 8",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.0, 7.6), layout="constrained")
    table = []
    for axes, name in zip(figure.subplots(2, 2), ("patterns", "digits"), strict=True):
        here = results.select(data=name)
        n, n_train = here.rows[0]["n_patches"], here.rows[0]["n_train"]
        n_routed = here.setting(data=name, arm="joint")["model"]["n_routed"]
        for ax, column, limits, label in (
            (axes[0], "test_error", (0, 1), "test error\nwhen the patch is at random"),
            (
                axes[1],
                "reliance",
                (-1, 1),
                "reliance: test error where the patch\ncontradicts $y$ $-$ where it agrees",
            ),
        ):
            plot_curves(here, column, ax, arms=ARMS, x="rho_train", limits=limits)
            ax.set_xlabel("$\\rho$: P(spurious patch agrees with $y$) in training")
            ax.set_ylabel(label)
            ax.set_ylim(bottom=-0.02)
            draws = len(here.unique("draw"))
            ax.set_title(
                f"{name}, $n$ = {n}, $N$ = {n_train}, joint: $l$ = {n_routed}; {draws} draws",
                fontsize=9,
            )
        columns = ["test_error", "reliance", "train_error"]
        table += [{"data": name, **row} for row in summary_rows(here, columns, x="rho_train")]
    legend_below(figure, ncols=3, size=9)
    headline(
        figure,
        "pMoE relies less than a dense network on a spurious patch, as long as the patch "
        "sometimes contradicts the label",
        "means with 95 % intervals",
    )
    return figure, table
