"""How much pMoE saves: N* and operations of the dense network over those of pMoE, against n/l."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import ratio
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    headline,
    legend_below,
    look,
    number_ticks,
    open_ends,
    plot_fit,
    plot_thresholds,
)

SIMULATION = (
    "../simulations/samples_patterns.py",
    "../simulations/samples_digits.py",
    "../simulations/training_time.py",
)
# The dense network does not come to 10 % on digits within the steps and samples allowed.
EPSILON = {"patterns": 0.05, "digits": 0.15}
ARMS = {"separate": 2, "joint": 8, "joint_l2": 8}
NAMES = {
    "separate": "separate,",
    "joint": "joint,",
    "joint_l2": "joint, learning rate 0.2 $l²$ instead of 0.2 $l$,",
}
QUANTITIES = {"N*": "samples $N^*$", "operations": "operations"}
BOUNDS = {"N*": 8, "operations": 5}
KEYS = ("arm", "n_patches", "n_experts")


def draw(patterns: Results, digits: Results, time: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 9.8), layout="constrained")
    table = []
    for axes, name, samples in zip(figure.subplots(2, 2), EPSILON, (patterns, digits), strict=True):
        flops = time.select(data=name, quantity="flops", epsilon=EPSILON[name])
        n = max(row["n_patches"] for row in samples.rows if row["arm"] == "separate")
        measured = {"N*": samples.select(epsilon=EPSILON[name]), "operations": flops}
        for ax, (what, results) in zip(axes, measured.items(), strict=True):
            dense = results.select(arm="dense", n_patches=n).rows[0]
            for place, (arm, n_experts) in enumerate(ARMS.items()):
                own = (arm, n, n_experts)
                rows = saved(dense, [row for row in results if tuple(map(row.get, KEYS)) == own])
                if not rows:
                    continue
                table += [{"data": name, "quantity": what, **row} for row in rows]
                draw_savings(ax, rows, arm, n_experts, 1.03 ** (2 * place - 1))
            xs = np.array([n / row["n_routed"] for row in results.rows if row["n_routed"]])
            grid = np.geomspace(xs.min(), xs.max(), 50)
            ax.plot(
                grid, grid ** BOUNDS[what], color="C1", linestyle=":",
                label=f"separate, if the bounds were sharp: $(n/l)^{BOUNDS[what]}$",
            )  # fmt: skip
            ax.axhline(1, color="C0", linewidth=1, label="dense network: nothing saved")
            number_ticks(ax, xs.tolist())
            ax.set_ylim(0.1, 1000)
            ax.set_xlabel("$n/l$, patches of an input over patches per expert")
            ax.set_ylabel(f"{QUANTITIES[what]} of dense / of pMoE")
            where = f", $N$ = {flops.rows[0]['n_train']}" if what == "operations" else ""
            ax.set_title(f"{name}, $n$ = {n}, $ε$ = {EPSILON[name]}{where}", fontsize=9)
            legend_below(ax)
            ax.grid(alpha=0.3)
    drawn = [{**row, "value": row["saving"]} for row in table]
    headline(
        figure,
        "Separate training saves most where $l$ is small, joint training saves samples at every "
        "$l$ from 2 on, most where $l$ is large: far less than the bounds suggest",
        "to a mean test error $ε$; 95 % intervals; numbers: exponents of $n/l$; hollow: the pMoE "
        f"did not reach $ε$, and the most it saves{open_ends(drawn)}",
    )
    return figure, table


def saved(dense: dict, rows: list[dict]) -> list[dict]:
    """Return the ratios of ``dense`` to every row of a pMoE."""
    made = []
    for row in rows:
        found = ratio(dense, row)
        made.append(
            {"arm": row["arm"], "n_patches": row["n_patches"], "n_routed": row["n_routed"],
             "n_over_l": row["n_patches"] / row["n_routed"], "n_experts": row["n_experts"],
             "epsilon": row["epsilon"], "dense": dense["value"], "pmoe": row["value"],
             "saving": found.value, "low": found.low, "high": found.high, "text": str(found)}
        )  # fmt: skip
    return made


def draw_savings(ax, rows: list[dict], arm: str, n_experts: int, shift: float) -> None:
    """Draw ratios with intervals and the power law through those that were reached."""
    shown = [{**row, "value": row["saving"]} for row in rows]
    colour, marker = look(arm, [arm])
    fit = fit_rows(shown, "n_over_l")
    label = f"{NAMES[arm]} $k$ = {n_experts}: {exponent_text(fit)}"
    plot_thresholds(shown, ax, x="n_over_l", label=label, colour=colour, marker=marker, shift=shift)
    reached = [row["n_over_l"] for row in shown if row["value"] > 0]
    plot_fit(fit, reached or [1], ax, colour=colour)
