"""Routers trained on N samples: predicted against simulated success on fresh inputs."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.plotting import number_ticks
from moe_theory.predictions import router_success

SIMULATION = "../simulations/phase.py"
PREDICTED = ("predicted",)
PATTERNS = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    here = results.select(data="patterns")
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    table = []
    for place, n_routed in enumerate(sorted(here.unique("n_routed"))):
        if n_routed == PATTERNS.n_patches:
            continue
        model = SeparateMoE(2, 40, n_routed, init_std=0.01)
        rows = []
        for n_train in sorted(here.unique("n_train")):
            mean, std, count = here.mean_std("router_success", n_routed=n_routed, n_train=n_train)
            # Over 100 epochs of shuffled batches all samples weigh the same, as in one full batch.
            sgd = SGD(1.0, batch_size=n_train, n_steps=1, router_n_epochs=100)
            known = router_success(PATTERNS, model, sgd, n_train).own
            rows.append(
                {"n_routed": n_routed, "n_train": n_train, "n_draws": count, "simulated": mean,
                 "se": std / np.sqrt(count), "predicted": known}
            )  # fmt: skip
        table += rows
        colour = f"C{place}"
        left.errorbar(
            [r["n_train"] for r in rows], [r["simulated"] for r in rows],
            [1.96 * r["se"] for r in rows], color=colour, marker="o", markersize=4,
            linestyle="none", capsize=2, label=f"$l$ = {n_routed}",
        )  # fmt: skip
        left.plot([r["n_train"] for r in rows], [r["predicted"] for r in rows], color=colour)
        rare = [r for r in rows if r["se"] > 0]
        right.plot(
            [r["predicted"] for r in rare],
            [(r["simulated"] - r["predicted"]) / r["se"] for r in rare],
            color=colour, marker="o", markersize=4, linestyle="none",
        )  # fmt: skip
    left.plot([], [], "k-", label="exact prediction")
    number_ticks(left, sorted(here.unique("n_train"))[::3])
    left.set_xlabel("router training samples $N$")
    left.set_ylabel("P(discriminative patch of a fresh input in top $l$)")
    left.legend(fontsize=8)
    right.axhspan(-1.96, 1.96, color="0.9", label="95 % of normal deviates")
    right.axhline(0, color="k", linewidth=1)
    right.set_xlabel("predicted success")
    right.set_ylabel("(simulated − predicted) / standard error")
    right.legend(fontsize=8)
    draws = len(here.unique("draw"))
    figure.suptitle(
        "Routers of separate training, patterns, $n$ = 64, $p$ = 256; "
        f"95 % intervals, {draws} draws",
        fontsize=10,
    )
    return figure, table
