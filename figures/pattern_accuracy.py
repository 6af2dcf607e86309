"""Accuracy against N on orthonormal patterns: dense network against both pMoE trainings."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import (
    headline,
    legend_below,
    n_draws,
    number_ticks,
    plot_curves,
    summary_rows,
)

SIMULATION = "../simulations/pattern_accuracy.py"
ARMS = {
    "dense": "dense network",
    "separate": "pMoE, separate training, $k$ = 2, $l$ = 2",
    "joint": "pMoE, joint training, $k$ = 8, $l$ = 8",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    ax = plot_curves(results, "test_accuracy", figure.subplots(), arms=ARMS, limits=(0, 1))
    number_ticks(ax, results.unique("n_train"))
    ax.set_ylim(0.48, 1.02)
    ax.set_xlabel("training samples $N$")
    ax.set_ylabel("test accuracy, fraction of inputs")
    legend_below(ax)
    headline(
        figure,
        "pMoE reaches an accuracy of 1 with a fraction of the samples of a dense network",
        "orthonormal patterns, $n$ = 64 patches, $p$ = 256, $m$ = 40 units; "
        f"means of {n_draws(results)} draws with 95 % intervals",
    )
    return figure, summary_rows(results, ["test_accuracy", "train_error", "flops"])
