"""What notebooks show of bounds and of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moe_theory._display import card, table
from moe_theory.bounds.parameters import parameter
from moe_theory.bounds.printing import plain

if TYPE_CHECKING:
    from moe_theory.bounds.check import Check
    from moe_theory.bounds.published import Bound

READS = {
    "sufficient": "so much is enough; less may do",
    "upper": "at most so much, up to a constant",
    "lower": "at least so much, up to a constant",
}


def bound_card(bound: Bound) -> str:
    """Return a bound as HTML, with the direction in which it is to be read.

    Examples
    --------
    >>> from moe_theory.bounds import complexity
    >>> "so much is enough" in bound_card(complexity("sample complexity", "dense"))
    True
    """
    rows: dict[str, object] = {"reads": READS[bound.kind]}
    if bound.requires:
        rows["requires"] = "; ".join(relation.text for relation in bound.requires)
    if bound.assumes:
        rows["assumes"] = "; ".join(bound.assumes)
    if bound.silent:
        hidden = [plain(parameter(name).symbol) for name in bound.silent]
        rows["hidden in the constant"] = ", ".join(hidden)
    if bound.source:
        rows["source"] = bound.source
    what = ", ".join(filter(None, (bound.quantity, bound.architecture)))
    return card(what, rows, formula=bound)


def check_card(check: Check) -> str:
    """Return a check as HTML: the verdict, and the growth in every parameter that varied.

    Examples
    --------
    >>> from moe_theory.bounds import Measurements, check, complexity
    >>> data = Measurements({"n_patches": [8, 16, 32]}, [10, 41, 158])
    >>> "not violated" in check_card(check(complexity("sample complexity", "dense"), data))
    True
    """
    bound = check.bound
    rows = [
        (
            plain(parameter(growth.name).scale ** parameter(growth.name).towards),
            f"{growth.measured:.2f} [{growth.low:.2f}, {growth.high:.2f}]"
            + (" at the far end" if growth.curved else ""),
            f"{growth.bound:g}",
            f"{growth.looseness:.2f}",
            growth.verdict,
            growth.reason,
        )
        for growth in check.growth
    ]
    header = ("growth in", "measured exponent", "bound's", "loose by", "verdict", "because")
    notes = [f"{check.n_points} settings reached the target, {check.n_censored} did not."]
    if check.reason:
        notes.append(check.reason)
    what = ", ".join(filter(None, (bound.quantity, bound.architecture)))
    caption = f"{what}, {bound}: {check.verdict}"
    return table(header, rows, caption=caption, notes=notes)
