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
    >>> round(PredictedError(error=0.05, positive=0.04, negative=0.06).z, 3)
    1.645
    """

    error: float
    positive: float
    negative: float

    @property
    def z(self) -> float:
        """z_ε, at which the Gaussian tail is ε: the ratio of signal to noise that ε stands for."""
        return float(stats.norm.isf(self.error))
