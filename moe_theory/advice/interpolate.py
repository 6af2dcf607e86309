"""Predicted learning curves of the table, and N*(ε) at any n and p within it."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from moe_theory._validation import choice, instance, integer, real, reject
from moe_theory.advice.answers import Predicted
from moe_theory.advice.conventions import EPSILON, N_PATCHES, RATIOS, networks
from moe_theory.data.patterns import PatchPatterns
from moe_theory.predictions.assumptions import check_neutral_patterns

NetworkKey = tuple[str, int, int]


@dataclass(frozen=True)
class CurvePoint:
    """One point of a predicted learning curve.

    Attributes
    ----------
    n_train : int
        N.
    error, standard_error : float
        ε, and its uncertainty from the draws that it is averaged over.
    steps : float
        Steps of SGD to the final loss.

    Examples
    --------
    >>> CurvePoint(20, 0.05, 0.003, 400.0).error
    0.05
    """

    n_train: int
    error: float
    standard_error: float
    steps: float


def predicted_samples(patterns: PatchPatterns, epsilon: float) -> list[Predicted]:
    """Return N*(ε) of all networks, interpolated between tabulated predictions.

    The networks have m = 40 units, and are trained with B = 20 and a rate of 0.2 per pooled patch
    to a loss of 0.03.

    Parameters
    ----------
    patterns : PatchPatterns
        Orthonormal, balanced, n in [16, 128] and p in [2n, 8n].
    epsilon : float
        ε, in [0.02, 0.2].

    Returns
    -------
    list of Predicted
        Of the dense network, and of l in powers of two for separate and joint training.

    Raises
    ------
    ValueError
        Outside the table, or if an assumption of the predictions fails.

    Notes
    -----
    Logarithms of N* and of steps are linear in log n and log p between the points of the table.
    Takes milliseconds. Source: derived in docs/theory/trained.md and joint.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=48, n_irrelevant=192, patch_dim=194)
    >>> dense, *_ = predicted_samples(patterns, epsilon=0.05)
    >>> dense.arm, 50 < dense.samples < 90
    ('dense', True)
    """
    instance("patterns", patterns, PatchPatterns, "PatchPatterns")
    epsilon = real("epsilon", epsilon, min(EPSILON), max(EPSILON))
    _check_tabulated(patterns)
    n, p = patterns.n_patches, patterns.n_irrelevant
    place = max(index for index, known in enumerate(N_PATCHES[:-1]) if known <= n)
    found = []
    for arm, n_routed, k in networks(N_PATCHES[place]):
        samples, steps = _interpolated((arm, 0 if arm == "dense" else n_routed, k), n, p, epsilon)
        found.append(Predicted(arm, n if arm == "dense" else n_routed, k, samples, steps))
    return found


def in_table(patterns: PatchPatterns) -> bool:
    """Return whether the table holds these data: orthonormal, balanced, of its sizes.

    Examples
    --------
    >>> in_table(PatchPatterns(48, 192, 194)), in_table(PatchPatterns(48, 192, 194, delta_d=0.1))
    (True, False)
    """
    try:
        _check_tabulated(patterns)
    except ValueError:
        return False
    return True


def _check_tabulated(patterns: PatchPatterns) -> None:
    check_neutral_patterns(patterns)
    n, p = patterns.n_patches, patterns.n_irrelevant
    if not N_PATCHES[0] <= n <= N_PATCHES[-1]:
        raise reject("n_patches", n, f"in [{N_PATCHES[0]}, {N_PATCHES[-1]}]")
    if not RATIOS[0] * n <= p <= RATIOS[-1] * n:
        raise reject("n_irrelevant", p, f"in [{RATIOS[0] * n}, {RATIOS[-1] * n}]")


def predicted_curve(
    n: int, ratio: int, arm: str, n_routed: int, n_experts: int
) -> list[CurvePoint]:
    """Return the tabulated predictions of one network, in rising N.

    Parameters
    ----------
    n, ratio : int
        n and p/n of the table.
    arm : {"dense", "separate", "joint"}
    n_routed, n_experts : int
        l and k; n and 1 for the dense network.

    Returns
    -------
    list of CurvePoint

    Raises
    ------
    ValueError
        If the table does not hold this network.

    Examples
    --------
    >>> first, *_, last = predicted_curve(64, 4, "separate", 4, 2)
    >>> first.n_train, first.error > 0.2 > 0.02 > last.error
    (4, True)
    """
    choice("arm", arm, ("dense", "separate", "joint"))
    sizes = {"n": n, "ratio": ratio, "n_routed": n_routed, "n_experts": n_experts}
    for name, size in sizes.items():
        integer(name, size, 1)
    network = arm, 0 if arm == "dense" else n_routed, n_experts
    rows = _table().get((*network, n, ratio))
    if rows is None:
        given = {"n": n, "ratio": ratio, "arm": arm, "l": n_routed, "k": n_experts}
        raise reject("network", given, f"one of the table: n in {N_PATCHES}, p/n in {RATIOS}")
    return rows


def _interpolated(network: NetworkKey, n: int, p: int, epsilon: float) -> tuple[float, float]:
    """Return N* and steps, their logarithms being linear in log n and log p/n."""
    sizes = [known for known in N_PATCHES if (*network, known, RATIOS[0]) in _table()]
    at_corners = np.array([
        [samples_and_steps(_table()[*network, known, ratio], epsilon) for ratio in RATIOS]
        for known in sizes
    ])  # fmt: skip
    # An infinite corner makes all between infinite, but 0 · ∞ would make its neighbours nan.
    values = np.minimum(np.log(at_corners), 1e9)
    at = np.log([n, p / n])
    samples, steps = RegularGridInterpolator((np.log(sizes), np.log(RATIOS)), values)(at)[0]
    return (math.exp(samples) if samples < 1e3 else math.inf), math.exp(steps)


def samples_and_steps(curve: list[CurvePoint], epsilon: float) -> tuple[float, float]:
    """Return the N at which errors fall to ε and the steps there, linear in logarithms.

    Examples
    --------
    >>> curve = [CurvePoint(4, 0.2, 0.01, 50.0), CurvePoint(16, 0.05, 0.01, 200.0)]
    >>> [round(value, 6) for value in samples_and_steps(curve, 0.1)]
    [8.0, 100.0]
    >>> samples_and_steps(curve, 0.01)[0]
    inf
    """
    sizes = np.log([point.n_train for point in curve])
    steps = np.log([point.steps for point in curve])
    # A prediction has noise of its own; what more samples spoil is taken for noise.
    falling = np.log(np.minimum.accumulate([max(point.error, 1e-4) for point in curve]))
    below = np.flatnonzero(falling <= math.log(epsilon))
    if len(below) == 0:
        return math.inf, float(np.exp(steps[-1]))
    place = int(below[0])
    share = 0.0
    if place > 0:
        share = (falling[place] - math.log(epsilon)) / (falling[place] - falling[place - 1])
    before = max(place - 1, 0)
    at, taken = (axis[place] + share * (axis[before] - axis[place]) for axis in (sizes, steps))
    return float(np.exp(at)), float(np.exp(taken))


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, int, int, int, int], list[CurvePoint]]:
    """Return the predictions of (arm, l or 0, k, n, p/n)."""
    table: dict[tuple[str, int, int, int, int], list[CurvePoint]] = {}
    with resources.files(__package__).joinpath("table.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            routed = 0 if row["arm"] == "dense" else int(row["n_routed"])
            sizes = int(row["n_experts"]), int(row["n_patches"]), int(row["ratio"])
            point = CurvePoint(int(row["n_train"]), *(float(row[name]) for name in
                                                 ("error", "standard_error", "steps")))  # fmt: skip
            table.setdefault((row["arm"], routed, *sizes), []).append(point)
    return table
