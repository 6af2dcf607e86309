"""Tables of the article, each from the results it shows."""

from __future__ import annotations

import re

from generator.text import escape, inline, latex, tabular
from moe_theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    complexity,
    complexity_table,
    cost_table,
    pruning_bounds,
    savings_table,
)
from prose.compression import bits_cells, places, pruned_cells, settings
from prose.lemma import GROWTH, lemma_growth
from prose.markdown import ROUTED
from prose.queries import exponent_of, prediction_cells, predictions_file, savings_cells
from prose.tables import MNIST, SPEED, Row, read, row, table
from prose.text import interval, number, percent, plus_minus, slope, whole

LEVELS = (0.2, 0.1, 0.05, 0.02)
RATIOS = (2, 4, 8, 16, 32, 64)
NETWORKS = {"dense": "dense", "separate": "separate", "joint": "joint"}
SYMBOLS = {"n": "$n$", "l": "$l$", "k": "$k$", "1/ε": r"$1/\varepsilon$", "": "--"}
NORM_ROWS = {
    "carries_change": ("relevant", r"$\Delta_s$, carries the task"),
    "receives_change": ("irrelevant", r"$|\Delta_s|$, receives it, little gate"),
    "never_change": ("irrelevant", r"$|\Delta_s|$, never receives it"),
    "proficient_change": ("relevant", r"$\Delta_s$, relevant by P24's line"),
    "hardly_change": ("irrelevant", r"$|\Delta_s|$, irrelevant by P24's line"),
}
GROWING = {"patch_dim": "$d$", "n_experts": "$k$", "n_routed": r"$1/(1-\gamma)$"}


def bounds_table() -> str:
    """Return the twelve published entries."""
    return complexity_table().to_latex().replace(r"\frac", r"\dfrac")


def bounds_savings_table() -> str:
    """Return the ratios of sufficient amounts, and where they are savings."""
    cells: dict[str, list[str]] = {}
    heads = ["quantity"]
    for quantity, pair, ratio, region in savings_table().rows:
        text = f"${inline(ratio.latex())}$, ${region.latex()}$"
        cells.setdefault(str(quantity), []).append(text)
        short = str(pair).replace("pMoE, ", "").replace(" CNN", "")
        heads += [short] if len(cells) == 1 else []
    return tabular("llll", heads, [[quantity, *row_] for quantity, row_ in cells.items()])


def costs_table() -> str:
    """Return exact operations of one step at the published configuration."""
    return cost_table().to_latex()


def speed_table() -> str:
    """Return microseconds of a step for every contender, and against ours."""
    rows = read(SPEED)
    contenders = list(dict.fromkeys(line["contender"] for line in rows))
    places = list(dict.fromkeys((line["network"], line["d"]) for line in rows))
    body = []
    for network, d in places:
        at = {
            line["contender"]: line for line in rows if (line["network"], line["d"]) == (network, d)
        }
        body.append([network, d, *(_time(at, name) for name in contenders)])
    heads = ["network", "$d$", *(escape(name) for name in contenders)]
    return tabular("lr" + "r" * len(contenders), heads, body)


def _time(at: dict[str, Row], name: str) -> str:
    return number(at[name]["microseconds"]) if name in at else "--"


def samples_table() -> str:
    """Return N* of the three networks at all errors."""
    groups: list[list[tuple[str, dict[str, object]]]] = [
        [(f"dense, $n={n}$", {"arm": "dense", "n_patches": n}) for n in (16, 32, 64, 128)],
        [(f"separate, $l={l}$", {"arm": "separate", "n_routed": l}) for l in (1, 2, 4, 8, 16, 32)],
        [
            (f"joint, $l={l}$, $k=8$", {"arm": "joint", "n_routed": l, "n_experts": 8})
            for l in (1, 2, 4, 8, 16, 32)
        ],
        [
            (f"joint, $l=4$, $k={k}$", {"arm": "joint", "n_routed": 4, "n_experts": k})
            for k in (2, 4, 20)
        ],
    ]
    body: list[list[str]] = []
    for group in groups:
        body += [[]] if body else []
        body += [[title, *(_samples(labels, e) for e in LEVELS)] for title, labels in group]
    heads = ["network", *(rf"$\varepsilon = {e}$" for e in LEVELS)]
    return tabular("lrrrr", heads, body)


def _samples(labels: dict[str, object], epsilon: float) -> str:
    at = row("sample_complexity", epsilon=epsilon, **labels)
    if at["censored"] == "above":
        return f"$>{whole(at['low'])}$"
    if at["censored"] == "below":
        return rf"$\leq{number(at['value'])}$"
    return interval(at["value"], at["low"], at["high"], 3)


def savings_measured_table() -> str:
    """Return measured savings in samples and operations against n/l."""
    body: list[list[str]] = []
    names = {"joint_l2": r"joint, rate $\propto l^2$"}
    for quantity, title in (("N*", "samples"), ("operations", "operations")):
        body += [[]] if body else []
        body.append([rf"\emph{{{title}}}", *[""] * len(RATIOS)])
        for data, arm, k, *cells in savings_cells(quantity, RATIOS):
            body.append([f"{data}, {names.get(arm, arm)}, $k={k}$", *map(escape, cells)])
    heads = ["data, network", *(f"$n/l={at}$" for at in RATIOS)]
    return tabular("l" + "c" * len(RATIOS), heads, body)


def whole_table() -> str:
    """Return what the dense network takes over others, where inputs or patches are routed."""
    body: list[list[str]] = []
    for quantity, title in (("N*", "samples"), ("operations", "operations")):
        body += [[]] if body else []
        for data in ("patterns", "clusters", "digits"):
            at = {"quantity": quantity, "data": data}
            cells = [escape(row("whole_inputs", arm=arm, **at)["text"]) for arm in ROUTED]
            body.append([f"{title}, {data}", *cells])
    return tabular("l" + "c" * len(ROUTED), ["", *ROUTED.values()], body)


def mnist_table() -> str:
    """Return test accuracy of the published digit experiment on MNIST."""
    accuracy = read(MNIST / "digit_accuracy.csv")
    sizes = (100, 300, 500, 700, 900, 1000)
    body = []
    for arm in NETWORKS:
        cells = [accuracy(arm=arm, n_train=n) for n in sizes]
        body.append(
            [arm, *(plus_minus(float(c["test_accuracy_mean"]), float(c["test_accuracy_std"]))
                    for c in cells)]
        )  # fmt: skip
    return tabular("l" + "c" * len(sizes), ["network", *(f"$N={n}$" for n in sizes)], body)


def verdicts_table() -> str:
    """Return measured growth and verdict of each of the twelve bounds."""
    body: list[list[str]] = []
    for quantity in QUANTITIES:
        body += [[]] if body else []
        for arm in ARCHITECTURES:
            bound = complexity(quantity, arm)
            found = table("bounds", quantity=quantity, arm=arm)
            for first, line in enumerate(found):
                name = [quantity, arm, f"${inline(bound.latex())}$"] if not first else ["", "", ""]
                body.append([*name, *_growth(line), "" if first else line["bound_verdict"]])
    heads = ["quantity", "network", "bound", "in", "bound's", "measured exponent", "verdict"]
    return tabular("lllcrll", heads, body)


def _growth(line: Row) -> list[str]:
    star = "*" if line["curved"] == "True" else ""
    if not line["measured"]:
        return ["--", "--", "--"]
    return [
        SYMBOLS[line["size"]] + star,
        number(line["bound_exponent"]),
        slope(line["measured"], line["low"], line["high"]),
    ]


def predictions_table() -> str:
    """Return how many predictions are within the claimed accuracy."""
    body = [
        [arm, percent(accuracy), *prediction_cells(arm)]
        for arm, accuracy in predictions_file().ACCURACY.items()
    ]
    group = ["all", "within", "undecided", "outside", "median"]
    above = (
        r" & & \multicolumn{5}{c}{$N^*(\varepsilon)$} & \multicolumn{5}{c}{error at given $N$} \\"
        "\n"
        r"\cmidrule(lr){3-7}\cmidrule(l){8-12}"
    )
    return tabular("lr" + "r" * 10, ["network", "claimed", *group, *group], body, above)


def norms_table() -> str:
    """Return the theorems on router norms and pruning against measurement."""
    body: list[list[str]] = []
    for loss in ("hinge", "logistic"):
        body += [[]] if body else []
        for line in table("router_norms", loss=loss):
            name, title = NORM_ROWS.get(line["quantity"], ("", ""))
            if not name:
                tuned = line["quantity"] == "kept_tuned"
                name = "kept" if line["size"] == "n_routed" else "kept_fine_tuned"
                title = "fraction of experts needed, " + ("tuned again" if tuned else "as they are")
            bound = pruning_bounds()[name]
            body.append([
                loss, title, f"${inline(bound.latex())}$", GROWING[line["size"]],
                number(line["bound_exponent"]), slope(line["measured"], line["low"], line["high"]),
                line["verdict"],
            ])  # fmt: skip
    heads = ["loss", "quantity", "bound", "over", "bound's", "measured exponent", "verdict"]
    return tabular("lllcrll", heads, body)


def pruning_table() -> str:
    """Return the loss where 7/8 of the experts are left out, by score and setting."""
    body: list[list[str]] = []
    for data in ("patterns", "digits"):
        body += [[]] if body else []
        body += [[data, symbols(name), *cells] for name, *cells in pruned_cells(data, 0.875)]
    heads = [
        f"{at['routing'].split()[0]}, {at['seen']}, {at['loss']}"
        for at in settings()
        if at["data"] == "digits"
    ]
    return tabular("ll" + "c" * len(heads), ["data", "score", *heads], body)


def bits_table() -> str:
    """Return the loss at two bits on average, by who gets most of them, on digits."""
    body = [[symbols(name), *cells] for name, *cells in bits_cells(2, "gptq_released", "all")]
    n = len(places()) // 2
    above = (
        rf" & \multicolumn{{{n}}}{{c}}{{experts choose}}"
        rf" & \multicolumn{{{n}}}{{c}}{{patches choose}} \\"
        "\n"
        rf"\cmidrule(lr){{2-{1 + n}}}\cmidrule(l){{{2 + n}-{1 + 2 * n}}}"
    )
    heads = ["most bits to", *(rf"$\alpha={at['alpha']:g}$" for at in places())]
    return tabular("l" + "c" * 2 * n, heads, body, above)


def symbols(name: str) -> str:
    """Return the name of a rule as LaTeX."""
    return name.replace("Δ_s", r"$\Delta_s$")


def lemma_table() -> str:
    """Return what became of the router lemma's rates."""
    body = []
    for what, line, parameter in GROWTH:
        row_ = lemma_growth(line, parameter).one()
        name = re.sub(r"p = (\w)", r"$p=\1$", what).replace("∝ 1/n", r"$\propto1/n$")
        size = r"$1/(1-\delta_d)$" if parameter == "delta_d" else "$n$"
        cells = [number(row_["bound_exponent"]), latex(exponent_of(row_)), row_["verdict"]]
        body.append([name, size, *cells])
    heads = ["what is needed", "grows with", "lemma", "measured", "verdict"]
    return tabular("llccl", heads, body)


TABLES = {
    "bounds": bounds_table,
    "bounds_savings": bounds_savings_table,
    "costs": costs_table,
    "speed": speed_table,
    "samples": samples_table,
    "savings": savings_measured_table,
    "whole": whole_table,
    "mnist": mnist_table,
    "verdicts": verdicts_table,
    "predictions": predictions_table,
    "lemma": lemma_table,
    "norms": norms_table,
    "pruning": pruning_table,
    "bits": bits_table,
}
