"""Tables of README and site, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from prose.compression import bits_cells, places, pruned_cells, settings
from prose.queries import (
    beside,
    exponent_of,
    mean,
    prediction_cells,
    predictions_file,
    savings_cells,
    span,
)
from prose.tables import MNIST, Row, Table, read, samples_of, table
from prose.text import formula, interval, number, percent

MNIST_ARMS = {
    "dense": "dense CNN, *m* = 40",
    "separate": "pMoE, separate, *k* = 2, *l* = 2",
    "joint": "pMoE, joint, *k* = 8, *l* = 6",
}
CLUSTERED = {
    ("single", "linear"): "one linear network",
    ("single", "cubic"): "one cubic network",
    ("mixture", "linear"): "mixture, linear",
    ("mixture", "cubic"): "mixture, cubic",
}
ROUTED = {
    "dense_small": "dense, 5 units",
    "whole_input": "whole inputs choose",
    "token_choice": "patches choose",
    "separate": "experts choose, separate",
    "joint": "experts choose, joint",
}
PRACTISED_DATA = ("patterns", "tasks", "digits")
PRACTISED = {
    "dense_small": "dense, 5 units",
    "joint": "experts choose patches, joint (*l* = 4)",
    "base": "**base: each patch chooses 1 of 8 experts**",
    "top2": "each patch chooses 2",
    "top2_renormalized": "2, softmax after the choice",
    "sigmoid": "sigmoid gates",
    "shared": "a shared expert more",
    "fine": "40 experts of 1 unit, 5 chosen",
    "capacity": "room for 1.25 of the mean load",
    "noise": "noise N(0, 1)",
    "noise_faded": "noise, gone after 20 % of the steps",
    "balance_0.01": "balance loss, λ = 0.01",
    "balance_0.1": "balance loss, λ = 0.1",
    "balance_1": "balance loss, λ = 1",
    "z_0.01": "z-loss, μ = 0.01",
    "bias_0.001": "loss-free bias, γ = 0.001",
    "bias_0.01": "loss-free bias, γ = 0.01",
    "deepseek": "sigmoid, 2 of 16, 2 shared, bias",
    "copies": "2 of 8, upcycled",
    "drop": "2 of 8, upcycled, half of the units drawn anew",
}
CARRIES = {
    "carries_change": "carry the task",
    "receives_change": "receive it with less than half of the gate",
    "never_change": "never receive it",
    "proficient_change": "P24: their router finds the patch in half of the inputs",
    "hardly_change": "P24: it finds the patch in 1/d of the inputs at most",
}


def pipes(header: list[str], body: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines).replace(" |  |", " | |")


def savings_table(head: str) -> str:
    """Return measured savings in samples and operations against n/l, by data and network.

    An expert that takes whole inputs receives all n patches: its n/l is 1. Operations are those at
    the N that stands beside the data.
    """
    at = (1, 2, 4, 8, 16, 32, 64)
    body = []
    for quantity, name in (("N*", "N\\*"), ("operations", "operations")):
        fixed = quantity == "operations"
        for data, arm, k, *cells in savings_cells(quantity, at):
            network = {"joint_l2": "joint, faster rate"}.get(arm, arm)
            where = ample("savings", "training_time", data) if fixed else data
            body.append([f"{name}: {where}, {network}, *k* = {k}", *cells])
        for data in ("patterns", "clusters", "digits"):
            row = table("whole_inputs", quantity=quantity, data=data, arm="whole_input")
            where = ample("whole_inputs", "whole_inputs_cost", data) if fixed else data
            whole = f"{name}: {where}, whole inputs, *k* = 8"
            body.append([whole, row["text"], *["–"] * (len(at) - 1)])
    return pipes([head, *map(str, at)], body)


def ample(figure: str, simulation: str, data: str) -> str:
    """Return a kind of data with the N at which operations were counted."""
    return f"{data} (*N* = {samples_of(figure, simulation, data=data)})"


def whole_inputs_table(head: str, *arms: str) -> str:
    """Return what the dense network takes over others, where inputs or patches are routed."""
    body = []
    for quantity, name in (("N*", "N\\*"), ("operations", "operations")):
        for data in ("patterns", "clusters", "digits"):
            rows = [table("whole_inputs", quantity=quantity, data=data, arm=arm) for arm in arms]
            body.append([f"{name}: {data}", *(row["text"] for row in rows)])
    return pipes([head, *(ROUTED[arm] for arm in arms)], body)


def practice_table(over: str) -> str:
    """Return what a network takes over one with an option: "leverage" (dense), "gain" (base)."""
    body = [
        [name, *(table("practice", data=data, arm=arm)[f"{over}_text"] for data in PRACTISED_DATA)]
        for arm, name in PRACTISED.items()
        if over == "leverage" or arm != "base"
    ]
    return pipes(["", *PRACTISED_DATA], body)


def clusters_table() -> str:
    """Return accuracy and entropy on clusters, by setting and network."""
    body = []
    for (arm, activation), name in CLUSTERED.items():
        rows = [
            table("clusters", arm=arm, activation=activation, setting=setting)
            for setting in (1, 2, 3, 4)
        ]
        shown = [beside(row, "accuracy", 1, scale=100) for row in rows]
        body.append([f"accuracy: {name}", *shown])
        if arm == "mixture":
            body.append([f"entropy: {name}", *(beside(row, "entropy") for row in rows)])
    return pipes(["setting", "1", "2", "3", "4"], body)


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
        bound, verdict = formula(rows[0]["bound"]), rows[0]["bound_verdict"]
        body.append([f"{quantity}, {arm}", bound, growth, verdict])
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
        body.append([experts, formula(hinge["bound"]), *cells])
    return pipes(["experts", "theorem", "hinge loss", "logistic loss"], body)


def typeset(cells: list[list[str]]) -> list[list[str]]:
    """Return rows whose first cell names a rule, its formula typeset."""
    return [[name.replace("Δ_s", r"$\Delta_s$"), *rest] for name, *rest in cells]


def pruning_table(data: str, where: float) -> str:
    """Return the loss of accuracy where a share of the experts is left out, by score."""
    heads = [
        f"{at['routing']}, {at['seen']}, {at['loss']}" for at in settings() if at["data"] == data
    ]
    return pipes(["score", *heads], typeset(pruned_cells(data, where)))


def bits_table(where: float, quantizer: str, part: str) -> str:
    """Return the loss of accuracy at an average of bits, by who gets most of them."""
    heads = [f"{at['routing']}, α = {at['alpha']}" for at in places()]
    return pipes(["most bits to", *heads], typeset(bits_cells(where, quantizer, part)))


def predictions_table() -> str:
    """Return how many predictions are within the accuracy that is claimed, by network."""
    body = []
    for arm, accuracy in predictions_file().ACCURACY.items():
        cells = prediction_cells(arm)
        groups = (cells[1:5], cells[6:])  # without how many there are
        counted = [cell for *counts, off in groups for cell in (", ".join(counts), off)]
        body.append([arm, percent(accuracy), *counted])
    heads = ["network", "claimed"]
    for quantity in ("N\\*", "ε"):
        heads += [f"{quantity}: within, undecided, outside", "median deviation"]
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
            interval(row["ratio"], row["ratio_low"], row["ratio_high"], 3), row["reason"],
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
    heads = ["network", *(f"loss: {p}" for p in parts), *(f"$h(o_1) - h(o_2)$: {p}" for p in parts)]
    return pipes(heads, body)


def tokens_table(n_patches: int, capacities: Sequence[int]) -> str:
    """Return who receives the patch before and after training, by capacity and rule; k = 8."""
    body = [
        [str(capacity), routers, *(_received(n_patches, capacity, routers, arm) for arm in RULES)]
        for capacity in capacities
        for routers in ("untrained", "trained")
    ]
    return pipes(["*C* = *l*", "routers", *RULES.values()], body)


def _received(n_patches: int, capacity: int, routers: str, arm: str) -> str:
    found = table("token_choice", n_patches=n_patches, n_experts=8, routers=routers, arm=arm)
    return mean(found(capacity=capacity), "predicted", 2)


RULES = {
    "place": "token choice, by place",
    "score": "token choice, by score",
    "expert": "expert choice, best expert",
}
