"""Training, step by step: what each network learns of every pattern, and its test error.

The table holds one training of each network in full, as the page of the site shows it: what patches
of every pattern add, expert by expert, and what experts receive of four inputs.
"""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import student_interval
from moe_theory.plotting import headline, legend_below, n_draws

SIMULATION = "../simulations/film.py"
ARMS = {
    "dense": "dense",
    "separate": "separate, $k$ = 2, $l$ = 2",
    "joint": "joint, $k$ = 4, $l$ = 4",
    "token": "patches choose, $k$ = 4",
    "whole input": "whole inputs choose, $k$ = 4",
}
KINDS = {"C1": "$o_1$, only where $y$ = +1", "C0": "$o_2$, only where $y$ = −1",
         "0.6": "irrelevant patterns"}  # fmt: skip


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    axes = figure.subplots(2, len(ARMS), sharex=True, sharey="row")
    table, leaks = [], {}
    for (arm, title), column in zip(ARMS.items(), axes.T, strict=True):
        rows = results.select(arm=arm).rows
        told = discriminative(rows[0]["inputs"])
        added = np.array(rows[0]["values"]).sum(axis=1)
        added = added / np.abs(added[-1, told]).mean()
        leaks[arm] = np.abs(np.delete(added[-1], told)).max()
        draw_patterns(
            column[0], rows[0]["steps"], added, told, f"{title}\nlargest |h(q)|: {leaks[arm]:.2f}"
        )
        draw_errors(column[1], rows)
        table += frames(arm, rows)
    axes[0, 0].set_ylabel("$h$ of all experts, over the mean\nof $|h(o_1)|$, $|h(o_2)|$ in the end")
    axes[1, 0].set_ylabel("test error")
    for colour, label in KINDS.items():
        axes[0, 0].plot([], [], color=colour, label=label)
    legend_below(figure, ncols=5)
    headline(
        figure,
        finding(leaks),
        f"one training of each network, {details(results)}; $h(q)$: what a patch with pattern $q$ "
        f"adds before gates; 95 % intervals of {n_draws(results)} draws",
    )
    return figure, table


def finding(leaks: dict[str, float]) -> str:
    least, most = (words(pick(leaks, key=leaks.get)) for pick in (min, max))
    return (
        "Every network learns the two patterns that tell the label, and accidents of the others "
        f"beside them: least where {least}, most where {most}"
    )


def words(arm: str) -> str:
    return {
        "dense": "all patches are averaged",
        "separate": "routers are trained first",
        "joint": "routers and experts learn together",
        "token": "patches choose experts",
        "whole input": "whole inputs choose experts",
    }[arm]


def details(results: Results) -> str:
    data = results.setting()["data"]
    n_train = results.unique("n_train")[0]
    return f"$n$ = {data['n_patches']}, $p$ = {data['n_irrelevant']}, $N$ = {n_train}"


def discriminative(inputs: list[list[int]]) -> list[int]:
    """Return the numbers of o₁ and o₂, from inputs as label, place and patterns."""
    return [next(rest[place] for y, place, *rest in inputs if y == label) for label in (1, -1)]


def draw_patterns(ax, steps, added, told, title):
    for pattern in range(added.shape[1]):
        if pattern not in told:
            ax.plot(steps, added[:, pattern], color="0.6", linewidth=0.7)
    for pattern, colour in zip(told, KINDS, strict=False):
        ax.plot(steps, added[:, pattern], color=colour, linewidth=2)
    ax.set_title(title, fontsize=9)
    ax.axhline(0, color="k", linewidth=0.5)
    ax.grid(alpha=0.3)


def draw_errors(ax, rows):
    steps = rows[0]["steps"]
    mean, low, high = error_band(rows)
    ax.fill_between(steps, low, high, color="0.6", alpha=0.4, linewidth=0)
    ax.plot(steps, mean, "k:", label="mean test error, 95 %")
    ax.plot(steps, rows[0]["test_errors"], "C2", label="test error of this training")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
    ax.set_xlabel("steps of SGD")
    ax.set_ylim(0, None)
    ax.grid(alpha=0.3)


def error_band(rows):
    """Return the mean test error over draws at every step, and the ends of its interval."""
    errors = np.array([row["test_errors"] for row in rows])
    spread = errors.std(axis=0, ddof=1) / len(rows) ** 0.5
    return errors.mean(axis=0), *student_interval(
        errors.mean(axis=0), spread, len(rows), limits=(0, 1)
    )


def frames(arm: str, rows: list[dict]) -> list[dict]:
    """Return a row for each recorded step of the training that is shown.

    ``values`` are h of the experts (between them semicolons) for every pattern; ``routes`` are, of
    each input (between them bars) and expert, the places received with their gates in percent;
    ``inputs`` are label, place of the patch that tells it, and patterns of each input.
    """
    shown = rows[0]
    mean, low, high = error_band(rows)
    return [
        {
            "arm": arm,
            "step": step,
            "n_train": shown["n_train"],
            "n_draws": len(rows),
            "train_loss": float(f"{shown['train_losses'][i]:.4g}"),
            "test_error": shown["test_errors"][i],
            "mean": round(float(mean[i]), 5),
            "low": round(float(low[i]), 5),
            "high": round(float(high[i]), 5),
            "inputs": "|".join(spaced(one) for one in shown["inputs"]) if i == 0 else None,
            "values": ";".join(spaced(f"{value:g}" for value in own) for own in shown["values"][i]),
            "routes": shown["routes"][i] and "|".join(
                ";".join(spaced(f"{place}:{gate}" for place, gate in own) for own in one)
                for one in shown["routes"][i]
            ),
        }
        for i, step in enumerate(shown["steps"])
    ]  # fmt: skip


def spaced(parts) -> str:
    return " ".join(map(str, parts))
