"""How far predictions that advice rests on are off: what it states, and what tables show."""

from __future__ import annotations

import math

from moe_theory.advice.accuracy import FLOPS, SAMPLES
from prose.markdown import pipes
from prose.queries import finite
from prose.tables import Table, table
from prose.text import percent

SHARE = 0.95


def advice_table() -> str:
    """Return the factors that advice states, and those that settings of each table lie within."""
    body = []
    for arm, stated in SAMPLES.items():
        coupled = "–"
        if arm != "joint":
            coupled = _most(finite(table("gram_predictions", arm=arm, quantity="samples"), "ratio"))
        body.append([
            arm,
            percent(math.expm1(stated)),
            _most(finite(table("predictions", arm=arm, quantity="samples"), "ratio")),
            coupled,
            _most(_ratios(table("advice", arm=arm, goal="samples"))),
            percent(math.expm1(FLOPS[arm])),
            _most(_ratios(table("advice", arm=arm, goal="flops"))),
        ])  # fmt: skip
    heads = ["network", "N\\*: stated", "`predictions`", "`gram_predictions`", "`advice`"]
    return pipes([*heads, "operations: stated", "`advice`"], body)


def _ratios(found: Table) -> list[float]:
    """Return predicted over simulated, where the N tried enclose N*."""
    inside = (row for row in found if not row["censored"])
    return [float(row["predicted"]) / float(row["simulated"]) for row in inside]


def _most(ratios: list[float]) -> str:
    """Return the factor, less 1, that 95 % of the ratios are within, up or down."""
    logs = sorted(abs(math.log(ratio)) for ratio in ratios)
    return percent(math.expm1(logs[math.ceil(SHARE * len(logs)) - 1]))
