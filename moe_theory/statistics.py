"""Power laws through measured points: exponents, their intervals, and a test of the law itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from moe_theory._arithmetic import (
    combine,
    condition_number,
    exp,
    log,
    norms,
    orthonormal,
    products,
    rounded,
    upper_inverse,
)
from moe_theory._validation import read_only, real, real_array, reject

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExponentFit:
    """The fit log value = intercept + Σ_k exponent_k · log x_k.

    Attributes
    ----------
    exponent, low, high : array, shape (K,)
        Growth exponent of each regressor and its confidence interval.
    standard_errors : array, shape (K,)
        Of the exponents, inflated by max(1, √(chi2/dof)) where errors were given.
    intercept : float
        Log of the value at x = 1.
    residuals : array, shape (M,)
        log value − fit.
    chi2 : float or None
        Σ (residual / error)²; None where no errors were given.
    dof : int
        M − K − 1.
    confidence : float
        Level of all intervals.
    curvature : array, shape (K,), or None
        d² log value / d(log x_k)² of the fit with one further term, (log x_k)². NaN for a
        regressor with fewer than three different values; None if M < K + 3.
    curvature_p_value : array, shape (K,), or None
        Two-sided p-value of "no curvature".
    end_exponent, end_low, end_high : array, shape (K,), or None
        Slope of that curved fit at the largest x_k, and its interval.
    """

    exponent: Array
    low: Array
    high: Array
    standard_errors: Array
    intercept: float
    residuals: Array
    chi2: float | None
    dof: int
    confidence: float
    curvature: Array | None
    curvature_p_value: Array | None
    end_exponent: Array | None
    end_low: Array | None
    end_high: Array | None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))

    @property
    def n_points(self) -> int:
        """M, the number of points."""
        return len(self.residuals)

    def predict(self, x: ArrayLike) -> Array:
        """Return the fitted values at ``x``, of shape (M,) if K = 1, or (M, K).

        Raises
        ------
        ValueError
            If ``x`` is not positive or has another K.
        """
        logs = _logs("x", real_array("x", x, "(M,)", "(M, K)").astype(np.float64))
        columns = logs.reshape(len(logs), -1)
        if columns.shape[1] != len(self.exponent):
            raise reject("x.shape", logs.shape, f"(M, {len(self.exponent)})")
        values: Array = exp(self.intercept + combine(columns, self.exponent[:, None])[:, 0])
        return values


def fit_exponents(
    x: ArrayLike,
    value: ArrayLike,
    standard_error: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> ExponentFit:
    """Fit a power law by weighted least squares on logarithms.

    Parameters
    ----------
    x : array, shape (M,) or (M, K)
        Positive regressors, such as n, or (n, l).
    value : array, shape (M,)
        Positive measurements, such as N*.
    standard_error : array, shape (M,), optional
        Positive standard errors of log value. Without them all points weigh the same and their
        scatter tells their error.
    confidence : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    ExponentFit

    Raises
    ------
    ValueError
        If data are not positive and finite, M < max(3, K + 2), or regressors are collinear (a
        constant one is collinear with the intercept).

    Notes
    -----
    Without errors the interval is Student's with dof = M − K − 1. With errors it is the wider of
    the normal interval, right if the errors are, and Student's with the errors rescaled by
    √(chi2/dof), right if they are off by a common factor; so it covers in both cases, at the
    price of width where dof is small. p-values are the larger of the two, likewise.

    Examples
    --------
    >>> fit = fit_exponents([8, 16, 32, 64], [3.1, 12.0, 50.0, 190.0])
    >>> round(float(fit.exponent[0]), 2), bool(fit.low[0] < 2 < fit.high[0])
    (1.99, True)
    """
    confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
    logs, y, errors = _checked(x, value, standard_error)
    columns = np.column_stack([np.ones(len(y)), logs])
    _check_rank(columns)
    line = _Line.fit(columns, y, errors)
    slopes = np.eye(columns.shape[1])[1:]
    width = line.half_widths(slopes, confidence)
    exponent = line.coefficients[1:]
    return ExponentFit(
        exponent=exponent,
        low=exponent - width,
        high=exponent + width,
        standard_errors=line.standard_errors(slopes),
        intercept=float(line.coefficients[0]),
        residuals=line.residuals,
        chi2=None if errors is None else line.chi2,
        dof=line.dof,
        confidence=confidence,
        **_curvatures(logs, y, errors, confidence),
    )


@dataclass(frozen=True, eq=False)
class _Line:
    """A weighted least-squares fit: coefficients, unit-variance covariance, residuals."""

    coefficients: Array
    covariance: Array
    residuals: Array
    chi2: float
    dof: int
    known: bool

    @classmethod
    def fit(cls, columns: Array, y: Array, errors: Array | None) -> _Line:
        scale = np.ones(len(y)) if errors is None else errors
        scaled = (columns / scale[:, None]).T
        basis = orthonormal(scaled)
        inverse = upper_inverse(products(basis, scaled))
        coefficients = products(products((y / scale)[None], basis), inverse)[0]
        residuals = y - products(columns, coefficients[None])[:, 0]
        chi2 = float(np.sum((residuals / scale) ** 2))
        dof = len(y) - columns.shape[1]
        return cls(
            coefficients, products(inverse, inverse), residuals, chi2, dof, errors is not None
        )

    def _unit_errors(self, combinations: Array) -> Array:
        variances = np.sum(combine(combinations, self.covariance) * combinations, axis=1)
        roots: Array = np.sqrt(variances)
        return roots

    @property
    def scatter(self) -> float:
        """√(chi2/dof): the errors' factor that the scatter of the points asks for."""
        return float(np.sqrt(self.chi2 / self.dof))

    def standard_errors(self, combinations: Array) -> Array:
        """Return the standard errors of linear ``combinations`` (rows) of the coefficients."""
        factor = max(1.0, self.scatter) if self.known else self.scatter
        return factor * self._unit_errors(combinations)

    def half_widths(self, combinations: Array, confidence: float) -> Array:
        """Return half the widths of their confidence intervals."""
        tail = (1 + confidence) / 2
        factor = self.scatter * rounded(stdtrit(self.dof, tail))
        if self.known:
            factor = max(factor, rounded(ndtri(tail)))
        widths: Array = factor * self._unit_errors(combinations)
        return widths

    def p_value(self, combination: Array) -> float:
        """Return the two-sided p-value of "this combination is zero"."""
        estimate = abs(float(np.sum(combination * self.coefficients)))
        error = float(self._unit_errors(combination[None])[0])
        scattered = error * self.scatter
        found = [2 * stdtr(self.dof, -estimate / scattered)] if scattered > 0 else []
        if self.known:
            found.append(2 * ndtr(-estimate / error))
        return rounded(max(found, default=float(estimate == 0)))


def _curvatures(logs: Array, y: Array, errors: Array | None, confidence: float) -> dict[str, Any]:
    names = ("curvature", "curvature_p_value", "end_exponent", "end_low", "end_high")
    n_points, n_regressors = logs.shape
    if n_points < n_regressors + 3:
        return dict.fromkeys(names)
    rows = [_curvature(logs, k, y, errors, confidence) for k in range(n_regressors)]
    return {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _curvature(
    logs: Array, k: int, y: Array, errors: Array | None, confidence: float
) -> tuple[float, ...]:
    """Return curvature, its p-value, and the slope at the largest x_k with its interval."""
    from_end = logs - logs.max(axis=0)  # so that the slope at the end is a coefficient
    columns = np.column_stack([np.ones(len(y)), from_end, from_end[:, k] ** 2])
    if len(np.unique(logs[:, k])) < 3 or _condition(columns) > MAX_CONDITION:
        return (np.nan,) * 5
    curve = _Line.fit(columns, y, errors)
    bend, slope = np.eye(columns.shape[1])[[-1, 1 + k]]
    width = curve.half_widths(slope[None], confidence)[0]
    end = curve.coefficients[1 + k]
    return 2 * curve.coefficients[-1], curve.p_value(bend), end, end - width, end + width


MAX_CONDITION = 1e7


def _condition(columns: Array) -> float:
    """Condition number of centred columns of unit length; the first is the constant."""
    centred = columns[:, 1:] - columns[:, 1:].mean(axis=0)
    lengths = norms(centred.T)
    tiny = 1e-12 * np.maximum(1.0, np.abs(columns[:, 1:]).max(axis=0)) * np.sqrt(len(columns))
    if np.any(lengths <= tiny):
        return float("inf")
    return condition_number(centred / lengths)


def _check_rank(columns: Array) -> None:
    if _condition(columns) > MAX_CONDITION:
        allowed = "regressors that vary, none a product of powers of the others"
        raise reject("x", exp(columns[:, 1:]).tolist(), allowed)


def _checked(
    x: ArrayLike, value: ArrayLike, standard_error: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    values = real_array("value", value, "(M,)").astype(np.float64)
    regressors = real_array("x", x, "(M,)", "(M, K)").astype(np.float64)
    if regressors.ndim == 1:
        regressors = regressors[:, None]
    if len(regressors) != len(values):
        raise reject("x.shape", np.shape(x), f"(M,) or (M, K) with M = {len(values)}")
    needed = max(3, regressors.shape[1] + 2)
    if len(values) < needed:
        raise reject("number of points", len(values), f"an integer >= {needed}")
    if standard_error is None:
        return _logs("x", regressors), _logs("value", values), None
    errors = real_array("standard_error", standard_error, "(M,)").astype(np.float64)
    if errors.shape != values.shape:
        raise reject("standard_error.shape", errors.shape, f"({len(values)},)")
    _logs("standard_error", errors)
    return _logs("x", regressors), _logs("value", values), errors


def _logs(field: str, values: Array) -> Array:
    if (wrong := values[values <= 0]).size:
        raise reject(field, float(wrong[0]), "positive everywhere")
    return log(values)
