"""The ODE of gradient flow in pattern space, and its integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.sparse import csr_array

from moe_theory._arithmetic import norms
from moe_theory._validation import instance, integer, real, real_array, reject, set_fields
from moe_theory.data.patch_data import PatchData
from moe_theory.flow.loss_averages import Average, Spread
from moe_theory.models import Model, Weights

Array = NDArray[np.float64]
Correction = Literal["none", "step", "batch"]

MAX_PATTERNS = 4096
# Overlaps below this part of the lengths of two patterns are rounding.
ROUNDING = 1e-12
# Of the initial products, the part over which a ReLU bends where patterns overlap.
BEND = 0.02


class FlowError(ArithmeticError):
    """The integration did not reach the end."""


@dataclass(frozen=True)
class Tolerances:
    """How finely a flow is integrated.

    Parameters
    ----------
    rtol, atol : float
        Relative and absolute error per step of the products z and scores S, root mean square over
        all of them.
    bend : float, optional
        ε, the width over which each ReLU is rounded off: relu(z) becomes z²/2ε for 0 < z < ε. By
        default 0 for orthogonal patterns, else 0.02 of the standard deviation of the initial z.
    max_evaluations : int
        Evaluations of the gradient before `FlowError` is raised.

    Raises
    ------
    ValueError
        If a value is impossible.

    Examples
    --------
    >>> Tolerances(rtol=1e-8).max_evaluations
    200000
    """

    rtol: float = 1e-4
    atol: float = 1e-6
    bend: float | None = None
    max_evaluations: int = 200_000

    def __post_init__(self) -> None:
        set_fields(
            self,
            rtol=real("rtol", self.rtol, 1e-13, 1),
            atol=real("atol", self.atol, 0, open_low=True),
            max_evaluations=integer("max_evaluations", self.max_evaluations, 1),
        )
        if self.bend is not None:
            set_fields(self, bend=real("bend", self.bend, 0))


class Departure(NamedTuple):
    """How far to look ahead, and how much the spread of small batches weighs; 0 for pure flow."""

    look: float = 0.0
    spread: float = 0.0


class Patterns:
    """A dictionary with its Gram matrix K = D Dᵀ."""

    def __init__(self, dictionary: NDArray[Any]) -> None:
        self.dictionary: Array = np.asarray(dictionary, dtype=np.float64)
        full: Array = np.asarray(self.dictionary @ self.dictionary.T, dtype=np.float64)
        lengths = norms(self.dictionary)
        full[np.abs(full) < ROUNDING * lengths[:, None] * lengths] = 0.0
        self.gram: Array = full
        self.orthogonal = bool((full == np.diag(full.diagonal())).all())
        self._sparse = csr_array(full)

    def times_gram(self, rows: Array) -> Array:
        """Return ``rows`` K."""
        if self.orthogonal:
            return rows * self.gram.diagonal()
        product: Array = (self._sparse @ rows.T).T
        return product

    def inverse(self) -> Array:
        """Return the pseudo-inverse of K."""
        if self.orthogonal:
            squares = self.gram.diagonal()
            return np.diag(np.divide(1.0, squares, out=np.zeros_like(squares), where=squares > 0))
        return np.asarray(np.linalg.pinv(self.gram, hermitian=True), dtype=np.float64)


def check_dictionary(dictionary: NDArray[np.floating]) -> None:
    """Raise ``ValueError`` if the flow would carry too many numbers."""
    if len(dictionary) > MAX_PATTERNS:
        allowed = f"at most {MAX_PATTERNS}: a flow carries m + k numbers for each pattern"
        raise reject("the number of patterns", len(dictionary), allowed)


def check_same_dictionary(name: str, other: PatchData, dictionary: NDArray[np.floating]) -> None:
    """Raise ``ValueError`` unless ``other`` is made of the patterns of the flow."""
    if not np.array_equal(other.dictionary, dictionary):
        allowed = "the dictionary of the training data: the flow knows products with it alone"
        raise reject(f"{name}.dictionary", other.dictionary.shape, allowed)


class PatternFlow:
    """dz_r/dτ = −a_r (∂L/∂h_s ⊙ relu′(z_r)) K and dS_s/dτ = −(η_r/η) ∂L/∂S_s K.

    Notes
    -----
    Source: derived in docs/theory/dynamics.md.
    """

    def __init__(
        self,
        model: Model,
        average: Average,
        patterns: Patterns,
        start: Weights,
        *,
        router_ratio: float = 1.0,
        departure: Departure | None = None,
        tolerances: Tolerances | None = None,
    ) -> None:
        self.model, self.average, self.patterns = model, average, patterns
        self.start, self.router_ratio = start, router_ratio
        self.departure = departure or Departure()
        self.tolerances = Tolerances() if tolerances is None else tolerances
        instance("tolerances", self.tolerances, Tolerances, "Tolerances")
        self.output = start.output.astype(np.float64)
        self.z0: Array = start.experts.astype(np.float64) @ patterns.dictionary.T
        self.scores0: Array | None = None
        if model.learns_routers and start.routers is not None:
            self.scores0 = start.routers.astype(np.float64) @ patterns.dictionary.T
        bend = self.tolerances.bend
        if bend is None:
            bend = 0.0 if patterns.orthogonal else max(BEND * float(self.z0.std()), 1e-6)
        self.bend = bend
        self._shape = (model.n_experts, -1, self.z0.shape[1])

    def initial(self) -> Array:
        """Return the state before training."""
        parts = [self.z0] if self.scores0 is None else [self.z0, self.scores0]
        return np.concatenate([part.ravel() for part in parts])

    def unpack(self, state: Array) -> tuple[Array, Array | None]:
        """Return z (m, P) and the scores (k, P), None unless trained jointly."""
        z = state[: self.z0.size].reshape(self.z0.shape)
        if self.scores0 is None:
            return z, None
        return z, state[self.z0.size :].reshape(self.scores0.shape)

    def per_expert(self, rows: Array) -> Array:
        """Return the sums of ``rows`` (m, P) over the units of each expert."""
        sums: Array = rows.reshape(self._shape).sum(axis=1)
        return sums

    def values(self, z: Array, bend: float = 0.0) -> Array:
        """Return h_sp = Σ_r a_r relu(z_rp), shape (k, P)."""
        active = np.maximum(z, 0.0)
        if bend > 0:
            active = np.where(z < bend, active**2 / (2 * bend), z - bend / 2)
        return self.per_expert(self.output[:, None] * active)

    def velocity(self, state: Array) -> Array:
        """Return the derivative of the state in τ."""
        now = self._descent(state, state)
        if self.departure.look == 0:
            return now
        return self._descent(state, state - self.departure.look * now)

    def _descent(self, here: Array, ahead: Array) -> Array:
        """Return minus the gradient at ``ahead``, on the piece of the loss on which ``here`` lies.

        Looking across a kink would let units that have just begun to grow look dead.
        """
        z, _ = self.unpack(here)
        moved_z, scores = self.unpack(ahead)
        on = np.clip(z / self.bend, 0.0, 1.0) if self.bend > 0 else (z > 0).astype(np.float64)
        values = self.values(z, self.bend)
        if ahead is not here:
            values = values + self.per_expert(self.output[:, None] * on * (moved_z - z))
        spread = None
        if self.departure.spread > 0:
            norms = self.per_expert(self.output[:, None] ** 2 * on)
            spread = Spread(self.departure.spread, norms)
        slopes = self.average.slopes(values, scores, spread)
        on *= -self.output[:, None]
        on = on.reshape(self._shape) * slopes.values[:, None, :]
        pulls = [self.patterns.times_gram(on.reshape(z.shape))]
        if slopes.scores is not None:
            pulls.append(-self.router_ratio * self.patterns.times_gram(slopes.scores))
        return np.concatenate([part.ravel() for part in pulls])

    def solve(self, times: Array) -> tuple[Array, int]:
        """Return the states at ``times``, one in each row, and the number of evaluations.

        Raises
        ------
        FlowError
            If the solver fails or takes too many evaluations.
        """
        count, limit = 0, self.tolerances.max_evaluations

        def derivative(time: float, state: Array) -> Array:
            nonlocal count
            count += 1
            if count > limit:
                raise FlowError(
                    f"more than {limit} evaluations by τ = {time:g} of {times[-1]:g}; "
                    "try larger tolerances, or a larger bend where patterns overlap"
                )
            return self.velocity(state)

        found = solve_ivp(
            derivative,
            (0.0, float(times[-1])),
            self.initial(),
            method="RK45",
            t_eval=times,
            rtol=self.tolerances.rtol,
            atol=self.tolerances.atol,
        )
        if not found.success:
            raise FlowError(f"the integration stopped: {found.message}")
        states: Array = np.ascontiguousarray(found.y.T)
        return states, count


def check_times(times: Any) -> Array:
    """Return ``times`` as an array if they start at 0 and increase.

    Examples
    --------
    >>> check_times([0, 1, 3])
    array([0., 1., 3.])
    """
    given = real_array("times", times, "(T,)").astype(np.float64)
    if len(given) < 2 or given[0] != 0 or not (np.diff(given) > 0).all():
        raise reject("times", times, "at least two finite increasing numbers that start at 0")
    return given
