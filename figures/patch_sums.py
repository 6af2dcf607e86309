"""Dense networks on clusters over their width: far from the floor of a sum over patches."""

from matplotlib.figure import Figure

from moe_theory import ClusterSignal, Results
from moe_theory.bounds import patch_sum_floor, symmetric_sum_error
from moe_theory.plotting import headline, legend_below, n_draws, number_ticks

SIMULATION = "../simulations/patch_sums.py"
ARMS = {"linear": ("C1", "s"), "cubic": ("C0", "o"), "relu": ("C3", "D")}
LAWS = {
    (0.5, 2.0): "feature and feature noise of one law",
    (0.5, 3.0): "feature noise may be larger",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 5.2), layout="constrained")
    most = max(results.unique("n_train"))
    keys = ("arm", "gamma", "n_train", "n_hidden")
    places = sorted({tuple(row[key] for key in keys) for row in results.rows})
    table = [row_of(results, *place) for place in places]
    for ax, (gamma, title) in zip(figure.subplots(1, 2, sharey=True), LAWS.items(), strict=True):
        for arm, (colour, marker) in ARMS.items():
            rows = [
                row for row in table
                if (row["arm"], row["gamma"], row["n_train"]) == (arm, str(gamma), most)
            ]  # fmt: skip
            if rows:
                curve(ax, rows, arm, colour, marker)
        model = ClusterSignal(gamma=gamma)
        ax.axhline(
            symmetric_sum_error(model), color="k", linestyle=":",
            label="sum that treats all clusters alike",
        )  # fmt: skip
        ax.axhline(patch_sum_floor(model), color="k", linestyle="--", label="best sum there is")
        ax.set_xscale("log")
        number_ticks(ax, sorted(results.unique("n_hidden")))
        ax.set_ylim(0, 0.45)
        ax.set_xlabel("hidden units $m$")
        ax.set_title(f"{title}, {gamma[0]} to {gamma[1]}", fontsize=10)
        ax.grid(alpha=0.3)
    figure.axes[0].set_ylabel("least test error over the training, fraction of inputs")
    legend_below(figure, ncols=3, size=9)
    headline(
        figure,
        "However wide, a dense network errs twice as often as the best sum over patches or more; "
        "linear and relu ones like a sum that treats all clusters alike",
        f"4 clusters, $d$ = 50, $σ$ = 1, $N$ = {most:,}; means of {n_draws(results)} draws with "
        "95 % intervals; lines: theory",
    )
    return figure, table


def row_of(results: Results, arm, gamma, n_train, n_hidden) -> dict:
    here = results.select(arm=arm, gamma=gamma, n_train=n_train, n_hidden=n_hidden)
    row = {"arm": arm, "gamma": gamma, "n_train": n_train, "n_hidden": n_hidden}
    for name in ("least", "last", "train_error"):
        found = here.mean_std(name)
        low, high = found.interval()
        row |= {name: found.mean, f"{name}_low": max(low, 0.0), f"{name}_high": high}
    model = ClusterSignal(gamma=next(law for law in LAWS if str(law) == gamma))
    return row | {
        "floor": patch_sum_floor(model),
        "symmetric": symmetric_sum_error(model),
        "n_draws": len(here.rows),
    }


def curve(ax, rows, arm, colour, marker):
    xs = [row["n_hidden"] for row in rows]
    ax.plot(xs, [row["least"] for row in rows], color=colour, marker=marker, label=f"dense, {arm}")
    ax.fill_between(
        xs, [row["least_low"] for row in rows], [row["least_high"] for row in rows],
        color=colour, alpha=0.18, linewidth=0,
    )  # fmt: skip
