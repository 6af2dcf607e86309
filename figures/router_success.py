"""Routers trained on N samples: predicted against simulated success on fresh inputs."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.experiments import student_interval
from moe_theory.plotting import headline, legend_below, mean_interval, number_ticks
from moe_theory.predictions import router_success

SIMULATION = "../simulations/phase.py"
PREDICTED = ("predicted",)
# Where every router succeeds there is nothing to see.
LARGEST = 24
PATTERNS = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    here = results.select(data="patterns")
    figure = Figure(figsize=(10.5, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    table = []
    for place, n_routed in enumerate(sorted(here.unique("n_routed"))):
        if n_routed == PATTERNS.n_patches:
            continue
        model = SeparateMoE(2, 40, n_routed, init_std=0.01)
        rows, bars = [], []
        for n_train in sorted(here.unique("n_train")):
            mean, std, count = here.mean_std("router_success", n_routed=n_routed, n_train=n_train)
            # Over 100 epochs of shuffled batches all samples weigh the same, as in one full batch.
            sgd = SGD(1.0, batch_size=n_train, n_steps=1, router_n_epochs=100)
            known = router_success(PATTERNS, model, sgd, n_train).own
            rows.append(
                {"n_routed": n_routed, "n_train": n_train, "n_draws": count, "simulated": mean,
                 "se": std / np.sqrt(count), "predicted": known}
            )  # fmt: skip
            values = here.select(n_routed=n_routed, n_train=n_train).column("router_success")
            low, high = mean_interval(values, limits=(0, 1))
            bars.append((mean - low, high - mean))
        table += rows
        colour = f"C{place}"
        left.errorbar(
            [r["n_train"] for r in rows], [r["simulated"] for r in rows],
            np.transpose(bars), color=colour, marker="o", markersize=4,
            linestyle="none", capsize=2, label=f"$l$ = {n_routed}",
        )  # fmt: skip
        left.plot(
            [r["n_train"] for r in rows], [r["predicted"] for r in rows], color=colour, zorder=5
        )
        rare = [r for r in rows if r["se"] > 0]
        right.plot(
            [r["predicted"] for r in rare],
            [(r["simulated"] - r["predicted"]) / r["se"] for r in rare],
            color=colour, marker="o", markersize=4, linestyle="none",
        )  # fmt: skip
    left.plot([], [], "k-", label="exact prediction")
    number_ticks(left, sorted({row["n_train"] for row in table if row["n_train"] <= LARGEST}))
    left.set_xlim(right=1.05 * LARGEST)
    left.set_xlabel("training samples of the routers $N$")
    left.set_ylabel("P(expert receives the discriminative patch)")
    left.set_title(f"beyond $N$ = {LARGEST} all succeed", fontsize=9)
    legend_below(left, ncols=4)
    draws = len(here.unique("draw"))
    right.axhspan(*student_interval(0.0, 1.0, draws), color="0.9", label="95 % of such deviates")
    right.axhline(0, color="k", linewidth=1)
    right.set_xlabel("predicted success")
    right.set_ylabel("(simulated − predicted) / standard error")
    right.set_title("deviations of the points to the left", fontsize=9)
    legend_below(right)
    headline(
        figure,
        "Routers of separate training succeed as often as the exact formula says",
        "fresh inputs, orthonormal patterns, $n$ = 64, $p$ = 256; "
        f"means of {draws} draws with 95 % intervals",
    )
    return figure, table
