"""Which network, l and k need the fewest samples or operations, as predictions have it.

The predictions of `moe_theory.predictions` take seconds a piece. For orthonormal patterns and
balanced classes they are tabulated over n, p/n, l, k and N (`table.csv`, made by ``moe-theory
tabulate``), and interpolated here; for other data they are made when asked for.
"""

from moe_theory.advice.advice import Advice, Option
from moe_theory.advice.advise import advise
from moe_theory.advice.answers import NoPrediction, Predicted
from moe_theory.advice.interpolate import CurvePoint, predicted_curve, predicted_samples

__all__ = [
    "Advice",
    "CurvePoint",
    "NoPrediction",
    "Option",
    "Predicted",
    "advise",
    "predicted_curve",
    "predicted_samples",
]
