"""Pruning: accuracy on the task against the fraction of experts left out, for every score."""

import numpy as np
from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.inference import SCORES, compression_limit
from moe_theory.plotting import plot_compression

SIMULATION = "../simulations/pruning.py"

REGIMES = {
    ("often", "hinge"): "task in 1/3 of pre-training",
    ("seldom", "hinge"): "task in 2 % of pre-training",
    ("seldom", "logistic"): "task in 2 %, logistic loss",
}
RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.8125, 0.875, 0.90625, 0.9375, 0.96875)
TUNED = (0.5, 0.75, 0.8125, 0.875, 0.90625, 0.9375)
KINDS = {"": (RATIOS, "no further fine-tuning"), "_tuned": (TUNED, "fine-tuned again")}
N_EXPERTS = 32


def draw(results: Results) -> tuple[Figure, list[dict]]:
    seen = {(row["seen"], row["loss"]) for row in results}
    regimes = [at for at in REGIMES if at in seen]
    figure = Figure(figsize=(1 + 4.2 * len(regimes), 14.5), layout="constrained")
    axes = figure.subplots(4, len(regimes), sharey=True, squeeze=False)
    panels = [(data, kind) for data in ("patterns", "digits") for kind in KINDS]
    table = []
    for row, (data, kind) in zip(axes, panels, strict=True):
        ratios, what = KINDS[kind]
        for ax, regime in zip(row, regimes, strict=True):
            here = results.select(data=data, seen=regime[0], loss=regime[1])
            for score in SCORES:
                if here.rows[0].get(score + kind) is None:
                    continue
                accuracy = np.array([line[score + kind] for line in here.rows])
                plot_compression(ax, kept(ratios), accuracy, score)
                table.append(limit_row(here, score, kind, ratios, accuracy))
            mark(ax, here)
            ax.set_title(f"{data}, {REGIMES[regime]}; {what}", fontsize=9)
            ax.set_xlabel("fraction of experts left out $\\rho$")
        row[0].set_ylabel("test accuracy on the task")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    n_draws = len(results.unique("draw"))
    figure.suptitle(
        f"Pruning {N_EXPERTS} experts after fine-tuning on one task, $n$ = 16, $l$ = 4: mean and "
        f"95 % interval over {n_draws} draws",
        fontsize=11,
    )
    return figure, table


def kept(ratios):
    """Return the number of experts left."""
    return N_EXPERTS * (1 - np.array(ratios))


def mark(ax, here):
    """Mark the theorem's fraction of irrelevant experts and one expert per class."""
    gamma = here.mean_std("irrelevant")[0]
    ax.axvline(N_EXPERTS * (1 - gamma), color="0.3", linestyle="--", linewidth=1,
               label="$\\rho = \\gamma$, irrelevant experts")  # fmt: skip
    ax.axvline(2, color="0.3", linestyle=":", linewidth=1, label="one expert per class")
    ax.set_xscale("log", base=2)
    ax.set_xlim(40, 0.9)
    ticks = (0, 0.5, 0.75, 0.875, 0.9375, 0.96875)
    ax.set_xticks(kept(ticks), ["0", "½", "¾", "⅞", "15⁄16", "31⁄32"])
    ax.set_xticks([], minor=True)
    ax.set_ylim(0.25, 1.03)


def limit_row(here, score, kind, ratios, accuracy):
    """Return the largest ratio at a loss of less than 1 % of accuracy."""
    before = np.array([line["accuracy"] for line in here.rows])
    limit = compression_limit(ratios, accuracy, before)
    gamma, gamma_std, _ = here.mean_std("irrelevant")
    size = here.rows[0]
    at = RATIOS.index(limit.value) if limit.value in RATIOS else 0
    return {
        **{name: here.rows[0][name] for name in ("data", "seen", "loss")},
        "score": score,
        "fine_tuned": bool(kind),
        "largest_ratio": limit.value,
        "milder": limit.milder,
        "harsher": limit.harsher,
        "flops_share": round(size["flops"][at] / size["flops"][0], 4),
        "bytes_share": round(size["kilobytes"][at] / size["kilobytes"][0], 4),
        "gamma_mean": round(gamma, 4),
        "gamma_std": round(gamma_std, 4),
        "accuracy_before": round(float(before.mean()), 4),
        "n_draws": limit.n_draws,
        **{f"loss_at_{r:g}": round(float(x), 4)
           for r, x in zip(ratios, before.mean() - accuracy.mean(axis=0), strict=True)
           if r in TUNED},
    }  # fmt: skip
