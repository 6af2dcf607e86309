"""What it costs to train routers on the experts' samples: they pick what correlates by chance."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import headline, number_ticks, plot_curve, summary_rows

SIMULATION = "../simulations/router_samples.py"
SOURCES = {
    "dense": ("dense network: no routers", "C0", "o"),
    "train": ("routers learn from the $N$ training samples", "C1", "s"),
    "split": ("routers learn from half of them, experts from the rest", "C4", "v"),
    "held_out": ("routers learn from $N$ further samples", "C2", "^"),
}

SIZES = {"patterns": (10, 20, 40, 80, 160, 320), "digits": (25, 50, 100, 200, 400)}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(14.0, 6.6), layout="constrained")
    table = []
    for axes, name in zip(figure.subplots(2, 4), ("patterns", "digits"), strict=True):
        here = results.select(data=name)
        n = here.rows[0]["n_patches"]
        values = sorted(value for value in here.unique("n_routed") if value is not None)
        for ax in axes[len(values) :]:
            ax.set_axis_off()
        for ax, n_routed in zip(axes, values, strict=False):
            cells = {"dense": here.select(arm="dense")}
            for source in ("train", "split", "held_out"):
                cells[source] = here.select(n_routed=n_routed, router_samples=source)
            for source, cell in cells.items():
                rows = summary_rows(cell, ["test_error", "router_success"])
                label, colour, marker = SOURCES[source]
                plot_curve(
                    cell, "test_error", ax, x="n_train", label=label, colour=colour, marker=marker
                )
                if source != "dense" or n_routed == values[0]:
                    extra = {"data": name, "n_routed": n_routed, "router_samples": source}
                    table += [{**extra, **row} for row in rows]
            draws = len(here.unique("draw"))
            ax.set_title(f"{name}, $n$ = {n}, $l$ = {n_routed}; {draws} draws", fontsize=9)
            number_ticks(ax, SIZES[name])
            ax.set_xlabel("training samples $N$")
            ax.set_yscale("symlog", linthresh=0.01)
            ax.set_ylim(0, 0.7)
        axes[0].set_ylabel("test error, linear below 0.01")
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center", fontsize=8, frameon=False)
    headline(
        figure,
        "Routers that learn from samples of their own lower the error on patterns, not on digits",
        "separate training; means with 95 % intervals. On patterns, what correlates with the label "
        "by chance in the training samples misleads their routers.",
    )
    return figure, table
