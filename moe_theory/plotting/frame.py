"""What stands around the panels of a picture: the finding above, one legend below."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation

from moe_theory._typed import typed
from moe_theory._validation import integer, real, wrong_object

# A letter is this much as wide as it is high, on average; generous, so that no line is too long.
WIDTH, BOLD_WIDTH = 0.5, 0.58


@typed
def headline(figure: Figure, finding: str, conditions: str = "", *, size: float = 12.0) -> None:
    """Write above all panels what the picture shows, and below that, smaller, of what.

    Parameters
    ----------
    figure : Figure
        With the constrained layout; lines are broken to its width.
    finding : str
        One sentence.
    conditions : str
        Data, sizes, number of draws, what bands and bars are.
    size : float
        Of the finding, in points.

    Examples
    --------
    >>> figure = Figure(figsize=(6, 3), layout="constrained")
    >>> headline(figure, "More samples, less error", "mean of 5 draws")
    >>> figure.get_suptitle().splitlines()[0]
    'More samples, less error'
    """
    size = real("size", size, 4, 72)
    above = _wrapped(figure, finding, size, BOLD_WIDTH)
    below = _wrapped(figure, conditions, 0.8 * size, WIDTH) if conditions else ""
    room = "\n" * (1 + below.count("\n")) if below else ""
    title = figure.suptitle(above + room, fontsize=size, fontweight="bold")
    if below:
        figure.add_artist(Annotation(
            below, (0.5, 0), xycoords=title, ha="center", va="bottom", fontsize=0.8 * size,
        ))  # fmt: skip


def _wrapped(figure: Figure, text: str, size: float, width: float) -> str:
    """Break a text into lines of about one length, and none within an equation."""
    letters = max(int(72 * figure.get_figwidth() / (width * size)), 10)
    whole = re.sub(r"(?<=\d) (?=\$)", "\u00a0", text.replace(" = ", "\u00a0=\u00a0"))
    lines = textwrap.wrap(whole, letters, break_long_words=False)
    while letters > 10:
        letters -= 1
        narrower = textwrap.wrap(whole, letters, break_long_words=False)
        if len(narrower) > len(lines):
            break
        lines = narrower
    return "\n".join(lines)


@typed
def legend_below(
    place: Figure | Axes, *, ncols: int = 1, size: float = 8.0, drop: float = 36.0
) -> Legend:
    """Put a legend under a panel, or one under the whole figure, where it hides no data.

    Parameters
    ----------
    place : Figure or Axes
        A figure gets each label of its panels once.
    ncols : int
        Columns of the legend.
    size : float
        Of its letters, in points.
    drop : float
        Points below a panel, which leave room for its axis.

    Examples
    --------
    >>> figure = Figure(layout="constrained")
    >>> for ax in figure.subplots(1, 2):
    ...     line = ax.plot([1, 2], label="dense")
    >>> [text.get_text() for text in legend_below(figure).get_texts()]
    ['dense']
    """
    ncols = integer("ncols", ncols, 1, 100)
    size, drop = real("size", size, 4, 72), real("drop", drop, 0, 1000)
    panels = place.axes if isinstance(place, Figure) else [place]
    if not all(isinstance(panel, Axes) for panel in panels):
        raise wrong_object("place", place, "a Figure or Axes of matplotlib")
    known: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    look: dict[str, Any] = {"ncols": ncols, "fontsize": size, "frameon": False}
    if isinstance(place, Figure):
        return place.legend(known.values(), known, loc="outside lower center", **look)
    down = ScaledTranslation(0, -drop / 72, place.figure.dpi_scale_trans)
    return place.legend(
        known.values(), known, loc="upper center", bbox_to_anchor=(0.5, 0),
        bbox_transform=place.transAxes + down, **look,
    )  # fmt: skip
