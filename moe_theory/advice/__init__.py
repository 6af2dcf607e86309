"""Which network, l and k need the fewest samples or operations: instant answers from predictions.

The predictions of `moe_theory.predictions` take seconds a piece. They are tabulated over n,
p/n, l, k and N (`table.csv`, made by ``moe-theory tabulate``), and interpolated here.
"""

from moe_theory.advice.advise import Advice, Option, advise
from moe_theory.advice.interpolate import CurvePoint, Predicted, predicted_curve, predicted_samples

__all__ = [
    "Advice",
    "CurvePoint",
    "Option",
    "Predicted",
    "advise",
    "predicted_curve",
    "predicted_samples",
]
