"""Accuracy against N on digits: dense network against both pMoE trainings."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, legend_below, n_draws, plot_curves, summary_rows

SIMULATION = "../simulations/digit_accuracy.py"
ARMS = {
    "dense": "dense network",
    "separate": "pMoE, separate training, $k$ = 2, $l$ = 2",
    "joint": "pMoE, joint training, $k$ = 8, $l$ = 6",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    ax = plot_curves(results, "test_accuracy", figure.subplots(), arms=ARMS, limits=(0, 1))
    height, width = results.setting()["data"]["pools"]["image_shape"]
    ax.set_xlabel("training samples $N$")
    ax.set_ylabel("test accuracy, fraction of inputs")
    legend_below(ax)
    headline(
        figure,
        "On digits, pMoE errs less than a dense network at every number of samples",
        f"{height}×{width} digits, $n$ = 16 patches, $m$ = 40 units; "
        f"means of {n_draws(results)} draws with 95 % intervals",
    )
    return figure, summary_rows(results, ["test_accuracy", "train_error", "flops"])
