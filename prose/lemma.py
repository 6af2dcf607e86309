"""What texts ask the table of the router lemma for."""

from __future__ import annotations

from scipy.stats import beta

from prose.markdown import pipes
from prose.queries import exponent_of, mean
from prose.tables import Table, table
from prose.text import fixed, number

GROWTH = (
    ("$B_r$, p = 1, labels at random", "one", "n_patches"),
    ("$B_r$, p = 16, balanced classes", "fixed", "n_patches"),
    ("$B_r$, p = n, balanced classes", "many", "n_patches"),
    ("$B_r$, p = 1, labels at random", "one", "delta_d"),
    ("$B_r$, p = n, $T_r$ = 2", "many", "delta_d"),
    ("$B_r$, p = n, $T_r = 2/(1-\\delta_d)$", "follow", "delta_d"),
    ("$T_r$", "steps", "delta_d"),
    ("$T_r$, initial routers alike", "steps", "n_patches"),
    ("$T_r$, initial routers ∝ 1/n", "small_start", "n_patches"),
)
SIZES = {"n_patches": "n", "delta_d": "$1/(1-\\delta_d)$"}


def lemma_growth(line: str, parameter: str) -> Table:
    """Return how what is needed for every input grows, and the verdict on it."""
    return table("router_lemma", kind="growth", target="every", line=line, parameter=parameter)


def lemma_needs(line: str, target: str, n_routed: int, **at: object) -> Table:
    """Return the B_r or T_r at which a target is reached."""
    labels = {"line": line, "target": target, "n_routed": n_routed, **at}
    return table("router_lemma", kind="threshold", **labels)


def lemma_cell(target: str, n_routed: int) -> Table:
    """Return what fails at l* = 8 with the largest batch."""
    found = table("router_lemma", kind="cell", line="l_star", l_star=8, target=target,
                  n_routed=n_routed)  # fmt: skip
    return found(size=max(found.numbers("size")))


def lemma_lost(n_routed: int) -> str:
    """Return the part of fresh inputs that lose their patch, in percent, with its interval."""
    row = lemma_cell("most", n_routed).one()
    return mean({**row, "simulated_se": row["se"]}, "simulated", 2, scale=100)


def lemma_failed(target: str, n_routed: int) -> str:
    """Return the trainings at l* = 8 in which anything fails, with the largest batch, in percent.

    The interval is the exact binomial one.
    """
    found = lemma_cell(target, n_routed)
    n_seen, n_tried = int(found["n_failed"]), int(found["n_draws"])
    low = beta.ppf(0.025, n_seen, n_tried - n_seen + 1) if n_seen else 0.0
    high = beta.ppf(0.975, n_seen + 1, n_tried - n_seen) if n_seen < n_tried else 1.0
    ends = (100 * x for x in (n_seen / n_tried, float(low), float(high)))
    return "{} [{}, {}]".format(*(fixed(x, 1) for x in ends))


def lemma_cells() -> Table:
    """Return the predicted chances of failure that are not rare, so that draws tell an error."""
    found = table("router_lemma", kind="cell", target="every", closeness=1)
    rows = (row for row in found if 0.02 <= float(row["predicted"]) <= 0.98)
    return Table(found.name, found.columns, (*rows,))


def lemma_table() -> str:
    """Return what became of the lemma's rates."""
    body = []
    for what, line, parameter in GROWTH:
        row = lemma_growth(line, parameter).one()
        bound = number(row["bound_exponent"])
        body.append([what, SIZES[parameter], bound, exponent_of(row), row["verdict"]])
    return pipes(["what is needed", "grows with", "lemma", "measured", "verdict"], body)
