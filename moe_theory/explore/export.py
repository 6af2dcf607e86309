"""What the page computes with, taken from the package: ``data.js`` and ``film.js``."""

from __future__ import annotations

import json
from typing import Any

from moe_theory._version import __version__
from moe_theory.advice.accuracy import FLOPS, SAMPLES
from moe_theory.advice.conventions import (
    BATCH_SIZE,
    EPSILON,
    N_HIDDEN,
    N_PATCHES,
    RATIOS,
    ROUTER_EPOCHS,
    networks,
)
from moe_theory.advice.interpolate import CurvePoint, predicted_curve
from moe_theory.explore.film import film
from moe_theory.explore.formulas import bound_functions, bound_texts, cost_functions
from moe_theory.explore.tables import simulated_points

GLOBAL = "window.moeTheory = window.moeTheory || {};\n"


def data_script() -> str:
    """Return the tabulated predictions, simulated points, costs and bounds, as JavaScript."""
    data = {
        "version": __version__,
        "sizes": N_PATCHES,
        "ratios": RATIOS,
        "epsilon": sorted(EPSILON),
        "batchSize": BATCH_SIZE,
        "nHidden": N_HIDDEN,
        "routerEpochs": ROUTER_EPOCHS,
        "offBy": {"samples": SAMPLES, "flops": FLOPS},
        "networks": {n: networks(n) for n in N_PATCHES[:-1]},
        "curves": _curves(),
        "simulated": simulated_points(),
        "boundTexts": bound_texts(),
    }
    bounds = ",\n".join(f"{goal}: {_object(own)}" for goal, own in bound_functions().items())
    return (
        f"{GLOBAL}moeTheory.data = {_compact(data)};\n"
        f"moeTheory.costs = {_object(cost_functions())};\n"
        f"moeTheory.bounds = {{\n{bounds}}};\n"
    )


def film_script() -> str:
    """Return the recorded trainings, as JavaScript."""
    return f"{GLOBAL}moeTheory.film = {_compact(film())};\n"


def _curves() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return the curves of every network, by "arm,l,k" (l = 0 for dense) and "n,p/n"."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for n in N_PATCHES:
        for arm, n_routed, k in networks(n):
            own = found.setdefault(f"{arm},{0 if arm == 'dense' else n_routed},{k}", {})
            for ratio in RATIOS:
                own[f"{n},{ratio}"] = _curve(predicted_curve(n, ratio, arm, n_routed, k))
    return found


def _curve(points: list[CurvePoint]) -> dict[str, list[float]]:
    return {
        "sizes": [point.n_train for point in points],
        "errors": [point.error for point in points],
        "steps": [point.steps for point in points],
    }


def _object(functions: dict[str, str]) -> str:
    return "{\n" + ",\n".join(f"  {name}: {text}" for name, text in functions.items()) + "}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
