"""Thresholds of any size over which a sweep went, such as m."""

from __future__ import annotations

from collections.abc import Sequence

from moe_theory._typed import typed
from moe_theory._validation import real, reject, wrong_object
from moe_theory.experiments.crossing import crossing
from moe_theory.experiments.families import error_of
from moe_theory.experiments.results import Results
from moe_theory.experiments.store import Row


@typed
def size_thresholds(
    results: Results,
    size: str,
    labels: Sequence[str],
    epsilon: float | Sequence[float],
    *,
    column: str = "test_error",
) -> Results:
    """Return the smallest value of ``size`` at which the mean error is at most ε, per ``labels``.

    Parameters
    ----------
    results : Results
        Rows of a `Sweep` with columns ``size``, ``labels`` and ``column``.
    size : str
        The size that is to be small, such as ``"n_hidden"``.
    labels : sequence of str
        Columns that tell settings from others.
    epsilon : float or sequence of float
        ε, in (0, 1).
    column : str
        The error; a training that diverged counts as 1.

    Returns
    -------
    Results
        One row per setting and ε: the labels, ``epsilon``, ``value``, ``low``, ``high``,
        ``censored``, as in `SampleStudy`, whose method it is, and ``n_draws`` at each size.

    Raises
    ------
    ValueError
        If there are no rows, no such columns, or ε is impossible.

    Examples
    --------
    >>> rows = [{"arm": "dense", "m": m, "diverged": False, "test_error": 1 / m}
    ...         for m in (2, 8) for _ in range(3)]
    >>> found = size_thresholds(Results({}, rows), "m", ["arm"], 0.3125).rows[0]
    >>> found["arm"], round(found["value"], 9), found["censored"]
    ('dense', 4.0, None)
    """
    if not results.rows:
        raise reject("results", 0, "at least one row")
    if not isinstance(labels, list | tuple) or not all(isinstance(one, str) for one in labels):
        raise wrong_object("labels", labels, "a sequence of names of columns")
    given = epsilon if isinstance(epsilon, Sequence) else (epsilon,)
    levels = [real("epsilon", level, 0, 1, open_low=True, open_high=True) for level in given]
    kinds = dict.fromkeys(tuple(row.get(name) for name in labels) for row in results.rows)
    made = []
    for values in kinds:
        own = dict(zip(labels, values, strict=True))
        here = results.select(**own)
        places = sorted(here.unique(size))
        errors = [
            [error_of(row, column) for row in here.select(**{size: place}).rows] for place in places
        ]
        made += [_row(own, places, errors, level) for level in levels]
    return Results(results.config, made)


def _row(own: Row, places: list[float], errors: list[list[float]], level: float) -> Row:
    found = crossing(places, errors, level)
    censored = None
    if found.value == float("inf"):
        censored = "above"
    elif found.value == places[0]:
        censored = "below"
    return {
        **own,
        "epsilon": level,
        "value": found.value,
        "low": min(found.low, float(places[-1])),
        "high": found.high,
        "censored": censored,
        "n_draws": min(len(values) for values in errors),
    }
