"""Accuracy against N on digits: dense network against both pMoE trainings."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import n_draws, plot_curves, summary_rows

SIMULATION = "../simulations/digit_accuracy.py"
ARMS = {
    "dense": "dense CNN, $m$ = 40",
    "separate": "pMoE, separate training, $k$ = 2, $l$ = 2",
    "joint": "pMoE, joint training, $k$ = 8, $l$ = 6",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    ax = plot_curves(results, "test_accuracy", figure.subplots(), arms=ARMS)
    height, width = results.setting()["data"]["pools"]["image_shape"]
    ax.set_xlabel("training samples $N$")
    ax.set_ylabel("test accuracy, fraction of inputs")
    ax.set_title(
        f"{height}×{width} digits, $n$ = 16 patches; mean ± std over {n_draws(results)} draws",
        fontsize=10,
    )
    ax.legend(loc="lower right")
    return figure, summary_rows(results, ["test_accuracy", "train_error", "flops"])
