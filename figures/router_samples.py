"""What it costs to train routers on the experts' samples: they pick what correlates by chance."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import number_ticks, summary_rows

SIMULATION = "../simulations/router_samples.py"
SOURCES = {
    "train": ("the $N$ training samples", "C1", "s"),
    "split": ("half of them, experts the other half", "C4", "v"),
    "held_out": ("$N$ further samples", "C2", "^"),
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
            for source in SOURCES:
                cells[source] = here.select(n_routed=n_routed, router_samples=source)
            for source, cell in cells.items():
                rows = summary_rows(cell, ["test_error", "router_success"])
                label, colour, marker = SOURCES.get(source, ("dense network", "C0", "o"))
                draw_curve(ax, rows, label, colour, marker)
                if source != "dense" or n_routed == values[0]:
                    extra = {"data": name, "n_routed": n_routed, "router_samples": source}
                    table += [{**extra, **row} for row in rows]
            draws = len(here.unique("draw"))
            ax.set_title(f"{name}, $n$ = {n}, $l$ = {n_routed}; {draws} draws", fontsize=9)
            number_ticks(ax, SIZES[name])
            ax.set_xlabel("training samples $N$")
        axes[0].set_ylabel("test error")
        axes[0].legend(fontsize=7, title="routers learn from", title_fontsize=7)
    figure.suptitle(
        "Separate training: which samples train the routers; mean and 95 % interval", fontsize=10
    )
    return figure, table


def draw_curve(ax, rows, label, colour, marker):
    places = sorted(range(len(rows)), key=lambda i: rows[i]["n_train"])
    rows = [rows[i] for i in places]
    ax.errorbar(
        [row["n_train"] for row in rows],
        [row["test_error_mean"] for row in rows],
        [1.96 * row["test_error_std"] / row["n_draws"] ** 0.5 for row in rows],
        color=colour, marker=marker, markersize=4, capsize=2, label=label,
    )  # fmt: skip
    ax.set_yscale("symlog", linthresh=0.01)
    ax.set_ylim(0, 0.7)
    ax.grid(alpha=0.3)
