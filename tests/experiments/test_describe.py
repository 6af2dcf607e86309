"""What identifies a function or an object: each change of what it does, and nothing else."""

import functools
import importlib
import json
import math
import re
import shutil
import subprocess
import sys
import threading
import types
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from ways import (
    WAYS,
    Data,
    Plain,
    Size,
    below,
    of_global,
    of_source,
    plain_measure,
    with_default,
    with_keyword,
)

from moe_theory import SGD, DenseCNN, PatchPatterns, Setting, Sweep
from moe_theory.experiments import measurements, sources
from moe_theory.experiments.describe import describe, describe_settings
from moe_theory.experiments.training_curves import training_curve

DATA = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
STEPS = SGD(1.0, batch_size=10, n_steps=5)


@pytest.mark.parametrize("way", WAYS)
def test_what_differs_has_another_description(way):
    first, again, other = (describe(WAYS[way](limit)) for limit in (0.5, 0.5, 0.9))
    assert first == again
    assert first != other
    assert json.loads(json.dumps(first)) == first


VALUES = [
    (0.5, 0.25), (1, 1.0), (1, True), ("a", "b"), ((1, 2), (2, 1)), ({1, 2}, {1, 3}),
    ({"a": 1}, {"a": 2}), ({1: 2}, {"1": 2}), (None, 0), (math.inf, -math.inf), (0.0, math.nan),
    (b"1", b"2"), (1j, 2j), (range(3), range(4)), (slice(1), slice(2)),
    (np.arange(3), np.arange(4)),
    (np.arange(3), np.arange(3.0)), (np.array([None, 1]), np.array([None, 2])),
    (np.float32(0.1), np.float32(0.2)), (np.longdouble(1) / 3, np.longdouble(1) / 7),
    (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])), (max, min),
    (np.mean, np.median), (np.sqrt, np.exp), (expit, logit), (re.compile('a'), re.compile('b')),
    (math.sin, math.cos), (math, json),
    (Size.SMALL, Size.LARGE),
    (np.random.default_rng(0), np.random.default_rng(1)), (np.dtype("f4"), np.dtype("f8")),
    (DenseCNN(4), DenseCNN(5)), (DenseCNN, SGD), (measurements, training_curve),
    ([1].append, [2].append), (Plain(1), Plain(2)),
    (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "other"), VALUES)
def test_values_of_a_closure(value, other):
    for way in (below, Data, lambda held: functools.partial(plain_measure, held)):
        first, again, second = way(value), way(value), way(other)
        assert json.dumps(describe(first)) == json.dumps(describe(again))
        assert json.dumps(describe(first)) != json.dumps(describe(second))


def test_lambdas_of_one_line():
    first, second = lambda *_: {"a": 1}, lambda *_: {"a": 2}  # fmt: skip
    again = lambda *_: {"a": 1}  # noqa: E731
    assert describe(first)["sha256"] != describe(second)["sha256"]
    assert describe(first)["sha256"] == describe(again)["sha256"]


def test_names_and_files_of_the_package_do_not_count():
    """What belongs to the package or a library has a name, and the versions say the rest."""
    used = describe(of_source("def measure(*_):\n    return np.mean(f()), DenseCNN",
                              np=np, f=measurements, DenseCNN=DenseCNN))["uses"]  # fmt: skip
    assert used == {
        "np": {"installed": "numpy"},
        "f": {"installed": "moe_theory.measurements"},
        "DenseCNN": {"installed": "moe_theory.DenseCNN"},
    }
    assert list(describe(measurements)) == ["function", "sha256"]


@pytest.mark.parametrize("shape", ["toy_library.py", "toy_library/__init__.py"])
def test_packages_are_installed_where_an_installer_recorded_them(shape, tmp_path, monkeypatch):
    """As by ``pip install --target``: such a folder, put on the path, may have any name."""
    file, record = tmp_path / shape, tmp_path / "toy_library-1.dist-info/RECORD"
    for each in (file, record):
        each.parent.mkdir(exist_ok=True)
        each.write_text("def f(): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    def described():
        sources._is_installed.cache_clear()
        sources._is_recorded.cache_clear()
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, "toy_library", raising=False)
        library = importlib.import_module("toy_library")
        measure = of_source("def measure(*_):\n    return f()", f=library.f)
        return describe(measure)["uses"]["f"]

    record.write_text("another_library/__init__.py,,\n")
    assert "sha256" in described()
    record.write_text(f"{shape},,\n")
    assert described() == {"installed": "toy_library.f"}


SOURCE = """
def measure(*_):{}
    text = {}
    class Inner:{}
        limit = 0.5
    return {{"a": text}}
"""


def test_docstrings_do_not_count_and_other_texts_do(tmp_path):
    def digest(source):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        file.write_text(source)
        made = {}
        exec(compile(source, file, "exec"), made)
        return describe(made["measure"])["sha256"]

    bare = digest(SOURCE.format("", "'one'", ""))
    for doc in ('\n    """Say."""', '\n    """Say.\n\n    More.\n    """', "\n    'Say.'"):
        assert digest(SOURCE.format(doc, "'one'", doc.replace("    ", " " * 8))) == bare
    assert digest(SOURCE.format("", "'two'", "")) != bare
    assert digest("def measure(*_): return 'one'") != digest("def measure(*_): return 'two'")


def test_functions_that_call_each_other():
    source = (
        "def measure(n):\n    return n and other(n - 1)\ndef other(n):\n    return measure(n) + {}"
    )
    first, second = (describe(of_source(source.format(number))) for number in (1, 2))
    assert first["uses"]["other"]["uses"] == {"measure": {"as": ""}}
    assert first != second


def test_objects_that_hold_themselves():
    plain = Plain([1])
    plain.limit.append(plain)
    assert describe(plain) == describe(plain)


def test_a_file_that_was_changed_after_it_was_read(tmp_path, monkeypatch):
    """The source on disk is then not that of what runs."""
    path = tmp_path / "own_measure.py"
    path.write_text("def measure(run, test, train):\n    return {'a': 1}\n")
    monkeypatch.syspath_prepend(tmp_path)
    measure = importlib.import_module("own_measure").measure
    before = describe(measure)
    assert "sha256" in before
    path.write_text("def measure(run, test, train):\n    return {'a': 2}\n")
    stale = describe(measure)
    assert "bytecode" in stale
    monkeypatch.delitem(sys.modules, "own_measure")
    sys.path_importer_cache.clear()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    after = describe(importlib.import_module("own_measure").measure)
    assert "sha256" in after
    assert before != after


def test_what_a_function_imports_when_it_runs(tmp_path, monkeypatch):
    (tmp_path / "own_limits.py").write_text("LIMIT = 0.5\nUNUSED = open\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = "def measure(*_):\n    from own_limits import LIMIT\n    return LIMIT"
    first = describe(of_source(source))
    importlib.import_module("own_limits").LIMIT = 0.9
    assert describe(of_source(source)) != first
    assert describe(of_source(source.replace("own_limits", "no_such_module")))


STABLE = """
import functools, json, sys
sys.path.insert(0, {folder!r})
from ways import WAYS
from moe_theory.experiments.describe import describe
values = [way(0.5) for way in WAYS.values()] + [{{"b", "a", "c"}}, {{("x", 1), ("y", 2)}}, object]
print(json.dumps([describe(value) for value in values]))
"""


def test_descriptions_are_the_same_in_every_process():
    script = STABLE.format(folder=str(Path(__file__).parents[1]))
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1
    assert " at 0x" not in found.pop()


UNKNOWN = {
    "closure.limit": below(threading.Lock()),
    "defaults.0": with_default(threading.Lock()),
    "kwdefaults.limit": with_keyword(threading.Lock()),
    "uses.limit": of_global(threading.Lock()),
    "self.state.limit": Plain(threading.Lock()).method,
    "limit": Data(threading.Lock()),
    "limit.a.0": Data({"a": [threading.Lock()]}),
    "arguments.0": functools.partial(plain_measure, threading.Lock()),
    "closure.limit.uses.limit": below(of_global(x for x in ())),
}


@pytest.mark.parametrize("place", UNKNOWN)
def test_what_cannot_be_identified_is_not_kept(place, tmp_path):
    setting = Setting({}, DATA, DenseCNN(4), STEPS, 10)
    kind = "generator" if place == "closure.limit.uses.limit" else "_thread.lock"
    sweep = Sweep([setting], n_test=10, n_draws=1, measure=UNKNOWN[place])
    message = f"measure cannot be identified, since its {place} is of type {kind}"
    with pytest.raises(TypeError, match=message):
        sweep.run(tmp_path / "rows.jsonl", progress=False)
    assert not list(tmp_path.iterdir())
    assert "unidentified" in json.dumps(sweep.config())


@dataclass(frozen=True)
class Guarded(PatchPatterns):
    """A data model of the user that no one can identify."""

    guard: object = field(default_factory=threading.Lock)


def test_without_a_path_nothing_needs_to_be_identified(tmp_path):
    def measure(run, test, train):
        with guard:
            return {"error": run.error(test)}

    guard = threading.Lock()
    data = Guarded(n_patches=4, n_irrelevant=8, patch_dim=10)
    settings = [Setting({"a": n}, data, DenseCNN(n), STEPS, 10) for n in (4, 8)]
    sweep = Sweep(settings, n_test=10, n_draws=2, measure=measure)
    results = sweep.run(progress=False)
    known = Sweep([replace(s, data=DATA) for s in settings], n_test=10, n_draws=2)
    for row, other in zip(results.rows, known.run(progress=False).rows, strict=True):
        assert row["error"] == other["test_error"]
    with pytest.raises(TypeError, match="data cannot be identified, since its guard is"):
        replace(sweep, measure=measurements).run(tmp_path / "rows.jsonl", progress=False)


def test_ten_thousand_settings_are_described_fast():
    settings = [Setting({"i": i}, DATA, DenseCNN(4 + i % 50), STEPS, 10 + i) for i in range(10_000)]
    calls = []

    def count(frame, event, _):
        calls.append(event == "call")

    sys.setprofile(count)
    try:
        described = describe_settings(settings)
    finally:
        sys.setprofile(None)
    assert len(described["settings"]) == 10_000
    assert sum(calls) < 2_000_000  # a second or two
