"""Growth of measured amounts, and amounts themselves, against a bound: the verdicts of `check`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import chi2

from moe_theory.bounds.bound import Bound
from moe_theory.bounds.parameters import parameter
from moe_theory.statistics import ExponentFit, fit_exponents

Array = NDArray[np.float64]
Verdict = Literal["not violated", "violated", "not testable"]

REJECTED = 0.01


class Amounts(NamedTuple):
    """Measured amounts, the bound at their settings, and errors of log(measured), if known."""

    measured: Array
    seen: Array
    errors: Array | None


@dataclass(frozen=True)
class Growth:
    """Growth in one parameter, counted in the direction of the asymptotic regime.

    Attributes
    ----------
    name : str
        The parameter; ε counts as 1/ε, and δ_d as 1/(1 − δ_d).
    measured, low, high : float
        Measured exponent and its confidence interval; where the points curve, the slope at the
        far end.
    bound : float
        The exponent of the bound. Where this is no power law, the one that the same fit finds at
        the same settings.
    curved : bool
        Whether a power law is rejected at the level of 1 %: by its curvature, or by the distance
        of the points from it, where their errors are known.
    verdict : {"not violated", "violated", "not testable"}
    reason : str
    """

    name: str
    measured: float
    low: float
    high: float
    bound: float
    curved: bool
    verdict: Verdict
    reason: str

    @property
    def looseness(self) -> float:
        """Exponent of the bound less the measured one."""
        return self.bound - self.measured


def together(verdicts: list[Verdict]) -> Verdict:
    """Return one verdict for all parameters."""
    if "violated" in verdicts:
        return "violated"
    return "not violated" if set(verdicts) == {"not violated"} else "not testable"


def _growing(name: str, values: Array) -> Array:
    """Return what grows without limit in the asymptotic regime: n, 1/ε, 1/(1 − δ_d)."""
    known = parameter(name)
    scaled: Array = known.scaled(values) ** known.towards
    return scaled


def judge_growth(
    bound: Bound, values: dict[str, Array], amounts: Amounts, confidence: float, resolution: float
) -> tuple[tuple[Growth, ...], str]:
    """Return the growth in each parameter that varies, or why there is none."""
    measured, seen, errors = amounts
    varied = [name for name, value in values.items() if len(np.unique(value)) > 1]
    if not varied:
        return (), "no parameter varies among the settings reached"
    sizes = np.column_stack([_growing(name, values[name]) for name in varied])
    each = 1 - (1 - confidence) / len(varied)
    # Measured amounts over a bound with logarithms follow a power law if anything does.
    own = None if all(bound.is_power(name) for name in varied) else seen
    try:
        rest = measured if own is None else measured / own
        fit = fit_exponents(sizes, rest, errors, confidence=each)
        ideal = None if own is None else fit_exponents(sizes, own, errors, confidence=each)
    except ValueError as error:
        return (), f"no exponent can be fitted: {error}"
    growth = []
    for place, name in enumerate(varied):
        curved, (exponent, low, high) = _estimate(fit, place)
        if ideal is None:
            expected = float(sp.Float(bound.exponent(name) * parameter(name).towards))
        else:
            slopes = ideal.end_exponent if curved else None
            expected = float((ideal.exponent if slopes is None else slopes)[place])
            exponent, low, high = (expected + part for part in (exponent, low, high))
        verdict, reason = _judge(bound, name, (low, high), expected, resolution)
        growth.append(Growth(name, exponent, low, high, expected, curved, verdict, reason))
    return tuple(growth), ""


def _estimate(fit: ExponentFit, place: int) -> tuple[bool, tuple[float, float, float]]:
    """Return whether a power law is rejected, and exponent, low and high that then count."""
    p_value = np.nan if fit.curvature_p_value is None else fit.curvature_p_value[place]
    misfit = fit.chi2 is not None and chi2.sf(fit.chi2, fit.dof) < REJECTED
    curved = bool(p_value < REJECTED or misfit)
    ends = fit.exponent, fit.low, fit.high
    if curved and fit.end_exponent is not None:
        assert fit.end_low is not None
        assert fit.end_high is not None
        ends = fit.end_exponent, fit.end_low, fit.end_high
    exponent, low, high = (float(value[place]) for value in ends)
    return curved, (exponent, low, high)


def _judge(
    bound: Bound, name: str, interval: tuple[float, float], expected: float, resolution: float
) -> tuple[Verdict, str]:
    if name in bound.silent:
        return "not testable", "hidden in the constant"
    # A lower bound is an upper one with all signs changed.
    sign = -1 if bound.kind == "lower" else 1
    near, far = sorted(sign * (end - expected) for end in interval)
    if near > 1e-9:
        side = "slower" if sign < 0 else "faster"
        return "violated", f"grows {side} than the bound"
    if far <= 1e-9:
        return "not violated", "whole interval within the bound"
    if far <= resolution:
        return "not violated", "interval holds the bound's exponent"
    return "not testable", f"interval reaches {far:.2g} beyond the bound's exponent"


def judge_amounts(
    bound: Bound, given: Collection[str], amounts: Amounts, confidence: float
) -> tuple[Verdict, str]:
    """Judge measured amounts by a bound without hidden constant; Bonferroni over settings."""
    measured, seen, errors = amounts
    ratio = measured / seen
    if missing := [p.name for p in bound.parameters if p.name not in given]:
        return "not testable", f"{', '.join(missing)} must be known"
    if not len(ratio):
        return "not testable", "no setting was reached"
    margin = 0.0 if errors is None else -ndtri((1 - confidence) / 2 / len(ratio)) * errors
    sign = -1 if bound.kind == "lower" else 1
    # Beyond the bound with the whole interval.
    beyond = sign * np.log(ratio) - margin > 1e-9
    if beyond.any():
        return "violated", f"{int(beyond.sum())} of {len(ratio)} amounts lie beyond the bound"
    return "not violated", "no amount lies beyond the bound"
