"""`PredictedError`: what all predictions of an error have in common."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class PredictedError:
    """Generalization error P(y f(x) ≤ 0).

    Attributes
    ----------
    error : float
        ε, the mean over the classes, weighted by their fractions.
    positive, negative : float
        ε for inputs with y = +1 and y = −1.

    Notes
    -----
    Source: derived in docs/theory/one-step.md, few-steps.md, trained.md and joint.md.

    Examples
    --------
    >>> found = PredictedError(error=0.05, positive=0.04, negative=0.09)
    >>> round(found.z, 3), round(found.balanced, 3)
    (1.645, 0.065)
    """

    error: float
    positive: float
    negative: float

    @property
    def balanced(self) -> float:
        """The balanced error, the mean over the classes with equal weights."""
        return (self.positive + self.negative) / 2

    @property
    def z(self) -> float:
        """z_ε, at which the Gaussian tail is ε: the ratio of signal to noise that ε stands for."""
        return float(stats.norm.isf(self.error))
