import io
import re
from dataclasses import dataclass, fields
from html.parser import HTMLParser

import numpy as np
import pytest

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchData,
    PatchPatterns,
    Results,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    train,
)
from moe_theory._display import Latex, card, cell, table
from moe_theory._progress import watched
from moe_theory.advice import Advice, Option, advise
from moe_theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    Measurements,
    check,
    complexity,
    pruning_bounds,
    router_bounds,
)
from moe_theory.inference import footprint, prune, quantize

DATA = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
MODELS = {
    "dense": DenseCNN(4),
    "separate": SeparateMoE(2, 4, 2),
    "joint": JointMoE(2, 4, 3),
    "token": TokenChoiceMoE(2, 4),
    "sample": SampleMoE(2, 4),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
BOUNDS = [complexity(q, a) for q in QUANTITIES for a in ARCHITECTURES]
BOUNDS += [*router_bounds().values(), *pruning_bounds().values()]


class Cells(HTMLParser):
    """Reads the text of cells, and checks that tags are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.rows, self.text = [], [], ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def read(thing):
    return Cells(thing._repr_html_())


def entries(thing):
    return dict(read(thing).rows)


def trained(model, **changes):
    sgd = SGD(**{"learning_rate": 1.0, "batch_size": 10, "n_steps": 5, **changes})
    test = DATA.sample(20, 0, split="test")
    return train(model, DATA.sample(20, 0), sgd, 0, test=test)


HOSTILE = '<script>alert("x")</script> & $a$'


def test_text_is_escaped_and_comes_back():
    for page in (card(HOSTILE, {HOSTILE: HOSTILE}), table([HOSTILE], [[HOSTILE]], caption=HOSTILE)):
        assert "<script" not in page
        found = Cells(page)
        assert all(text == HOSTILE for row in found.rows for text in row)
        assert found.text.count(HOSTILE) == 3


def test_a_dollar_in_text_opens_no_formula():
    assert re.search(r"(?<!>)\$|\$(?!<)", cell("$5 and $6")) is None
    assert cell(Latex("a < b")) == "$a &lt; b$"


def test_numbers_are_short():
    given = (1 / 3, np.float64(1e-9), np.float32(0.5), 7, None, float("nan"), True)
    assert [cell(x) for x in given] == ["0.3333", "1e-09", "0.5", "7", "–", "nan", "True"]


def test_hostile_labels_of_results():
    results = Results({}, [{"arm": HOSTILE, "curve": [1, 2, 3], "error": 0.25}])
    assert read(results).rows == [["arm", "curve", "error"], [HOSTILE, "[3 values]", "0.25"]]


def test_long_and_empty_results():
    rows = [{"draw": i, "diverged": i == 3, "error": None if i == 3 else 0.5} for i in range(25)]
    found = read(Results({}, rows))
    assert len(found.rows) == 11
    assert found.rows[4] == ["3", "True", "–"]
    assert found.text.startswith("25 rows, the first 10; 1 trainings diverged")
    assert read(Results({}, [])).rows == [[]]
    assert repr(Results({}, rows)) == "Results(25 rows; columns: draw, diverged, error)"


@pytest.mark.parametrize("goal", ["samples", "flops"])
def test_advice_shows_the_best_l_of_each_network(goal):
    advice = advise(PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258), 0.05, goal)
    header, *rows = read(advice).rows
    assert header == ["network", "best l", "N*", "operations", "saving"]
    assert rows[0][1] == str(advice.best.n_routed)
    assert rows[0][0].startswith(advice.best.arm)
    kinds = {(option.arm, option.n_experts) for option in advice.options}
    assert len(rows) == len(kinds)
    page = advice._repr_html_()
    assert page.count("<polyline") == len(kinds)
    numbers = [float(x) for x in re.findall(r'c[xy]="([^"]*)"', page)]
    assert len(numbers) == 2 * (len(advice.options) + 1)
    assert all(0 <= number <= 450 for number in numbers)


def test_advice_of_one_network_is_shown_too():
    alone = Advice(0.05, "samples", (Option("dense", 64, 1, 88.0, 1e3, 8e9, 1.0),))
    assert read(alone).rows[1] == ["dense", "64", "88", "8.0e+09", "1"]


@every_model
def test_models_show_their_formula_and_every_field(model):
    page = read(model)
    assert page.text.startswith(type(model).__name__ + "$f(x) = ")
    assert page.text.count("$") == 2
    assert "POOLED" not in page.text
    assert len(page.rows) == len(fields(model))
    assert entries(model)["hidden units m"] == "4"


def test_formulas_follow_the_pooling_and_the_gates():
    formula = {name: read(model).text.split("$")[1] for name, model in MODELS.items()}
    assert "G_{js}" in formula["joint"]
    assert "G_{js}" not in formula["separate"]
    assert r"\frac{1}{l}" in formula["joint"]
    assert r"\frac{1}{n}" in read(JointMoE(2, 4, 3, pooling="all")).text
    assert r"\frac{1}{n} G_s(x)" in formula["sample"]
    cubic = read(SampleMoE(2, 4, "cubic", "sum", "none")).text
    assert "G_s" not in cubic
    assert r"\frac" not in cubic
    assert r"\langle w_{rs}, x^{(j)}\rangle^3$" in cubic
    assert r"\sum_j \langle w_r, x^{(j)}\rangle$" in read(DenseCNN(4, activation="linear")).text
    assert entries(TokenChoiceMoE(2, 4))["capacity C"] == "any number"
    assert entries(TokenChoiceMoE(2, 4, capacity=3))["capacity C"] == "3"


def test_a_model_of_ones_own_shows_the_formula_of_its_parent():
    @dataclass(frozen=True)
    class Mine(JointMoE):
        note: str = "<b>"

    shown = entries(Mine(2, 4, 3))
    assert shown["note"] == "<b>"
    assert read(Mine(2, 4, 3)).text.startswith("Mine$f(x)")


@every_model
def test_runs_of_every_network(model):
    run = trained(model)
    shown = entries(run)
    assert shown["network"] == str(model)
    assert shown["steps"] == "5"
    assert shown["test"].endswith(f"error {run.history.test_error[-1]:.3g}")
    assert ("routers" in shown["operations"]) == isinstance(model, SeparateMoE)
    size = entries(footprint(run))
    assert size["parameters"] == str(footprint(run).n_parameters)
    assert size["operations per input"] == str(footprint(run).flops)


DIVERGING = {
    "dense": DenseCNN(2),
    "separate": SeparateMoE(2, 2, 1),
    "joint": JointMoE(2, 2, 1),
    "token": TokenChoiceMoE(1, 2),
    "sample": SampleMoE(1, 2),
}


@pytest.mark.parametrize("model", DIVERGING.values(), ids=DIVERGING)
def test_runs_that_diverged_say_so(model):
    data = PatchData.from_patches(1e20 * np.ones((4, 1, 2)), [1, -1, 1, -1])
    sgd = SGD(learning_rate=1e30, batch_size=3, n_steps=50)
    run = train(model, data, sgd, test=data, raise_on_divergence=False)
    assert run.diverged_at is not None
    assert entries(run)["steps"] == f"diverged at step {run.diverged_at}"
    assert f"diverged at step {run.diverged_at}" in repr(run)


def test_runs_that_stop_at_a_loss_and_compressed_ones():
    run = trained(JointMoE(4, 8, 3), n_steps=5000, stop_loss=0.3)
    assert run.steps_to_loss is not None
    assert entries(run)["steps"] == f"{run.n_steps}, to a loss of 0.3"
    assert "compressed by" not in entries(run)
    shown = entries(quantize(prune(run, 0.5), 4))["compressed by"]
    assert shown.index("Pruning") < shown.index(", then Quantization")


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda b: f"{b.quantity}, {b.architecture}")
def test_bounds_show_formula_direction_and_source(bound):
    page = read(bound)
    assert f"${bound.latex()}$" in page.text
    shown = dict(page.rows)
    assert shown["source"] == bound.source
    assert ("enough" in shown["reads"]) == (bound.kind == "sufficient")
    assert shown.get("requires", "") == "; ".join(r.text for r in bound.requires)


def test_checks_show_every_growth():
    bound = complexity("sample complexity", "dense")
    n = np.array([8, 16, 32, 64.0])
    found = check(bound, Measurements({"n_patches": n}, n**9))
    page = read(found)
    assert page.text.startswith("sample complexity, dense, Ω(n⁸/ε¹⁶): violated")
    assert page.rows[1][0] == "n"
    assert page.rows[1][1].startswith("9.00 [9.00, 9.00]")
    assert page.rows[1][2:5] == ["8", "-1.00", "violated"]
    in_epsilon = check(bound, Measurements({"epsilon": [0.2, 0.1, 0.05]}, [5, 11, 20]))
    assert read(in_epsilon).rows[1][0] == "1/ε"


def test_checks_that_cannot_tell_say_why():
    bound = complexity("sample complexity", "dense")
    found = check(bound, Measurements({"n_patches": [8, 8]}, [5, np.inf]))
    assert len(read(found).rows) == 1
    assert "1 settings reached the target, 1 did not." in read(found).text
    assert found.reason in read(found).text


def test_a_notebook_is_watched_and_a_log_is_not(monkeypatch):
    kernels = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr("sys.stderr", kernels())
    assert watched()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not watched()
