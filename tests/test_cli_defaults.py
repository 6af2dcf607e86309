"""Flags have the defaults and the descriptions of the specifications that they make."""

import json
import re
from argparse import Namespace
from dataclasses import MISSING
from itertools import product

import pytest

from moe_theory import SGD, ClusterSignal, Search
from moe_theory.cli import main, many_trainings, theory
from moe_theory.cli import train as cli_train
from moe_theory.cli.flags import convert, described, hints_of, own_fields, written
from moe_theory.cli.kinds import DATA, MODELS, flags_of
from moe_theory.cli.many_trainings import SEARCH
from moe_theory.experiments.describe import describe

SMALL = "--n-train 40 --n-epochs 2 --learning-rate 0.01 --quiet --json"
KINDS = (*MODELS.values(), *(kind for kinds in DATA.values() for kind in kinds), SGD)


def test_defaults_are_written_as_they_are_read():
    for kind in KINDS:
        for name, field in own_fields(kind).items():
            if name in flags_of(kind) and field.default is not MISSING:
                text = written(field.default)
                assert convert(name, hints_of(kind)[name], text) == field.default


@pytest.mark.parametrize("line", ["train", "prune", "sweep", "samples", "predict"])
def test_defaults_are_those_of_the_specifications(line, capsys):
    """But where a specification has none; and predictions are of networks that start small."""
    specs = {"train": cli_train.SPECS, "prune": cli_train.PRUNED, "predict": theory.SPECS}
    own = specs.get(line, many_trainings.SPECS)
    instead = {"init_std": 0.01} if line == "predict" else {}
    help_of = helps(line, capsys)
    for model, data in product(own.models, own.data):
        given = {"spec_rho_train": "0.9"} if data.startswith("spurious") else {}
        options = Namespace(model=[model] if own.many else model, data=data,
                            learning_rate_per_patch=None, **given)  # fmt: skip
        ((_, made),) = own.words(options).all()
        for part, kinds in ((made.model, [MODELS[model]]), (made.data, DATA[data])):
            for name, (kind, field) in flags_of(*kinds).items():
                default = own_fields(kind)[field].default
                if name == "rho_train" or default in (MISSING, None):
                    continue
                wanted = instead.get(name, default)
                holder = part if kind is type(part) else part.base
                assert getattr(holder, field) == wanted, (model, data, name)
                assert written(wanted) in help_of[name], name


def helps(line, capsys):
    """Return what the help of a command says of each flag."""
    with pytest.raises(SystemExit):
        main([line, "--help"])
    text = capsys.readouterr().out
    found = re.findall(r"^  --([\w-]+) (.*?)(?=^  --|^\S|\Z)", text, re.M | re.S)
    return {name.replace("-", "_"): " ".join(said.split()) for name, said in found}


def test_clusters_are_the_published_ones_unless_told(capsys):
    for command, n_routed in (("train", 2), ("prune", 4)):  # of 6 that would be usual
        assert main(f"{command} --model joint --data clusters {SMALL}".split()) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["data"] == describe(ClusterSignal.published(1))
        assert said["model"]["n_routed"] == n_routed
    assert main(["train", "--data", "clusters", "--n-routed", "6"]) == 2
    assert "n_routed must be at most the number of patches n = 4" in capsys.readouterr().err


def test_every_field_is_described():
    for kind in KINDS:
        said = described(kind)
        missing = [field for _, field in flags_of(kind).values() if not said.get(field)]
        assert not missing, (kind, missing)


def test_defaults_of_the_search_are_told_right():
    known = own_fields(Search)
    for name, (kind, text) in SEARCH.items():
        assert text.endswith(f"(default {known[name].default})")
        assert isinstance(known[name].default, kind)
