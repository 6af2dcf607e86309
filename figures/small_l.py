"""Why too small an l fails in joint training, and how more experts repair it.

A router starts at random, so that an expert begins by receiving the discriminative patch of a class
with probability about l/n. The dashed line is the error ½(1 − l/n)^k if one lucky expert were
enough and no router learned. Below it routers learn; above it, at l = 1, they cannot: the softmax
over one score is 1, its gradient 0, and a router that favours the patch in some inputs misses it in
others.
"""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, legend_below, plot_curve

SIMULATION = "../simulations/joint.py"
PREDICTED = ("never_received",)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.0, 5.0), layout="constrained")
    table = []
    for ax, name in zip(figure.subplots(1, 2), ("patterns", "digits"), strict=True):
        here = results.select(data=name)
        n, n_train = here.rows[0]["n_patches"], here.rows[0]["n_train"]
        for place, n_routed in enumerate(sorted(here.unique("n_routed"))):
            if n_routed > n // 2:
                continue
            rows = []
            for n_experts in sorted(here.unique("n_experts")):
                cell = here.select(n_routed=n_routed, n_experts=n_experts)
                mean, std, count = cell.mean_std("test_error")
                received, spread, _ = cell.mean_std("received")
                rows.append(
                    {"data": name, "n_patches": n, "n_train": n_train, "n_routed": n_routed,
                     "n_experts": n_experts, "n_draws": count, "test_error_mean": mean,
                     "test_error_se": std / np.sqrt(count), "received_mean": received,
                     "received_std": spread, "never_received": (1 - n_routed / n) ** n_experts}
                )  # fmt: skip
            table += rows
            own = here.select(n_routed=n_routed).rows
            starts = [{**row, "received_first": n_routed * row["n_experts"] / n} for row in own]
            plot_curve(
                Results({}, starts), "test_error", ax, x="received_first",
                label=f"$l$ = {n_routed}", colour=f"C{place}", marker="osD^v"[place % 5],
                limits=(0, 1),
            )  # fmt: skip
        places = np.geomspace(1 / n, 20, 200)
        ax.plot(places, 0.5 * np.exp(-places), "k--", zorder=5,
                label=r"luck alone, routers that never learn: $½\,e^{-kl/n}$")  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlabel("experts that receive the patch before training, expected: $k\\,l/n$")
        ax.set_ylabel("test error, fraction of inputs")
        ax.set_ylim(0, 0.62)
        draws = len(here.unique("draw"))
        ax.set_title(f"{name}, $n$ = {n}, $N$ = {n_train}; {draws} draws", fontsize=9)
    legend_below(figure, ncols=6)
    counts = [row["n_experts"] for row in table]
    headline(
        figure,
        "With $l$ = 1 joint training errs no less than if routers never learnt; from $l$ = 2 on "
        "it mostly errs less",
        f"along a curve $k$ grows from {min(counts)} to {max(counts)} experts; means with 95 % "
        "intervals",
    )
    return figure, table
