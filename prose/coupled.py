"""How good predictions are where patterns are coupled or classes unequal."""

from __future__ import annotations

import math
import statistics
from collections import Counter

from moe_theory.experiments import student_interval
from prose.markdown import pipes
from prose.queries import finite
from prose.tables import Table, table
from prose.text import fixed, percent

COUPLED = {
    "classes": "unequal or random classes",
    "delta_d": "$\\delta_d$",
    "closer": "closer patterns",
    "all": "all three",
}


def coupled_table() -> str:
    """Return how good predictions are where patterns are coupled or classes unequal."""
    body = []
    for arm in ("dense", "separate"):
        for domain, name in COUPLED.items():
            cells = [arm, name]
            for quantity in ("samples", "error"):
                found = table("gram_predictions", arm=arm, domain=domain, quantity=quantity)
                verdicts = ("within", "undecided", "outside", "open")[: 4 - (quantity == "error")]
                given = Counter(row["verdict"] for row in found)
                cells.append(", ".join(str(given[verdict]) for verdict in verdicts))
                cells.append(coupled_bias(found))
            body.append(cells)
    heads = ["network", "data", "N\\*: within, undecided, outside, open", "ratio, spread"]
    return pipes([*heads, "ε: within, undecided, outside", "ratio, spread"], body)


def coupled_bias(found: Table) -> str:
    """Return the mean ratio of predicted to simulated, its interval, and its relative spread."""
    logs = [math.log(ratio) for ratio in finite(found, "ratio")]
    middle, spread = statistics.mean(logs), statistics.stdev(logs)
    ends = map(float, student_interval(middle, spread / len(logs) ** 0.5, len(logs)))
    middle, low, high = map(math.exp, (middle, *ends))
    return f"{fixed(middle, 2)} [{fixed(low, 2)}, {fixed(high, 2)}], {percent(spread)}"
