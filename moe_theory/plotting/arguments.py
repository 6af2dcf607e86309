"""Checks of what a picture is drawn from, and where."""

from __future__ import annotations

from matplotlib.axes import Axes

from moe_theory._validation import instance
from moe_theory.experiments import Results


def check_axes(ax: object) -> None:
    """Raise ``TypeError`` unless ``ax`` are axes of a figure."""
    instance("ax", ax, Axes, "axes of a matplotlib figure")


def check_results(results: object) -> None:
    """Raise ``TypeError`` unless ``results`` are those of an experiment."""
    instance("results", results, Results, "Results of an experiment")
