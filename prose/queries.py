"""What texts ask the committed tables for: numbers with their 95 % intervals, low to high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from moe_theory.experiments import student_interval
from moe_theory.experiments.scripts import load_script
from moe_theory.plotting import fit_rows
from prose.tables import ROOT, MissingNumberError, Row, Table, table
from prose.text import fixed, interval, number, percent, slope

At = Row | Table  # a table that has one row
MIDDLES = ("value", "saving", "measured", "simulated", "largest_ratio")


def span(at: At, digits: int = 3, *, scale: float = 1) -> str:
    """Return the number of a row with the interval that stands beside it."""
    middle = next((name for name in MIDDLES if name in at), "")
    for low, high in (("low", "high"), (f"{middle}_low", f"{middle}_high"), ("milder", "harsher")):
        if middle and low in at:
            return interval(*(scale * float(at[name]) for name in (middle, low, high)), digits)
    raise MissingNumberError("a row without an interval")


def beside(at: At, name: str, decimals: int = 2, *, scale: float = 1) -> str:
    """Return a column with the interval in the two columns named after it."""
    numbers = (scale * float(at[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return "{} [{}, {}]".format(*(fixed(x, decimals) for x in numbers))


def growth_of(quantity: str) -> str:
    """Return the exponent in which mixtures on clusters need more, with its interval."""
    row = table("cluster_growth", quantity=quantity).rows[0]
    return slope(row["exponent"], row["exponent_low"], row["exponent_high"])


def exponent_of(at: At) -> str:
    """Return a measured exponent with its interval."""
    return slope(at["measured"], at["low"], at["high"])


def ratio(at: At, *, inverse: bool = False) -> str:
    """Return a saving with its interval, or how many times more is needed."""
    numbers = [float(at[name]) for name in ("saving", "low", "high")]
    if inverse:
        numbers = [1 / numbers[0], 1 / numbers[2], 1 / numbers[1]]
    return interval(numbers[0], numbers[1], numbers[2])


def mean_and_error(at: At, name: str) -> tuple[float, float]:
    """Return the mean of a column over draws, and half the width of its interval."""
    middle = float(at[f"{name}_mean"] if f"{name}_mean" in at else at[name])
    n_draws = int(at["n_draws"]) if "n_draws" in at else None
    for column in (f"{name}_se", f"{name}_error"):
        if column in at:
            return middle, half_width(float(at[column]), n_draws)
    return middle, half_width(float(at[f"{name}_std"]) / float(at["n_draws"]) ** 0.5, n_draws)


def half_width(standard_error: float, n_draws: int | None) -> float:
    """Return how far the 95 % interval of a mean reaches to each side."""
    return float(student_interval(0.0, standard_error, n_draws)[1])


def mean(
    at: At, name: str, decimals: int = 3, *, scale: float = 1, complement: bool = False
) -> str:
    """Return the mean over draws of a share, or of the rest of it, with its interval."""
    middle, wide = mean_and_error(at, name)
    middle = 1 - middle if complement else middle
    low, high = max(middle - wide, 0.0), min(middle + wide, 1.0)
    return "{} [{}, {}]".format(*(fixed(scale * x, decimals) for x in (middle, low, high)))


def nstar(epsilon: float, **labels: object) -> str:
    """Return N* with its interval."""
    return span(table("sample_complexity", epsilon=epsilon, **labels))


def exponent(epsilon: float) -> str:
    """Return the exponent of N* of the dense network in n, with its interval."""
    rows = [
        {
            k: float(r[k]) if k != "censored" else r[k]
            for k in ("n_patches", "value", "low", "high", "censored")
        }
        for r in table("sample_complexity", arm="dense", epsilon=epsilon)
    ]
    fit = fit_rows(rows, "n_patches")
    if fit is None:
        raise MissingNumberError("sample_complexity.csv: too few sizes for an exponent")
    return slope(fit.exponent[0], fit.low[0], fit.high[0])


def extent(found: Table, column: str, digits: int = 2, scale: float = 1) -> str:
    """Return the least and the largest number of a column, such as 3.4 to 8."""
    least, largest = (number(scale * f(finite(found, column)), digits) for f in (min, max))
    return least if least == largest else f"{least} to {largest}"


def finite(found: Table, column: str) -> list[float]:
    """Return the finite numbers of a column."""
    numbers = [x for x in found.numbers(column) if math.isfinite(x)]
    if not numbers:
        raise MissingNumberError(f"{found.name}: no {column}")
    return numbers


def looseness(*found: Table, digits: int = 2) -> str:
    """Return by how many powers bounds exceed what was measured, from least to most."""
    least, largest = (number(f(excess(*found)), digits) for f in (min, max))
    return least if least == largest else f"{least} to {largest}"


def excess(*found: Table) -> list[float]:
    """Return by how many powers each bound exceeds what was measured."""
    rows = (row for rows in found for row in rows)
    return [float(row["bound_exponent"]) - float(row["measured"]) for row in rows]


def best(found: Table) -> Row:
    """Return the row of the largest saving."""
    return max((row for row in found if row["saving"]), key=lambda row: float(row["saving"]))


def because(found: Table, words: str) -> Table:
    """Return the predictions that deviate for a reason with these words in it."""
    rows = (row for row in found if words in row["reason"])
    return Table(found.name, found.columns, (*rows,))


def ahead(first: At, second: At, column: str = "test_accuracy") -> str:
    """Return a difference of independent accuracies in points, with its interval."""
    (one, wide), (other, wider) = (mean_and_error(at, column) for at in (first, second))
    middle, wide = 100 * (one - other), 100 * math.hypot(wide, wider)
    return "{} [{}, {}]".format(*(fixed(x, 1) for x in (middle, middle - wide, middle + wide)))


def off_flow() -> float:
    """Return how far the mean of SGD gets from gradient flow, in deviations over seeds."""
    return max(map(_off_flow, table("flow")))


def _off_flow(line: Row) -> float:
    names = [name.removesuffix("_off_flow") for name in line if name.endswith("_off_flow")]
    pairs = [(line[f"{name}_off_flow"], line[f"{name}_seed_std"]) for name in names]
    return max(float(off) / float(std) for off, std in pairs if off and std and float(std))


def misfit(found: Table, error: str = "se") -> float:
    """Return the rms deviation of simulated from predicted numbers, in standard errors."""
    squares = [
        ((float(row["simulated"]) - float(row["predicted"])) / float(row[error])) ** 2
        for row in found
        if float(row[error]) > 0
    ]
    return math.sqrt(sum(squares) / len(squares))


def cell(at: At, column: str) -> float:
    """Return a number of a row."""
    return float(at[column])


def savings_cells(quantity: str, n_over_l: Sequence[int]) -> list[list[str]]:
    """Return data, network, k and savings at each n/l, a row for each network."""
    found = table("savings", quantity=quantity)
    body = []
    for data, arm, k in dict.fromkeys((r["data"], r["arm"], r["n_experts"]) for r in found):
        here = found(data=data, arm=arm)
        cells = {float(row["n_over_l"]): row["text"] for row in here}
        body.append([data, arm, k, *(cells.get(at, "–") for at in n_over_l)])
    return body


def always(found: Table) -> str:
    """Return from which number of samples on all trials succeed."""
    rows = sorted(found, key=lambda row: float(row["n_train"]))
    failed = [place for place, row in enumerate(rows) if float(row["success"]) < 1]
    start = failed[-1] + 1 if failed else 0
    if start == len(rows):
        raise MissingNumberError(f"{found.name}: trials fail at the largest N")
    return rows[start]["n_train"]


def verdicts(wanted: str) -> list[str]:
    """Return the bounds of the complexity table on which this verdict was given.

    Examples
    --------
    >>> verdicts("not testable")
    ['iteration complexity, joint', 'computational complexity, joint']
    """
    found = table("bounds", bound_verdict=wanted)
    return [*dict.fromkeys(f"{row['quantity']}, {row['arm']}" for row in found)]


def choices(found: Table) -> Table:
    """Return the networks that advice put first: one for each goal and data model."""
    first = {(r["goal"], r["n_patches"], r["n_irrelevant"]): r for r in reversed(found.rows)}
    return Table(found.name, found.columns, (*first.values(),))


@cache
def predictions_file() -> ModuleType:
    """Return the figure file of predictions, which holds the accuracy that is claimed."""
    return load_script(ROOT / "figures" / "predictions.py", ("ACCURACY",))


def claimed(network: str) -> float:
    """Return the relative accuracy that is claimed for predictions of N*."""
    return float(predictions_file().ACCURACY[network])


def prediction_cells(arm: str) -> list[str]:
    """Return how many predictions there are, within, undecided, outside, and how far off they are.

    First of N*, then of the error; the last of each is the median relative deviation.
    """
    cells = []
    for quantity in ("samples", "error"):
        found = table("predictions", arm=arm, quantity=quantity)
        counts = [len(found(verdict=verdict)) for verdict in VERDICTS]
        off = sorted(abs(ratio - 1) for ratio in finite(found, "ratio"))
        cells += [str(len(found)), *map(str, counts), percent(off[len(off) // 2], 1)]
    return cells


VERDICTS = ("within", "undecided", "outside")
