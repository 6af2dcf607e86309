"""`check`: hold a bound against measurements, and say what that can and cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.stats import chi2

from moe_theory._display import table
from moe_theory._validation import instance, read_only, real
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.measurements import Measurements
from moe_theory.bounds.parameters import parameter
from moe_theory.bounds.printing import plain
from moe_theory.bounds.published import Bound
from moe_theory.statistics import ExponentFit, fit_exponents

Array = NDArray[np.float64]
Verdict = Literal["not violated", "violated", "not testable"]

REJECTED = 0.01


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
        The exponent of the bound.
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


@dataclass(frozen=True, eq=False)
class Check:
    """What measurements say about a bound.

    Attributes
    ----------
    bound : Bound
    verdict : {"not violated", "violated", "not testable"}
        Violated if any growth is; not violated if all are not; otherwise not testable.
    growth : tuple of Growth
        One per parameter that varies.
    constant : float
        measured / bound where the bound is smallest: the constant that is not published.
        Parameters that the measurements do not give are part of it.
    extrapolation : array, shape (M,)
        log₁₀ of measured / (constant · bound) at all settings that were reached, in their order;
        at most 0 where the calibrated bound holds, and far below where it is loose.
    n_points, n_censored : int
        Settings that reached the target, and those that did not.
    reason : str
    """

    bound: Bound
    verdict: Verdict
    growth: tuple[Growth, ...]
    constant: float
    extrapolation: Array
    n_points: int
    n_censored: int
    reason: str

    def _repr_html_(self) -> str:
        rows = [
            (
                plain(parameter(growth.name).scale ** parameter(growth.name).towards),
                f"{growth.measured:.2f} [{growth.low:.2f}, {growth.high:.2f}]"
                + (" at the far end" if growth.curved else ""),
                f"{growth.bound:g}",
                f"{growth.looseness:.2f}",
                growth.verdict,
                growth.reason,
            )
            for growth in self.growth
        ]
        header = ("growth in", "measured exponent", "bound's", "loose by", "verdict", "because")
        notes = [f"{self.n_points} settings reached the target, {self.n_censored} did not."]
        if self.reason:
            notes.append(self.reason)
        caption = f"{self.bound.title}, {self.bound}: {self.verdict}"
        return table(header, rows, caption=caption, notes=notes)

    def __str__(self) -> str:
        title = f"{self.bound.quantity} {self.bound}: {self.verdict}"
        lines = [
            f"  {g.name}: measured {g.measured:.2f} [{g.low:.2f}, {g.high:.2f}], "
            f"bound {g.bound:g}, {g.verdict} ({g.reason})"
            for g in self.growth
        ]
        tail = f"  {self.n_points} points, {self.n_censored} not reached"
        return "\n".join([title, *lines, tail] + ([f"  {self.reason}"] if self.reason else []))


def check(
    bound: Bound, measurements: Measurements, *, confidence: float = 0.95, resolution: float = 1.0
) -> Check:
    """Hold ``bound`` against ``measurements``.

    Parameters
    ----------
    bound : Bound
        A sufficient amount or an upper bound, which the measured growth may not exceed; or a lower
        bound, which it may not stay below.
    measurements : Measurements
        At least three settings; every parameter that varies is fitted together with the others.
    confidence : float
        Of all intervals together (Bonferroni over parameters).
    resolution : float
        How far an interval that holds the bound's exponent may reach beyond it, and still count
        as "not violated".

    Returns
    -------
    Check

    Raises
    ------
    ValueError
        If ``confidence`` or ``resolution`` is impossible.

    Notes
    -----
    A bound of the form Ω(·) or O(·) with an unknown constant is asymptotic: a finite range of
    sizes can neither prove nor strictly disprove it. The verdict speaks of growth over the
    measured range: *violated* means that the whole interval of the exponent lies beyond the
    bound's. Where a power law is rejected, the slope at the far end of the range is judged.
    Source: how the published bounds are to be read, docs/theory/bounds.md.

    Examples
    --------
    >>> from moe_theory.bounds import complexity
    >>> bound = complexity("sample complexity", "dense")
    >>> data = Measurements({"n_patches": [8, 16, 32, 64]}, [10, 41, 158, 645])
    >>> check(bound, data).verdict
    'not violated'
    >>> check(bound, Measurements(data.values, np.array([8, 16, 32, 64.0]) ** 9)).verdict
    'violated'
    """
    instance("bound", bound, Bound, "a Bound, such as complexity gives")
    instance("measurements", measurements, Measurements, "Measurements")
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    resolution = real("resolution", resolution, 0)
    kept = measurements.reached
    values = {name: np.asarray(value)[kept] for name, value in measurements.values.items()}
    measured = np.asarray(measurements.measured)[kept]
    varied = [name for name, value in values.items() if len(np.unique(value)) > 1]
    n_censored = measurements.n_censored
    constant, extrapolation = _calibrate(bound, values, measured)

    def verdict(kind: Verdict, growth: tuple[Growth, ...], reason: str) -> Check:
        return Check(
            bound, kind, growth, constant, extrapolation, len(measured), n_censored, reason
        )

    if not varied:
        return verdict("not testable", (), "no parameter varies among the settings reached")
    errors = measurements.standard_error
    try:
        fit = fit_exponents(
            np.column_stack([_growing(name, values[name]) for name in varied]),
            measured,
            None if errors is None else np.asarray(errors)[kept],
            confidence=1 - (1 - confidence) / max(1, len(varied)),
        )
    except ValueError as error:
        return verdict("not testable", (), f"no exponent can be fitted: {error}")
    growth = tuple(
        _growth(bound, name, fit, place, resolution) for place, name in enumerate(varied)
    )
    verdicts = {g.verdict for g in growth}
    if "violated" in verdicts:
        return verdict("violated", growth, "")
    if n_censored and bound.kind != "lower":
        return verdict("not testable", growth, "settings that did not reach the target need more")
    return verdict("not testable" if "not testable" in verdicts else "not violated", growth, "")


def _growing(name: str, values: Array) -> Array:
    """Return what grows without limit in the asymptotic regime: n, 1/ε, 1/(1 − δ_d)."""
    known = parameter(name)
    scaled: Array = known.scaled(values) ** known.towards
    return scaled


def _growth(bound: Bound, name: str, fit: ExponentFit, place: int, resolution: float) -> Growth:
    known = parameter(name)
    expected = float(sp.Float(bound.exponent(name) * known.towards))
    estimate = fit.exponent[place], fit.low[place], fit.high[place]
    p_value = np.nan if fit.curvature_p_value is None else fit.curvature_p_value[place]
    misfit = fit.chi2 is not None and chi2.sf(fit.chi2, fit.dof) < REJECTED
    curved = bool(p_value < REJECTED or misfit)
    if curved and fit.end_exponent is not None:
        assert fit.end_low is not None
        assert fit.end_high is not None
        estimate = fit.end_exponent[place], fit.end_low[place], fit.end_high[place]
    measured, low, high = (float(value) for value in estimate)
    verdict, reason = _judge(bound, name, (low, high), expected, resolution)
    return Growth(name, measured, low, high, expected, curved, verdict, reason)


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


def _calibrate(bound: Bound, values: dict[str, Any], measured: Array) -> tuple[float, Array]:
    """Return the constant at the smallest bound, and log₁₀ of measured over calibrated bound."""
    if not len(measured):
        return np.nan, measured
    hidden = {p.symbol: 1 for p in bound.parameters if p.name not in values}
    seen = Formula(bound.expression.subs(hidden))
    value = np.broadcast_to(seen.evaluate(**values), measured.shape).astype(np.float64)
    smallest = int(np.argmin(value))
    constant = float(measured[smallest] / value[smallest])
    return constant, read_only(np.log10(measured / (constant * value)))
