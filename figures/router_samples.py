"""What it costs to train routers on the experts' samples: they pick what correlates by chance."""

from matplotlib.axes import Axes
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
# The table holds the other l, too.
PANELS = (("patterns", 2), ("patterns", 16), ("patterns", 32), ("digits", 4))


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(9.6, 7.6), layout="constrained")
    for ax, (name, n_routed) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        draw_panel(ax, results.select(data=name), name, n_routed)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    headline(
        figure,
        "Routers that learn from $N$ further samples lower the error on patterns, not on digits",
        "separate training; means with 95 % intervals. On patterns, what correlates with the label "
        "by chance in the training samples misleads their routers.",
    )
    return figure, rows_of(results)


def draw_panel(ax: Axes, here: Results, name: str, n_routed: int) -> None:
    for source, (label, colour, marker) in SOURCES.items():
        plot_curve(
            cell(here, n_routed, source), "test_error", ax, x="n_train", label=label,
            colour=colour, marker=marker, limits=(0, 1),
        )  # fmt: skip
    n, draws = here.rows[0]["n_patches"], len(here.unique("draw"))
    ax.set_title(f"{name}, $n$ = {n}, $l$ = {n_routed}; {draws} draws", fontsize=9)
    number_ticks(ax, SIZES[name])
    ax.set_xlabel("training samples $N$")
    ax.set_ylabel("test error, linear below 0.01")
    ax.set_yscale("symlog", linthresh=0.01)
    ax.set_ylim(0, 0.7)


def cell(here: Results, n_routed: int, source: str) -> Results:
    if source == "dense":
        return here.select(arm="dense")
    return here.select(n_routed=n_routed, router_samples=source)


def rows_of(results: Results) -> list[dict]:
    """Return one row per data model, l, source of the routers' samples and N."""
    table = []
    for name in SIZES:
        here = results.select(data=name)
        values = sorted(value for value in here.unique("n_routed") if value is not None)
        for n_routed in values:
            for source in SOURCES:
                if source == "dense" and n_routed != values[0]:
                    continue
                extra = {"data": name, "n_routed": n_routed, "router_samples": source}
                rows = summary_rows(cell(here, n_routed, source), ["test_error", "router_success"])
                table += [{**extra, **row} for row in rows]
    return table
