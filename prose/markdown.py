"""Tables of README and site, as Markdown."""

from __future__ import annotations

from statistics import median

from prose.queries import exponent_of, mean, savings_cells, span
from prose.tables import MNIST, Row, Table, read, table
from prose.text import fixed, interval, number, percent

MNIST_ARMS = {
    "dense": "dense CNN, *m* = 40",
    "separate": "pMoE, separate, *k* = 2, *l* = 2",
    "joint": "pMoE, joint, *k* = 8, *l* = 6",
}
CARRIES = {
    "carries_change": "carry the task",
    "receives_change": "receive it with less than half of the gate",
    "never_change": "never receive it",
}


def pipes(header: list[str], body: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines).replace(" |  |", " | |")


def savings_table(quantity: str, head: str) -> str:
    """Return measured savings against n/l, by data and network."""
    at = (2, 4, 8, 16, 32)
    body = [
        [f"{data}, {arm}, *k* = {k}", *cells] for data, arm, k, *cells in savings_cells(quantity, at)
    ]
    return pipes([head, *map(str, at)], body)


def mnist_table(sizes: tuple[int, ...]) -> str:
    """Return test accuracy on MNIST, by network and number of samples."""
    accuracy = read(MNIST / "digit_accuracy.csv")
    body = [
        [name, *(mean(accuracy(arm=arm, n_train=n), "test_accuracy") for n in sizes)]
        for arm, name in MNIST_ARMS.items()
    ]
    return pipes(["MNIST, test accuracy", *(f"N = {n}" for n in sizes)], body)


def verdicts_table() -> str:
    """Return what became of the bounds: measured growth in every size, and the verdict."""
    kinds = dict.fromkeys((row["quantity"], row["arm"]) for row in table("bounds"))
    body = []
    for quantity, arm in kinds:
        rows = table("bounds", quantity=quantity, arm=arm).rows
        growth = "; ".join(_growth(row) for row in rows if row["measured"])
        body.append(
            [f"{quantity}, {arm}", rows[0]["bound"], growth, f"{rows[0]['bound_verdict']}"]
        )
    return pipes(["bound", "", "measured growth", "verdict"], body)


def _growth(row: Row) -> str:
    star = "*" if row["curved"] == "True" else ""
    return f"{row['size']}{star}: {exponent_of(row)}, bound {number(row['bound_exponent'])}"


def norms_table() -> str:
    """Return growth in d of the change of router norms, by what an expert gets of the task."""
    body = []
    for quantity, experts in CARRIES.items():
        hinge, logistic = (
            table("router_norms", quantity=quantity, loss=loss).one()
            for loss in ("hinge", "logistic")
        )
        cells = [f"{exponent_of(row)}, {row['verdict']}" for row in (hinge, logistic)]
        body.append([experts, hinge["bound"], *cells])
    return pipes(["experts", "theorem", "hinge loss", "logistic loss"], body)


def units_table() -> str:
    """Return how many hidden units each network takes."""
    found = [row for row in table("units") if row["censored"] != "below"]
    body = [
        [
            f"{row['arm']}, *k* = {row['n_experts']}" if row["n_experts"] else row["arm"],
            row["n_patches"], row["n_routed"] or row["n_patches"], span(row, 2),
        ]
        for row in sorted(found, key=lambda row: row["arm"])
    ]  # fmt: skip
    return pipes(["network", "*n*", "*l*", "hidden units"], body)


def predictions_table() -> str:
    """Return how many predictions are within the accuracy that is claimed, by network."""
    body = []
    for arm in dict.fromkeys(row["arm"] for row in table("predictions")):
        cells = [arm]
        for quantity in ("samples", "error"):
            found = table("predictions", arm=arm, quantity=quantity)
            counts = [len(found(verdict=v)) for v in ("within", "undecided", "outside")]
            off = median(abs(ratio - 1) for ratio in found.numbers("ratio"))
            cells += [*map(str, counts), percent(off, 1)]
        body.append(cells)
    verdicts = ["within", "undecided", "outside", "median deviation"]
    heads = ["network", *(f"N\\*: {v}" for v in verdicts), *(f"error: {v}" for v in verdicts)]
    return pipes(heads, body)


def predicted_table(found: Table) -> str:
    """Return predictions beside what was simulated, one row for each setting."""
    body = [
        [
            row["n_patches"], row["n_irrelevant"], row["n_routed"], row["n_experts"],
            row["epsilon"], span(row, 3), number(row["predicted"]),
            interval(row["ratio"], row["ratio_low"], row["ratio_high"], 3),
        ]
        for row in found
    ]  # fmt: skip
    heads = ["*n*", "*p*", "*l*", "*k*", "ε", "simulated N\\*", "predicted", "ratio"]
    return pipes(heads, body)


def departures_table() -> str:
    """Return predicted N* that deviate by more than their noise, and why."""
    known = ("", "equality lies within the interval", "the interval reaches the bound")
    found = [row for row in table("predictions", quantity="samples") if row["reason"] not in known]
    body = [
        [
            row["arm"], row["n_patches"], row["n_irrelevant"], row["n_routed"], row["epsilon"],
            interval(row["ratio"], row["ratio_low"], row["ratio_high"]), row["reason"],
        ]
        for row in found
    ]  # fmt: skip
    return pipes(["network", "*n*", "*p*", "*l*", "ε", "predicted / simulated", "reason"], body)


def flow_table() -> str:
    """Return how far the mean of SGD gets from gradient flow, as medians over draws."""
    body = []
    for arm in dict.fromkeys(row["arm"] for row in table("flow")):
        found = table("flow", arm=arm)
        cells = [
            number(median(found.numbers(f"{curve}_{part}")), 2)
            for curve in ("loss", "contrast")
            for part in ("off_flow", "off_corrected", "std")
        ]
        body.append([arm, *cells])
    parts = ["from the flow", "from the corrected flow", "std"]
    heads = ["network", *(f"loss: {p}" for p in parts), *(f"h(o₁) − h(o₂): {p}" for p in parts)]
    return pipes(heads, body)


def tokens_table(routers: str) -> str:
    """Return who receives the patch at n = 32 and k = 8, by capacity and rule."""
    at = table("token_choice", n_patches=32, n_experts=8, routers=routers)
    body = [
        [str(capacity), *(mean(at(arm=arm, capacity=capacity), "simulated", 2) for arm in RULES)]
        for capacity in (1, 2, 4, 8, 16)
    ]
    return pipes(["*C* = *l*", *RULES.values()], body)


RULES = {
    "place": "token choice, by place",
    "score": "token choice, by score",
    "expert": "expert choice, best expert",
}
