"""Shares of the patches that experts serve, along a training."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_theory._typed import typed
from moe_theory._validation import reject
from moe_theory.training import TrainingRun

# Bands narrower than this at the end get no number beside them.
LABELLED = 0.045
# Where equal shares would end is drawn for so many experts at most.
RULED = 8


@typed
def plot_load(run: TrainingRun, ax: Axes | None = None) -> Axes:
    """Draw how the experts of a training share the patches, as bands over the steps.

    The expert that serves most at the end lies lowest. Of up to eight experts, dashed lines are
    where the bands would end if all served equally many. What the picture shows is for the title
    of the caller.

    Parameters
    ----------
    run : TrainingRun
        Trained with ``SGD(..., record_load=True)``, and ``record`` for more than the two ends.
    ax : Axes, optional
        Where to draw; without it a new figure is made, which ``ax.figure.savefig`` saves.

    Returns
    -------
    Axes
        With one band per expert, its number at the right, from 0 on, where it is wide enough.

    Raises
    ------
    ValueError
        If the run did not record its load.

    Examples
    --------
    >>> from moe_theory import SGD, PatchPatterns, TokenChoiceMoE, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> sgd = SGD(1.0, 10, n_steps=50, record=5, record_load=True)
    >>> ax = plot_load(train(TokenChoiceMoE(4, 8), data, sgd))
    >>> len(ax.collections), ax.get_ylim()
    (4, (0.0, 1.0))
    """
    load = run.history.load
    if load is None:
        raise reject("run.history.load", None, "recorded, by SGD(..., record_load=True)")
    if ax is None:
        ax = Figure(layout="constrained").add_subplot()
    order = np.argsort(-load[-1], kind="stable")
    steps, n_experts = run.history.steps, load.shape[1]
    ends = np.concatenate([np.zeros((len(steps), 1)), load[:, order].cumsum(axis=1)], axis=1)
    colours = colormaps["viridis"](np.linspace(0.9, 0.15, n_experts))
    for place, s in enumerate(order):
        low, high = ends[:, place], ends[:, place + 1]
        ax.fill_between(steps, low, high, color=colours[place], linewidth=0.4, edgecolor="white")
        if high[-1] - low[-1] >= LABELLED:
            middle = (steps[-1], (high[-1] + low[-1]) / 2)
            ax.annotate(
                f"$s={s}$", middle, (4, 0), textcoords="offset points", va="center",
                fontsize="small", annotation_clip=False,
            )  # fmt: skip
    for end in np.arange(1, n_experts if n_experts <= RULED else 1) / n_experts:
        ax.axhline(end, color="k", linestyle="--", linewidth=0.6, alpha=0.6)
    ax.set(xlim=(steps[0], steps[-1]), ylim=(0, 1))
    ax.set_xlabel("SGD steps $t$")
    ax.set_ylabel("share of the patches served")
    return ax
