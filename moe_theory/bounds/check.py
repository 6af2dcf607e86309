"""`check`: hold a bound against measurements, and say what that can and cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from moe_theory._display import table
from moe_theory._validation import instance, read_only, real
from moe_theory.bounds.bound import Bound
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.growth import (
    Amounts,
    Growth,
    Verdict,
    judge_amounts,
    judge_growth,
    together,
)
from moe_theory.bounds.measurements import Measurements
from moe_theory.bounds.parameters import check_values, parameter
from moe_theory.bounds.printing import plain

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Check:
    """What measurements say about a bound.

    Attributes
    ----------
    bound : Bound
    verdict : {"not violated", "violated", "not testable"}
        Violated if any growth is; not violated if all are not; otherwise not testable.
    growth : tuple of Growth
        One per parameter that varies; none where the bound has no hidden constant.
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
    bound's. Where a power law is rejected, the slope at the far end of the range is judged. A
    bound without a hidden constant, ≥ or ≤, speaks of amounts: it is violated where the whole
    interval of one of them lies beyond it, and their growth is not judged.
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
    errors = measurements.standard_error
    n_censored = measurements.n_censored
    seen = _seen(bound, values, measured)
    amounts = Amounts(measured, seen, None if errors is None else np.asarray(errors)[kept])
    constant, extrapolation = _calibrate(seen, measured)
    growth: tuple[Growth, ...] = ()
    if bound.is_exact:
        verdict, reason = judge_amounts(bound, values, amounts, confidence)
    else:
        growth, reason = judge_growth(bound, values, amounts, confidence, resolution)
        verdict = together([g.verdict for g in growth])
    if n_censored and bound.kind != "lower" and growth and verdict != "violated":
        verdict, reason = "not testable", "settings that did not reach the target need more"
    return Check(bound, verdict, growth, constant, extrapolation, len(measured), n_censored, reason)


def _seen(bound: Bound, values: dict[str, Any], measured: Array) -> Array:
    """Return the bound at all settings, without the factors whose parameters are not given."""
    hidden = {p.symbol: 1 for p in bound.parameters if p.name not in values}
    factors = sp.Mul.make_args(bound.expression)
    known = [part for part in factors if not part.free_symbols or part.free_symbols - set(hidden)]
    value = np.asarray(Formula(sp.Mul(*known).subs(hidden)).evaluate(**values), np.float64)
    if (value <= 0).any():
        check_values(values, bound.conditions)
    return np.broadcast_to(value, measured.shape)


def _calibrate(seen: Array, measured: Array) -> tuple[float, Array]:
    """Return the constant at the smallest bound, and log₁₀ of measured over calibrated bound."""
    if not len(measured):
        return np.nan, measured
    smallest = int(np.argmin(seen))
    constant = float(measured[smallest] / seen[smallest])
    return constant, read_only(np.log10(measured / (constant * seen)))
