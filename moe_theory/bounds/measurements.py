"""`Measurements`: measured amounts, as `check` holds them against a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from moe_theory._validation import instance, read_only, real, reject, wrong_object
from moe_theory.bounds.parameters import check_values, parameter

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measured amounts at settings of the parameters.

    Parameters
    ----------
    values : mapping of str to array, shape (M,)
        Parameters by name in code; a number stands for M equal values.
    measured : array, shape (M,)
        What was needed, such as N*. Infinite or NaN where the target was not reached.
    standard_error : array, shape (M,), optional
        Standard errors of log(measured).
    what : str
        Name of the measured quantity.

    Raises
    ------
    ValueError
        If shapes disagree, a value breaks an assumption or a measurement is not positive.

    Examples
    --------
    >>> data = Measurements({"n_patches": [8, 16, 32]}, [10, 41, 160])
    >>> data.n_censored
    0
    """

    values: Mapping[str, ArrayLike]
    measured: ArrayLike
    standard_error: ArrayLike | None = None
    what: str = "measured"

    def __post_init__(self) -> None:
        measured = _numbers("measured", self.measured)
        if measured.ndim != 1:
            raise reject("measured.shape", measured.shape, "(M,)")
        instance("values", self.values, Mapping, "a mapping of names to numbers")
        instance("what", self.what, str, "a string")
        if (wrong := measured[measured <= 0]).size:
            raise reject("measured", float(wrong[0]), "positive; NaN or infinite if not reached")
        values = {}
        for name, value in self.values.items():
            array = _numbers(f"values[{name!r}]", value)
            if array.shape not in ((), measured.shape):
                raise reject(f"values[{name!r}].shape", array.shape, str(measured.shape))
            values[parameter(name).name] = read_only(np.broadcast_to(array, measured.shape))
        check_values(values)
        errors = self.standard_error
        if errors is not None:
            errors = _numbers("standard_error", errors)
            if errors.shape != measured.shape:
                raise reject("standard_error.shape", errors.shape, str(measured.shape))
            errors = read_only(errors)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "measured", read_only(measured))
        object.__setattr__(self, "standard_error", errors)

    @classmethod
    def from_intervals(
        cls,
        values: Mapping[str, ArrayLike],
        measured: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        *,
        confidence: float = 0.95,
        what: str = "measured",
    ) -> Measurements:
        """Take standard errors from confidence intervals, read as normal on a log scale.

        Examples
        --------
        >>> data = Measurements.from_intervals({"n_patches": [8, 16, 32]}, [10, 40, 160],
        ...                                    [9, 36, 150], [11, 44, 170])
        >>> data.standard_error.round(3)
        array([0.051, 0.051, 0.032])
        """
        confidence = real("confidence", confidence, 0, 1, open_low=True, open_high=True)
        ends = {"low": _numbers("low", low), "high": _numbers("high", high)}
        for name, end in ends.items():
            if (wrong := end[end <= 0]).size:
                raise reject(name, float(wrong[0]), "positive; NaN or infinite if not reached")
        with np.errstate(invalid="ignore"):  # inf / inf, where the target was not reached
            width = np.log(ends["high"] / ends["low"])
        z = 2 * norm.ppf((1 + confidence) / 2)
        return cls(values, measured, width / z, what)

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Where the target was reached, shape (M,)."""
        reached: NDArray[np.bool_] = np.isfinite(np.asarray(self.measured))
        return reached

    @property
    def n_censored(self) -> int:
        """How many settings did not reach the target."""
        return int((~self.reached).sum())


def _numbers(argument: str, value: object) -> Array:
    """Return real numbers as an array; NaN and infinite ones may be among them."""
    wanted = "a number or an array of numbers"
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise wrong_object(argument, value, wanted) from None
    if array.dtype.kind not in "iuf":
        raise wrong_object(argument, value, wanted)
    return array.astype(np.float64)
