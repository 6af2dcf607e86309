"""Phase diagram of separate training: which trials succeed over N and l, with two predictions.

One line is where a router trained on N samples keeps the discriminative patch of a fresh input in
95 % of cases, which is exact. The other is the N* at which the mean test error of the network is
predicted to be 5 %.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.advice import predicted_samples
from moe_theory.plotting import cell_places, headline, legend_below, plot_cells
from moe_theory.predictions import router_success

SIMULATION = "../simulations/phase.py"
PREDICTED = ("router_samples", "predicted_samples")
PATTERNS = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
PANELS = {
    "patterns": "orthonormal patterns, $n$ = {n}, $p$ = 256",
    "digits": "digits, $n$ = {n}",
}


def routers_from(n_routed: int, level: float = 0.95) -> int:
    """Return the smallest even N from 4 on at which routers keep the patch so often."""
    for n_train in range(4, 400, 2):
        sgd = SGD(1.0, batch_size=n_train, n_steps=1, router_n_epochs=100)
        if router_success(PATTERNS, SeparateMoE(2, 40, n_routed), sgd, n_train).own >= level:
            return n_train
    raise ValueError(f"not reached with l = {n_routed}")


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 5.4), layout="constrained")
    table = []
    known = {p.n_routed: p.samples for p in predicted_samples(PATTERNS, 0.05)
             if p.arm == "separate"}  # fmt: skip
    for ax, (name, title) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        rows = results.select(data=name)
        n_draws = len(rows.unique("draw"))
        image = plot_cells(rows, "success", ax, x="n_train", y="n_routed")
        n = rows.rows[0]["n_patches"]
        target = rows.rows[0]["target"]
        if name == "patterns":
            values, sizes = sorted(rows.unique("n_routed")), sorted(rows.unique("n_train"))
            edge = {l: routers_from(l) for l in values}  # noqa: E741
            draw_line(
                ax, edge, sizes, "C1-o", "routers keep the patch in 95 % of fresh inputs (exact)"
            )
            draw_line(ax, known, sizes, "C3-s", "$N^*$: mean test error 5 % (predicted)")
        ax.set_title(
            f"{title.format(n=n)}; success: test error ≤ {target:.0%}\n{n_draws} trials a cell",
            fontsize=9,
        )
        ax.tick_params(axis="x", labelsize=7)
        ax.set_xlabel("training samples $N$")
        ax.set_ylabel("patches routed to each expert $l$")
        for n_routed in rows.unique("n_routed"):
            for n_train in rows.unique("n_train"):
                mean, _, count = rows.mean_std("success", n_routed=n_routed, n_train=n_train)
                error, spread, _ = rows.mean_std("test_error", n_routed=n_routed, n_train=n_train)
                table.append(
                    {
                        "data": name,
                        "n_routed": n_routed,
                        "n_train": n_train,
                        "n_draws": count,
                        "success": mean,
                        "test_error_mean": error,
                        "test_error_std": spread,
                        "router_samples": edge[n_routed] if name == "patterns" else None,
                        "predicted_samples": known.get(n_routed) if name == "patterns" else None,
                    }
                )
    figure.colorbar(image, ax=figure.axes, label="fraction of trials that succeed")
    legend_below(figure, ncols=2, size=9)
    headline(
        figure,
        "Separate training needs few samples only where its experts receive few patches, as "
        f"predicted; its routers find the patch from $N$ = {max(edge.values())} on",
        "white: all trials succeed",
    )
    return figure, table


def draw_line(ax: Axes, known: dict, sizes: list[int], look: str, label: str) -> None:
    """Draw a number of samples for every l, over the cells."""
    rows = [row for row, value in enumerate(sorted(known)) if known[value] <= max(sizes)]
    samples = np.array([known[value] for value in sorted(known)], dtype=float)[rows]
    ax.plot(cell_places(sizes, samples), rows, look, markersize=4, label=label)
