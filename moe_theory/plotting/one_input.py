"""`plot_sample`: a picture of one input of a data set."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from moe_theory._typed import typed
from moe_theory._validation import integer
from moe_theory.data.patch_data import PLACES, PatchData

# Okabe–Ito colours, told apart by every kind of colour vision; the dashes help on paper.
_FRAMES = {
    "discriminative": ("#D55E00", "-"),
    "spurious": ("#0072B2", "--"),
    "centre": ("#009E73", "-."),
    "feature noise": ("#000000", ":"),
}


@typed
def plot_sample(data: PatchData, index: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the patches of one input, with frames around the patches that matter.

    Image patches stand in a grid in reading order; vector patches are the rows of a heat map.

    Parameters
    ----------
    data : PatchData
        A sample of N inputs.
    index : int
        Which input, in [0, N).
    ax : Axes, optional
        Where to draw; without it a new figure is made, which ``ax.figure.savefig`` saves.

    Returns
    -------
    Axes
        With a frame of its own for each patch that matters, where its place is known: the
        discriminative one, the spurious one, the centre of the cluster and feature noise.

    Raises
    ------
    ValueError
        If ``index`` is not in [0, N).

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(2, seed=0)
    >>> plot_sample(data, 1).get_ylabel()
    'place of the patch'
    """
    index = integer("index", index, 0, data.n_samples - 1)
    if ax is None:
        ax = Figure(layout="constrained").add_subplot()
    patches = data.dictionary[data.indices[index]]
    if data.image_shape is None:
        columns = 1
        cell = (data.patch_dim, 1)
        _draw_strip(ax, patches)
    else:
        columns = math.ceil(math.sqrt(data.n_patches))
        cell = (1, 1)
        _draw_grid(ax, patches.reshape(-1, *data.image_shape), columns)
    frames = [
        _frame(ax, name, place, columns, cell) for name, place in _places(data, index).items()
    ]
    title = f"input {index}, label y = {_sign(data.labels[index])}"
    if data.clusters is not None:
        title += f", cluster {data.clusters[index]}"
    ax.set_title(title, pad=12)
    if frames:
        _legend(ax, frames, data, index)
    return ax


def _places(data: PatchData, index: int) -> dict[str, int]:
    """Return the places of the patches to frame, by kind."""
    known = {kind: getattr(data, name) for name, kind in PLACES.items()}
    return {kind: int(place[index]) for kind, place in known.items() if place is not None}


def _draw_strip(ax: Axes, patches: np.ndarray) -> None:
    n_patches, dim = patches.shape
    limit = float(np.abs(patches).max()) or 1.0
    image = ax.imshow(
        patches,
        cmap="PRGn",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
        extent=(0, dim, n_patches, 0),
    )
    _ticks(ax, "x", dim, 1)
    _ticks(ax, "y", n_patches, 1)
    ax.set_xlabel("dimension of the patch")
    ax.set_ylabel("place of the patch")
    ax.figure.colorbar(image, ax=ax, label="coordinate")


def _draw_grid(ax: Axes, images: np.ndarray, columns: int) -> None:
    count, height, width = images.shape
    rows = math.ceil(count / columns)
    gap = 2 * max(1, min(height, width) // 16)
    mosaic = np.full((rows, columns, height + gap, width + gap), np.nan)
    mosaic.reshape(-1, height + gap, width + gap)[:count, :height, :width] = images
    mosaic = np.roll(mosaic, (gap // 2, gap // 2), axis=(2, 3))
    ax.imshow(
        mosaic.transpose(0, 2, 1, 3).reshape(rows * (height + gap), -1),
        cmap="gray",
        vmin=min(0.0, float(images.min())),
        vmax=max(1.0, float(images.max())),
        aspect=(height + gap) / (width + gap),
        interpolation="nearest",
        extent=(0, columns, rows, 0),
    )
    ax.set_facecolor("0.85")
    _ticks(ax, "x", columns, 1)
    _ticks(ax, "y", rows, columns)
    ax.set_xlabel("place in the row")
    ax.set_ylabel("place of the first patch of the row")


def _ticks(ax: Axes, axis: str, count: int, unit: int) -> None:
    """Label the middles of ``count`` cells by multiples of ``unit``, at most 16 of them."""
    shown = np.arange(0, count, math.ceil(count / 16))
    ax.set(**{f"{axis}ticks": shown + 0.5, f"{axis}ticklabels": [str(i * unit) for i in shown]})


def _frame(ax: Axes, name: str, place: int, columns: int, cell: tuple[int, int]) -> Rectangle:
    row, column = divmod(place, columns)
    corner = (column * cell[0], row * cell[1])
    color, linestyle = _FRAMES[name]
    frame = Rectangle(
        corner,
        *cell,
        fill=False,
        edgecolor=color,
        linestyle=linestyle,
        linewidth=2.5,
        zorder=3,
        clip_on=False,
    )
    ax.add_patch(frame)
    ax.text(
        corner[0],
        corner[1],
        name,
        color="white",
        fontsize="small",
        verticalalignment="center",
        bbox={"facecolor": color, "edgecolor": "none", "pad": 1.5},
        zorder=4,
    )
    return frame


def _legend(ax: Axes, frames: list[Rectangle], data: PatchData, index: int) -> None:
    labels = {name: f"{name} patch" for name in _places(data, index)}
    if data.spurious_signs is not None:
        sign = data.spurious_signs[index]
        verdict = "agrees" if sign == data.labels[index] else "disagrees"
        labels["spurious"] += f", speaks for {_sign(sign)}: {verdict}"
    words = list(labels.values())
    ax.legend(frames, words, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)


def _sign(value: int) -> str:
    return "+1" if value > 0 else "−1"
