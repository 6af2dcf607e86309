"""What pruned and quantized networks lose: cells of tables, and how often a rule may be best."""

from __future__ import annotations

from prose.queries import At, half_width
from prose.tables import Row, Table, table
from prose.text import interval

SETTINGS = ("data", "routing", "seen", "loss")
BITS = "3 or 1 bits"
RULES = {
    "router_norm_change": "router-norm change Δ_s (P24)",
    "gate_mass": "gate mass",
    "activation_frequency": "activation frequency",
    "weight_magnitude": "weight magnitude",
    "curvature": "curvature",
    "random": "random",
}
WAYS = {
    "smallest_change": "smallest Δ_s",
    "released_lift": "smallest Δ_s, with the lift (P26)",
    "largest_change": "largest Δ_s",
    "rounding_noise": "predicted rounding noise",
    "gate_mass": "gate mass",
    "activation_frequency": "activation frequency",
    "weight_magnitude": "weight magnitude",
    "curvature": "curvature",
    "random": "random",
}


def lost(at: At, where: float | str, digits: int = 2) -> str:
    """Return the mean loss of accuracy in points, with its interval, at ρ, γ or average bits."""
    return interval(*(at[f"{end}_at_{where}"] for end in ("mean", "low", "high")), digits)


def at_gamma(routing: str, gamma: str) -> str:
    """Return the largest loss over settings where all experts that a line calls irrelevant go."""
    found = table("pruning", routing=routing, treatment="routers stay", score="router_norm_change")
    return lost(max(found, key=lambda row: float(row[f"mean_at_{gamma}"])), gamma)


def settings() -> list[dict[str, str]]:
    """Return the settings of pruning: data, who chooses, how often the task was seen, loss."""
    found = (tuple(row[name] for name in SETTINGS) for row in table("pruning"))
    return [dict(zip(SETTINGS, at, strict=True)) for at in dict.fromkeys(found)]


def pruned_cells(data: str, where: float) -> list[list[str]]:
    """Return score and loss in every setting of these data, routers staying; ``*``: may be best."""
    here = [at for at in settings() if at["data"] == data]
    return [
        [name, *(_marked(table("pruning", **at, treatment="routers stay", score=score).one(), where)
                 for at in here)]
        for score, name in RULES.items()
    ]  # fmt: skip


def bits_cells(where: float, quantizer: str, part: str) -> list[list[str]]:
    """Return allocation and loss by who chooses and α, of 3 or 1 bits; ``*``: may be best."""
    found = table("quantization", levels=BITS, quantizer=quantizer, part=part)
    return [
        [name, *(_marked(found(**at, allocation=way).one(), where) for at in places())]
        for way, name in WAYS.items()
    ]


def places() -> list[dict[str, object]]:
    """Return who chooses, and α, of quantization: first experts, then patches."""
    found = {(row["routing"], -float(row["alpha"])) for row in table("quantization")}
    return [{"routing": routing, "alpha": -alpha} for routing, alpha in sorted(found)]


def fitted(allocation: str, **labels: object) -> Table:
    """Return the rows of an allocation, 3 or 1 bits, on grids that were fitted to the weights."""
    found = table("quantization", levels=BITS, allocation=allocation, **labels)
    rows = (row for row in found if row["quantizer"] != "range")
    return Table(found.name, found.columns, (*rows,))


def _marked(row: Row, where: float) -> str:
    return lost(row, f"{where:g}") + ("*" if row[f"may_be_best_at_{where:g}"] == "True" else "")


def gap(at: At, n_train: int) -> str:
    """Return by how many points pMoE is ahead of the dense network, in pairs, with its interval."""
    middle, n = float(at[f"gap_{n_train}"]), int(at["n_draws"])
    wide = half_width(float(at[f"std_{n_train}"]) / n**0.5, n)
    return interval(middle, middle - wide, middle + wide)


def compared(found: Table, column: str) -> list[str]:
    """Return this column of every comparison of these rows."""
    names = [name for name in found.columns if name.startswith(f"{column}_at_")]
    return [row[name] for row in found for name in names if row[name]]


def may_be_best(found: Table) -> str:
    """Return in how many comparisons of these rows no other rule is surely better, and of all."""
    verdicts = compared(found, "may_be_best")
    return f"{verdicts.count('True')} of {len(verdicts)}"


def behind_at_most(found: Table) -> str:
    """Return by how many points these rows are behind the best rule at most, in any comparison."""
    return f"{max(map(float, compared(found, 'behind_high'))):.2g}"
