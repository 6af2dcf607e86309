"""Where the discriminative patch goes on patterns: router success against N, gates per expert."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.plotting import (
    headline,
    legend_below,
    n_draws,
    number_ticks,
    plot_curves,
    plot_gates,
    summary_rows,
)
from moe_theory.predictions import router_success

SIMULATION = "../simulations/pattern_accuracy.py"
PREDICTED = ("predicted",)
PATTERNS = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)


def full_batch(n_train: int) -> SGD:
    """Return router training in which all samples weigh the same, as they do over 100 epochs."""
    return SGD(1.0, batch_size=n_train, n_steps=1, router_n_epochs=100)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    arms = {
        "separate": "separate, $l$ = 2: the expert meant for the class",
        "joint": "joint, $l$ = 8: the expert that receives it most often",
    }
    plot_curves(results, "router_success", left, arms=arms, limits=(0, 1))
    sizes = np.array(sorted(results.unique("n_train")))
    model = SeparateMoE(2, 40, 2)
    predicted = [router_success(PATTERNS, model, full_batch(n), n).own for n in sizes.tolist()]
    left.plot(sizes, predicted, "k--", zorder=5, label="separate: exact prediction")
    left.axhline(2 / 64, color="0.5", linestyle=":", label="a random router: $l/n$ = 2/64")
    number_ticks(left, sizes.tolist())
    left.set_ylim(0, 1.02)
    left.set_xlabel("training samples $N$")
    left.set_ylabel("P(expert receives the discriminative patch)")
    legend_below(left)
    largest = int(sizes[-1])
    plot_gates(results.select(arm="joint", n_train=largest), right, n_routed=8)
    right.set_ylim(0, 1.02)
    left.set_title("which patches are received", fontsize=9)
    right.set_title(f"gates of every expert of joint training, $N$ = {largest}", fontsize=9)
    legend_below(right)
    headline(
        figure,
        "Routers find the patch that tells the class, in separate training as predicted; "
        "most joint experts serve both classes",
        f"fresh inputs, orthonormal patterns, $n$ = 64, $p$ = 256; means of {n_draws(results)} "
        "draws with 95 % intervals",
    )
    routed = Results(results.config, [row for row in results.rows if row["arm"] in arms])
    table = summary_rows(routed, ["router_success", "router_gate"])
    known = dict(zip(sizes.tolist(), predicted, strict=True))
    for row in table:
        row["predicted"] = known[row["n_train"]] if row["arm"] == "separate" else None
    return figure, table
