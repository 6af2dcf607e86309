"""`RouterSuccess`: how often the discriminative patch reaches the experts meant for it."""

from __future__ import annotations

from dataclasses import dataclass

from moe_theory.data.patterns import PatchPatterns


@dataclass(frozen=True)
class RouterSuccess:
    """Chance that the discriminative patch of an input is among the l of its experts.

    Attributes
    ----------
    positive : float
        For an input with y = +1 and the experts s = 0, 2, … meant for it.
    negative : float
        For an input with y = −1 and the experts s = 1, 3, …
    own : float
        Their mean, weighted by the fractions of the classes, as `RoutingMetrics.own` measures it.

    Notes
    -----
    Source: dossier §5.2 [D].

    Examples
    --------
    >>> patterns = PatchPatterns(4, 8, 10, positive_fraction=0.25)
    >>> RouterSuccess.of_classes(patterns, 1.0, 0.6).own
    0.7
    """

    positive: float
    negative: float
    own: float

    @classmethod
    def of_classes(cls, patterns: PatchPatterns, positive: float, negative: float) -> RouterSuccess:
        """Weigh the two classes by the ``positive_fraction`` of ``patterns``."""
        fraction = patterns.positive_fraction
        return cls(positive, negative, fraction * positive + (1 - fraction) * negative)
