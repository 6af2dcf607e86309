"""The state in which samples and patterns of a training set agree at the loss of the stop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory.predictions.trained.kernels import Paths, follow_paths
from moe_theory.predictions.trained.own_response import FewPatterns, FewSamples, faster
from moe_theory.predictions.trained.training_set import (
    TrainingSet,
    draw_patches,
    routed_patterns,
)

Array = NDArray[Any]

N_PARTS = 24
MAX_ITERATIONS, PATIENCE, TOLERANCE = 60, 15, 0.003
# No iteration changes the weights by more than this factor, or the mean pull by this share.
LARGEST_FACTOR, LARGEST_STEP = 1.3, 0.3


@dataclass(frozen=True, eq=False)
class FinalState:
    """What a network has learned of each pattern.

    Attributes
    ----------
    data : TrainingSet
    values : array, shape (experts, p + 2)
        h of every pattern: what a patch of it adds to f/scale.
    margins : array, shape (N,)
        y f of the training samples.
    n_steps : float
        Steps of SGD that the path to this state takes.
    converged : bool
        Whether the equations are solved.
    """

    data: TrainingSet
    values: Array
    margins: Array
    n_steps: float
    converged: bool

    def fresh_margins(self, rng: np.random.Generator, n_inputs: int) -> Array:
        """Return y f/scale of fresh inputs, shape (2, n_inputs): y = +1 first, then y = −1."""
        s, found = self.data.setting, np.zeros((2, n_inputs))
        for side, sign in enumerate((1.0, -1.0)):
            patches = draw_patches(s, rng, n_inputs)
            positive = np.full(n_inputs, side == 0)
            sent = routed_patterns(s, self.data.routers, rng, patches, positive)
            for (patterns, kept, _), values in zip(sent, self.values, strict=True):
                of = np.append(values[: s.p], 0.0)[patterns].sum(axis=1)
                found[side] += sign * (of + kept * values[s.p + side])
        return found


def final_state(data: TrainingSet) -> FinalState:
    """Solve for the pulls α of the samples at which the mean training loss is ``stop_loss``.

    Parameters
    ----------
    data : TrainingSet

    Returns
    -------
    FinalState

    Notes
    -----
    Newton's method on α = Φ(F − Vα), with α rescaled to the loss in between: fields F are
    homogeneous in α while no unit changes its sign. Some four iterations suffice.

    Source: derived in docs/theory/trained.md.

    Examples
    --------
    >>> from moe_theory.predictions.trained.training_set import draw_training_set
    >>> from moe_theory.predictions.trained.setting import TrainedSetting
    >>> setting = TrainedSetting(16, 64, 20, 10, 1, 16, (20, 20), 0.01, 1 / 16, 0.2, 20, 0.03)
    >>> state = final_state(draw_training_set(setting, np.random.default_rng(0), (10, 10)))
    >>> state.converged, bool(abs(np.log1p(np.exp(-state.margins)).mean() - 0.03) < 0.001)
    (True, True)
    """
    s = data.setting
    signed = data.counts * data.labels[:, None]
    compact = [faster(one) for one in signed]
    pulls = np.full(s.n_train, 3 / s.scale)
    pulls /= s.carriers * (s.n_train / 2 + s.n_experts * s.n_routed)
    softness, inverse_slopes = pulls * s.scale, np.full(N_PARTS, 6.0)
    converged = False
    for iteration in range(MAX_ITERATIONS):
        asked = np.einsum("ein,i->en", signed, pulls)
        active = np.where(asked > 0, data.ups, data.downs)
        fields = np.einsum("ein,en->i", signed, active * asked)
        factor = _factor_to_loss(fields * s.scale, s.target)
        pulls, fields, asked = factor * pulls, factor * fields, factor * asked
        kernel = _kernel(signed, compact, active)
        try:
            own = kernel.own_effects(softness)
            reached, softness, inverse_slopes = _paths(
                fields - own * pulls, own, s.scale, pulls.mean(), inverse_slopes
            )
            change = kernel.newton_step(softness, own, reached - pulls)
        except np.linalg.LinAlgError:
            # Samples of unlike labels that share all they receive: no pulls tell them apart, they
            # grow without end, and the response to them becomes singular.
            break
        size = np.abs(change).mean() / pulls.mean()
        if size < TOLERANCE and abs(factor - 1) < TOLERANCE:
            converged = True
            break
        # Where units switch to and fro, whole steps would go on for ever.
        whole = 1 if iteration < PATIENCE else 0.3
        pulls = np.clip(pulls + min(whole, LARGEST_STEP / size) * change, pulls / 10, 10 * pulls)
    return FinalState(
        data, active * asked, fields * s.scale,
        float(pulls.mean() * s.n_train / s.rate * inverse_slopes.mean()), converged,
    )  # fmt: skip


def _kernel(signed: Array, compact: list[Any], active: Array) -> FewSamples | FewPatterns:
    """Return K = Σ_e S_e diag(units) S_eᵀ, by how much pulls move fields, in its cheaper form."""
    if signed.shape[1] > (active > 0).sum():
        return FewPatterns.of(compact, active)
    return FewSamples(
        sum((one * units) @ one.T for one, units in zip(signed, active, strict=True))
    )  # fmt: skip


def _paths(
    others: Array, own: Array, scale: float, mean_pull: float, inverse_slopes: Array
) -> tuple[Array, Array, Array]:
    """Return pulls and softness at the ends of the paths, and 1/E σ(−m) along them."""
    pulls, softness = np.empty((2, len(others)))
    slopes = np.empty(N_PARTS)
    for _ in range(3):
        paths = Paths(others, own, scale, mean_pull, inverse_slopes)
        follow_paths(paths, pulls, softness, slopes)
        inverse_slopes = len(others) / np.maximum(slopes, 1e-12)
    return pulls, softness, inverse_slopes


def _factor_to_loss(margins: Array, target: float) -> float:
    """Return the factor, within limits, by which margins give a mean logistic loss of target."""
    low, high = 1 / LARGEST_FACTOR, LARGEST_FACTOR

    def excess(factor: float) -> float:
        return float(np.logaddexp(0, -factor * margins).mean()) - target

    at_low, at_high = excess(low), excess(high)
    if at_low * at_high > 0:
        return low if abs(at_low) < abs(at_high) else high
    while high / low > 1 + TOLERANCE / 5:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if excess(middle) * at_low > 0 else (low, middle)
    return math.sqrt(low * high)
