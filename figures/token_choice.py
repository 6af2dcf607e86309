"""Patches that choose experts against experts that choose patches: predicted and simulated."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import PatchPatterns, Results, TokenChoiceMoE
from moe_theory.plotting import headline, n_draws, number_ticks, plot_curve
from moe_theory.predictions import untrained_expert_success, untrained_token_success

SIMULATION = "../simulations/token_choice.py"
PREDICTED = ("standard_error", "predicted", "predicted_std")
RULES = {
    "place": ("patches choose, first come", "C0", "o"),
    "score": ("patches choose, highest scores", "C1", "s"),
    "expert": ("experts choose their top $l$", "C2", "^"),
}
TIMES = {"untrained": "random routers", "trained": "trained routers"}
N, C, K = 32, 4, 8
SUCCESS = "P(best expert receives the patch)"


def summary(here: Results, when: str) -> dict:
    """Return means over draws and classes, their spread, and what sampling of inputs leaves."""
    simulated, predicted, inputs = (
        np.array([row[name] for row in here.rows])
        for name in (f"{when}_simulated", f"{when}_predicted", "n_inputs")
    )
    variance = predicted * (1 - predicted) / inputs
    errors = [row["test_error"] for row in here.rows]
    return {
        "n_draws": len(here.rows),
        "simulated": simulated.mean(),
        "standard_error": np.sqrt(variance.sum()) / variance.size,
        "predicted": predicted.mean(),
        "predicted_std": predicted.mean(axis=1).std(ddof=1),
        "any_expert": np.mean([row[f"{when}_any"] for row in here.rows]),
        "mean_q": np.mean([row[f"{when}_q"] for row in here.rows]),
        "mean_steps": np.mean([row["n_steps"] for row in here.rows]),
        "test_error": np.mean(errors),
        "test_error_std": np.std(errors, ddof=1),
    }


def draw_success(ax, results, x, when, **fixed):
    """Draw the success of the best expert: simulated with its interval, under the theory."""
    for arm, (label, colour, marker) in RULES.items():
        rows = [
            {**row, "simulated": np.mean(row[f"{when}_simulated"]),
             "predicted": np.mean(row[f"{when}_predicted"])}
            for row in results.select(arm=arm, **fixed).rows
        ]  # fmt: skip
        here = Results({}, rows)
        plot_curve(here, "simulated", ax, x=x, label=label, colour=colour, marker=marker,
                   limits=(0, 1))  # fmt: skip
        ax.lines[-1].set_linestyle("none")
        places = sorted(here.unique(x))
        known = [here.mean_std("predicted", **{x: place})[0] for place in places]
        ax.plot(places, known, color=colour, zorder=5)
    number_ticks(ax, places)
    ax.set_ylim(0, 1.03)
    ax.set_ylabel(SUCCESS)


def draw_untrained(ax):
    patterns, rooms = PatchPatterns(N, 256, 258), (1, 2, 4, 8, 16)
    for arm, (_, colour, _) in RULES.items():
        if arm == "expert":
            means = [untrained_expert_success(patterns, K, room) for room in rooms]
        else:
            models = [TokenChoiceMoE(K, 40, 1, room, arm) for room in rooms]
            means = [untrained_token_success(patterns, model) for model in models]
        ax.plot(rooms, means, color=colour, linestyle="--", linewidth=1, zorder=5)


def deviates(results: Results) -> np.ndarray:
    """Return (simulated − predicted) / standard error, where the outcome is not certain."""
    found = []
    for row in results.rows:
        for when in TIMES:
            simulated, known = (np.array(row[f"{when}_{name}"])
                                for name in ("simulated", "predicted"))  # fmt: skip
            error = np.sqrt(known * (1 - known) / np.array(row["n_inputs"]))
            # A binomial is near normal only where a few inputs are expected on either side.
            usual = error > 3 / np.array(row["n_inputs"])
            found += ((simulated - known)[usual] / error[usual]).tolist()
    return np.array(found)


def draw(results: Results) -> tuple[Figure, list[dict]]:
    table = []
    labels = ("arm", "n_patches", "capacity", "n_experts")
    for place in sorted({tuple(row[name] for name in labels) for row in results.rows}):
        at = dict(zip(labels, place, strict=True))
        here = results.select(**at)
        table += [{**at, "routers": when, **summary(here, when)} for when in TIMES]
    figure = Figure(figsize=(9.6, 8.0), layout="constrained")
    (before, after), (sizes, errors) = figure.subplots(2, 2)
    for ax, when in ((before, "untrained"), (after, "trained")):
        draw_success(ax, results, "capacity", when, n_patches=N, n_experts=K)
        ax.set_title(f"{TIMES[when]}, $n$ = {N}, $k$ = {K}", fontsize=9)
    draw_untrained(before)
    draw_success(sizes, results, "n_patches", "trained", capacity=C, n_experts=K)
    sizes.set_title(f"{TIMES['trained']}, $C$ = $l$ = {C}, $k$ = {K}", fontsize=9)
    for arm, (label, colour, marker) in RULES.items():
        plot_curve(results.select(arm=arm, n_patches=N, n_experts=K), "test_error", errors,
                   x="capacity", label=label, colour=colour, marker=marker,
                   limits=(0, 1))  # fmt: skip
    number_ticks(errors, results.select(n_patches=N, n_experts=K).unique("capacity"))
    errors.set_ylim(-0.01, 0.52)
    errors.set_ylabel("test error, fraction of inputs")
    errors.set_title(f"trained networks, $n$ = {N}, $k$ = {K}", fontsize=9)
    for ax in (before, after, errors):
        ax.set_xlabel("patches that an expert takes, $C$ = $l$")
    sizes.set_xlabel("patches of an input $n$")
    before.plot([], [], "k-", label="theory, given the routers")
    before.plot([], [], "k--", label="theory, mean over random routers")
    handles = before.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    z = deviates(results)
    headline(
        figure,
        "Theory tells how often the patch that tells the class is received; patches that choose by "
        "score lead where experts take 1 or 2, experts that choose from 4 on",
        "orthonormal patterns, $p$ = 256, $N$ = 40; means of "
        f"{n_draws(results)} draws with 95 % intervals. Given the routers, (simulated − predicted) "
        f"/ standard error has rms {np.sqrt(np.mean(z**2)):.2f} in {len(z)} cases",
    )
    return figure, table
