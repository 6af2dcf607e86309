"""Compiled kernels are found again, are never stale, and are not needed to be kept."""

import ast
import importlib
import os
import sys
import warnings
from pathlib import Path

import joblib
import numba
import pytest

import moe_theory
from moe_theory.kernels import cache
from moe_theory.kernels.jit import kernel

CALLEE = "from moe_theory.kernels.jit import kernel\n@kernel\ndef term(x):\n    return x + {}\n"
CALLER = (
    "from moe_theory.kernels.jit import kernel\n"
    "from {callee} import term\n"
    "@kernel\ndef total(x):\n    return 10.0 * term(x)\n"
)


class Sources:
    """Two files of kernels, imported anew as a fresh process would."""

    names = ("own_callee", "own_caller")

    def __init__(self, folder):
        self.folder = folder
        self.write(1.0)
        (folder / "own_caller.py").write_text(CALLER.format(callee="own_callee"))

    def write(self, number):
        (self.folder / "own_callee.py").write_text(CALLEE.format(number))

    def load(self):
        for name in self.names:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        cache.digest.cache_clear()
        return importlib.import_module("own_caller").total

    def files(self):
        return sorted(self.folder.rglob("*.kernel"))


@pytest.fixture
def sources(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(cache, "_warned", [])
    yield Sources(tmp_path)
    for name in Sources.names:
        sys.modules.pop(name, None)
    cache.digest.cache_clear()


def compiled(function):
    """Return how often a kernel was compiled, and how often it was found on disk."""
    stats = function.stats
    return sum(stats.cache_misses.values()), sum(stats.cache_hits.values())


def test_found_again(sources):
    first = sources.load()
    assert first(2.0) == 30.0
    assert compiled(first) == (1, 0)
    assert len(sources.files()) == 2
    again = sources.load()
    assert again(2.0) == 30.0
    assert compiled(again) == (0, 1)
    assert again(2) == 30.0  # other types are another form
    assert compiled(again) == (1, 1)
    assert not list(sources.folder.rglob("*.draft"))


def test_a_changed_callee_renews_its_callers(sources):
    assert sources.load()(2.0) == 30.0
    sources.write(5.0)
    changed = sources.load()
    assert changed(2.0) == 70.0
    assert compiled(changed) == (1, 0)
    sources.write(1.0)  # and back again: what was kept of it is still right
    before = sources.load()
    assert before(2.0) == 30.0
    assert compiled(before) == (0, 1)


@pytest.mark.parametrize("version", ["numba", "llvmlite"])
def test_another_compiler_finds_nothing(sources, version, monkeypatch):
    sources.load()(2.0)
    monkeypatch.setattr(getattr(cache, version), "__version__", "0.0")
    other = sources.load()
    assert other(2.0) == 30.0
    assert compiled(other) == (1, 0)


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "short": content[:middle],
            "garbage": b"not a kernel at all",
            "one bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "checksum": bytes(32) + content[32:],
        }[how]
    )
    return content


@pytest.mark.parametrize("how", ["empty", "short", "garbage", "one bit", "checksum"])
def test_a_damaged_file_is_compiled_again(sources, how):
    assert sources.load()(2.0) == 30.0
    whole = {path: damage(path, how) for path in sources.files()}
    again = sources.load()
    assert again(2.0) == 30.0
    assert compiled(again) == (1, 0)
    assert sources.files() == list(whole)
    healed = sources.load()
    assert healed(2.0) == 30.0
    assert compiled(healed) == (0, 1)


def test_a_folder_in_place_of_a_file(sources):
    sources.load()(2.0)
    for path in sources.files():
        path.unlink()
        path.mkdir()
    assert sources.load()(2.0) == 30.0
    again = sources.load()
    assert again(2.0) == 30.0
    assert compiled(again) == (0, 1)  # kept in the next folder


def test_nowhere_to_keep_them(sources, monkeypatch):
    """Neither import nor use fails; one warning names the variable."""
    (sources.folder / "file").write_text("")
    impossible = [sources.folder / "file" / "cache"]  # for root too
    monkeypatch.setattr(cache, "folders", lambda sources=None: impossible)
    total = sources.load()
    with pytest.warns(RuntimeWarning, match=r"Set NUMBA_CACHE_DIR .*file/cache") as told:
        found = total(2.0), total(2)
    assert found == (30.0, 30.0)
    assert len(told) == 1
    assert cache.writable() is None


def test_ahead_of_time_it_is_an_error(sources, monkeypatch):
    monkeypatch.setattr("moe_theory.training.compiled.writable", lambda: None)
    with pytest.raises(ValueError, match="NUMBA_CACHE_DIR must be set to a folder that can be"):
        moe_theory.training.compile_kernels()


def test_written_below_the_variable_found_beside_the_sources(
    sources, monkeypatch, tmp_path_factory
):
    """What an image holds compiled is used where only another folder can be written."""
    sources.load()(2.0)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(elsewhere))
    total = sources.load()
    assert total(2.0) == 30.0
    assert compiled(total) == (0, 1)
    assert not list(elsewhere.rglob("*.kernel"))
    assert total(2) == 30.0
    assert len(list(elsewhere.rglob("*.kernel"))) == 2
    assert cache.writable(sources.folder).parent == elsewhere


def test_next_folder_where_the_first_cannot_be_written(sources):
    home = Path(os.environ["XDG_CACHE_HOME"])
    (sources.folder / "__pycache__").write_text("no folder")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sources.load()(2.0) == 30.0
    assert len(list(home.rglob("*.kernel"))) == 2
    assert compiled(again := sources.load()) == (0, 0)
    assert again(2.0) == 30.0
    assert compiled(again) == (0, 1)


def test_without_a_home(monkeypatch, tmp_path):
    """Containers run as users without one: "~" is then no folder."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache.folders(tmp_path)
    assert all(
        folder.is_absolute() and "~" not in str(folder) for folder in cache.folders(tmp_path)
    )


def test_sources_edited_while_running_are_not_kept(sources):
    total = sources.load()
    sources.write(5.0)
    assert total(2.0) == 30.0
    assert sources.files() == []


def test_other_versions_are_deleted(sources):
    sources.load()(2.0)
    sources.write(5.0)
    sources.load()(2.0)
    foreign = sources.folder / "__pycache__" / "own-f-1.cpython-27.0.0.kernel"
    foreign.write_bytes(b"of another Python")
    assert len(sources.files()) == 5
    assert cache.forget_others(sources.folder) == 2
    assert len(sources.files()) == 3
    assert compiled(again := sources.load()) == (0, 0)
    assert again(2.0) == 70.0
    assert compiled(again) == (0, 1)


def use(folder):
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    numba.config.CACHE_DIR = ""  # of the environment, which a worker does not see changed
    return importlib.import_module("own_caller").total(2.0)


def test_many_processes_compile_at_once(sources):
    with joblib.parallel_config("loky", n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(use)(sources.folder) for _ in range(4))
    assert found == [30.0] * 4
    assert len(sources.files()) == 2
    assert compiled(total := sources.load()) == (0, 0)
    assert total(2.0) == 30.0
    assert compiled(total) == (0, 1)


def test_a_kernel_without_a_file_is_compiled():
    space = {"kernel": kernel}
    exec(compile("@kernel\ndef twice(x):\n    return 2 * x\n", "<prompt>", "exec"), space)
    assert space["twice"](4) == 8


def test_kernels_depend_on_kernels_alone():
    """The digest that tells whether a compiled kernel is stale covers these files alone."""
    root = Path(moe_theory.__file__).parent
    files = sorted({*(root / "kernels").glob("*.py"), *root.rglob("*_kernels.py")})
    assert len(files) > 20
    for file in files:
        allowed = {
            "moe_theory.kernels",
            ".".join(("moe_theory", *file.relative_to(root).parts[:-1])),
        }
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moe_theory"):
                assert any(node.module.startswith(package) for package in allowed), (
                    file,
                    node.module,
                )


def test_all_kernels_are_kept_by_this_cache():
    for file in (Path(moe_theory.__file__).parent / "kernels").glob("*.py"):
        module = importlib.import_module(f"moe_theory.kernels.{file.stem}")
        for value in vars(module).values():
            if isinstance(value, numba.core.dispatcher.Dispatcher):
                kept = isinstance(value._cache, cache.KernelCache)
                assert kept or value.targetoptions.get("inline") == "always", value
