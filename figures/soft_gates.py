"""What a larger l costs: N* and gates against l, in separate and in joint training."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import (
    headline,
    legend_below,
    look,
    number_ticks,
    open_ends,
    plot_curves,
    plot_thresholds,
)

SIMULATION = (
    "../simulations/samples_patterns.py",
    "../simulations/samples_digits.py",
    "../simulations/joint.py",
)
# The dense network does not come to 10 % on digits within the steps and samples allowed.
EPSILON = {"patterns": 0.05, "digits": 0.15}


def draw(patterns: Results, digits: Results, joint: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(12.5, 5.2), layout="constrained")
    *panels, gates = figure.subplots(1, 3)
    table = []
    for ax, name, results in zip(panels, EPSILON, (patterns, digits), strict=True):
        here = results.select(epsilon=EPSILON[name])
        n = max(here.unique("n_patches"))
        for place, (arm, n_experts) in enumerate((("separate", 2), ("joint", 8))):
            rows = here.select(arm=arm, n_experts=n_experts).rows
            n = rows[0]["n_patches"]
            colour, marker = look(arm, [arm])
            label = f"{arm}, $k$ = {n_experts}"
            plot_thresholds(
                rows, ax, x="n_routed", label=label, colour=colour, marker=marker,
                shift=1.03 ** (2 * place - 1),
            )  # fmt: skip
            names = ("arm", "n_patches", "n_routed", "n_experts", "epsilon", "value", "low", "high")
            table += [{"data": name, **{key: row[key] for key in names}} for row in rows]
        dense = here.select(arm="dense", n_patches=n).rows[0]
        if dense["value"] < float("inf"):
            ax.axhline(dense["value"], color="C0", label="dense")
            ax.axhspan(dense["low"], dense["high"], color="C0", alpha=0.15)
        number_ticks(ax, [row["n_routed"] for row in here.rows if row.get("n_routed")])
        ax.set_xlabel("patches per expert $l$")
        ax.set_ylabel(f"$N^*$, samples to a mean test error of {EPSILON[name]}")
        ax.set_title(f"{name}, $n$ = {n}; hollow: not reached", fontsize=9)
        legend_below(ax, ncols=3)
        ax.grid(alpha=0.3)
    rows = [{**row, "arm": row["data"]} for row in joint.select(n_experts=8).rows]
    here = Results({}, rows)
    arms = {
        name: f"{name}, $n$ = {cell.rows[0]['n_patches']}, $N$ = {cell.rows[0]['n_train']}"
        for name in ("patterns", "digits")
        if name in here.unique("arm") and (cell := here.select(arm=name))
    }
    plot_curves(here, "gate", gates, arms=arms, x="n_routed", limits=(0, 1))
    values = sorted(here.unique("n_routed"))
    gates.plot(values, [1 / value for value in values], "k--", zorder=5,
               label="equal gates, $1/l$")  # fmt: skip
    number_ticks(gates, values)
    gates.set_ylim(0, 1.02)
    gates.set_xlabel("patches per expert $l$")
    gates.set_ylabel("gate of the patch that tells the class,\nin the expert that weighs it most")
    gates.set_title("joint training, $k$ = 8", fontsize=9)
    legend_below(gates, ncols=2)
    for name in arms:
        own = here.select(arm=name)
        for value in sorted(own.unique("n_routed")):
            mean, std, count = own.mean_std("gate", n_routed=value)
            keys = {"data": name, "arm": "joint", "n_routed": value, "n_experts": 8}
            table.append({**keys, "gate_mean": mean, "gate_std": std, "n_draws": count})
    drawn = [row for row in table if row.get("value")]
    headline(
        figure,
        "A larger $l$ costs separate training samples, but saves joint training some, as its "
        "gates single out the patch; with $l$ = 1 joint training fails",
        f"95 % intervals{open_ends(drawn)}",
    )
    columns = list(dict.fromkeys(name for row in table for name in row))
    return figure, [{name: row.get(name) for name in columns} for row in table]
