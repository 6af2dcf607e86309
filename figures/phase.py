"""Phase diagram of separate training: which trials succeed, over N and l; white = all succeed.

The line over the patterns is where the exact chance that a router trained on N samples keeps the
discriminative patch of a fresh input reaches 95 %.
"""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import SGD, PatchPatterns, Results, SeparateMoE
from moe_theory.plotting import cell_places, plot_cells
from moe_theory.predictions import router_success

SIMULATION = "../simulations/phase.py"
PANELS = {
    "patterns": "orthonormal patterns, $n$ = {n}, $p$ = 256",
    "digits": "digits, $n$ = {n}",
}


def routed_from(n_routed: int, sizes: list[int], level: float = 0.95) -> float:
    """Return the N, between the smallest and the largest one, from where routers succeed."""
    patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    low, high = min(sizes), max(sizes)
    while high - low > 2:
        middle = (low + high) // 4 * 2
        sgd = SGD(1.0, batch_size=middle, n_steps=1, router_n_epochs=100)
        chance = router_success(patterns, SeparateMoE(2, 40, n_routed), sgd, middle).own
        low, high = (low, middle) if chance >= level else (middle, high)
    return high


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    table = []
    for ax, (name, title) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        rows = results.select(data=name)
        n_draws = len(rows.unique("draw"))
        image = plot_cells(rows, "success", ax, x="n_train", y="n_routed")
        n = rows.rows[0]["n_patches"]
        target = rows.rows[0]["target"]
        if name == "patterns":
            values, sizes = sorted(rows.unique("n_routed")), sorted(rows.unique("n_train"))
            edge = np.array([routed_from(n_routed, sizes) for n_routed in values], dtype=float)
            ax.plot(
                cell_places(sizes, edge), range(len(values)), "C1-o", markersize=4,
                label="routers keep the patch, 95 % (exact)",
            )  # fmt: skip
            ax.legend(fontsize=8, loc="upper left")
        ax.set_title(
            f"{title.format(n=n)}; {n_draws} trials a cell\nsuccess: test error ≤ {target:.0%}",
            fontsize=9,
        )
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
                    }
                )
    figure.colorbar(image, ax=figure.axes, label="fraction of trials that succeed")
    figure.suptitle("Separate training of routers and experts", fontsize=10)
    return figure, table
