"""Rows on disk: what is kept whatever happens to the file, and what is refused."""

import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from moe_theory.experiments import LockWarning, RowStore, StoreError, append_file, salvage
from moe_theory.experiments.store import difference

CONFIG = {"n_train": [10, 20], "data": "patterns"}
BOM = b"\xef\xbb\xbf"


def written(path, rows):
    with RowStore(path, CONFIG) as store:
        for row in rows:
            store.append([row])
    return path.read_bytes()


def kept(path, config=CONFIG):
    with RowStore(path, config) as store:
        return [{k: v for k, v in row.items() if k != "_made"} for row in store.rows]


def test_rows_survive(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    rows = [{"i": i, "x": 0.1 * i, "none": None, "inf": float("inf")} for i in range(5)]
    rows.append({"text": 'an "Infinity", a \\ and a NaN', "low": float("-inf"), "é": "ü"})
    with RowStore(path, CONFIG) as store:
        store.append(rows[:3])
        store.append(rows[3:])
        assert [{**row, "_made": 0} for row in rows] == store.rows
    assert kept(path) == rows
    assert list(path.parent.iterdir()) == [path]


def test_every_line_is_json_of_one_row(tmp_path):
    content = written(tmp_path / "rows.jsonl", [{"i": 1, "x": float("inf")}, {"i": 2, "x": 0.5}])

    def refuse(name):
        raise AssertionError(name)

    lines = [json.loads(line, parse_constant=refuse) for line in content.splitlines()]
    assert [(line["i"], line["x"]) for line in lines] == [(1, float("inf")), (2, 0.5)]
    assert lines[0]["_store"] == {"made": 0, "config": CONFIG}


def test_a_file_cut_anywhere_goes_on(tmp_path):
    """A kill may leave any beginning of the file, of its first line too."""
    path = tmp_path / "rows.jsonl"
    content = written(path, [{"i": i} for i in range(3)])
    for length in range(len(content)):
        path.write_bytes(content[:length])
        # A line that lacks nothing but its line break is whole.
        whole = content[: length + 1].count(b"\n")
        assert [row["i"] for row in kept(path)] == list(range(whole))
        assert path.read_bytes() == content[:length]  # who only reads changes nothing
        written(path, [{"i": i} for i in range(whole, 3)])
        assert path.read_bytes().rstrip(b"\n") == content.rstrip(b"\n")


HARMLESS = {
    "blank line at the end": lambda content: content + b"\n",
    "blank lines": lambda content: content.replace(b"\n", b"\n\n \n"),
    "blank first line": lambda content: b"\n" + content,
    "byte order mark": lambda content: BOM + content,
    "line breaks of Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "all of them": lambda content: BOM + b"\r\n" + content.replace(b"\n", b"\r\n\t\r\n"),
    "zero bytes at the end": lambda content: content + b"\0" * 5000,
    "zero bytes between": lambda content: content.replace(b"\n", b"\n\0\0\0"),
    "no last line break": lambda content: content[:-1],
    "zero bytes for the last line break": lambda content: content[:-1] + b"\0\0",
    "cut line and zero bytes": lambda content: content + content[:30] + b"\0\0",
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_does_no_harm(tmp_path, change):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(HARMLESS[change](written(path, [{"i": 0}, {"i": 1}])))
    assert kept(path) == [{"i": 0}, {"i": 1}]
    written(path, [{"i": 2}])
    written(path, [{"i": 3}])
    assert kept(path) == [{"i": i} for i in range(4)]


@pytest.mark.parametrize("content", [b"", b"\n", BOM, b"\0\0\0", BOM + b"\r\n"])
def test_an_empty_file_is_a_new_one(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    written(path, [{"i": 0}])
    assert kept(path) == [{"i": 0}]


DIFFERENT = [
    ({"n_train": [10, 30]}, r"n_train\[1\]: 20 there, 30 here"),
    ({"n_train": [10]}, r"n_train: \[10, 20\] there, \[10\] here"),
    ({"more": 1}, "more: nothing there, 1 here"),
    ({"more": None}, "more: nothing there, None here"),
    ({"data": None}, "data: 'patterns' there, None here"),
    ({"data": {"p": None}}, r"data: 'patterns' there, {'p': None} here"),
    ({"n_train": [10.0, 20]}, r"n_train\[0\]: 10 there, 10.0 here"),
]


@pytest.mark.parametrize(("changes", "told"), DIFFERENT)
def test_another_configuration_is_refused(tmp_path, changes, told):
    path = tmp_path / "rows.jsonl"
    before = written(path, [{"i": 0}])
    with pytest.raises(StoreError, match=rf"written by another configuration \({told}\)"):
        RowStore(path, CONFIG | changes)
    assert path.read_bytes() == before
    assert kept(path) == [{"i": 0}]  # a store that was refused holds no lock


def test_a_key_that_is_none_there_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowStore(path, {"a": 1, "b": {"c": None}}) as store:
        store.append([{"i": 0}])
    with pytest.raises(StoreError, match=r"\(b\.c: None there, nothing here\)"):
        RowStore(path, {"a": 1, "b": {}})
    assert difference({"a": None}, {"a": None}) == ""


@pytest.mark.parametrize(
    "content", [b"my notes", b"my notes\n", b"{}\n{}\n", b"{}", b"\xff\xfe{\0", b"PK\3\4" * 99]
)
def test_a_foreign_file_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a store of rows"):
        RowStore(path, CONFIG)
    with pytest.raises(StoreError, match="no whole line of a store"):
        salvage(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def damage(lines, number):
    changed = list(lines)
    changed[number] = b"noise\n" if number == 2 else lines[number].replace(b'"i": 1', b'"i": 7')
    return b"".join(changed)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_damage_is_refused_and_the_rest_salvaged(tmp_path, number):
    path = tmp_path / "rows.jsonl"
    lines = written(path, [{"i": 10}, {"i": 11}, {"i": 12}]).splitlines(keepends=True)
    damaged = damage(lines, number)
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=rf"line {number + 1}, is damaged; .*salvage"):
        RowStore(path, CONFIG)
    assert path.read_bytes() == damaged
    found = salvage(path)
    whole = [{"i": 10 + i} for i in range(3) if i != number]
    assert (found.n_kept, found.dropped[0][0]) == (2, number + 1)
    assert found.dropped[0][1] + b"\n" == damaged.splitlines(keepends=True)[number]
    assert found.original.read_bytes() == damaged
    assert f"2 lines kept, lost: {number + 1}; as it was: {found.original}" == str(found)
    assert kept(path) == whole
    written(path, [{"i": 13}])
    assert kept(path) == [*whole, {"i": 13}]
    again = salvage(path)
    assert (again.n_kept, again.dropped, again.original) == (3, (), None)
    path.write_bytes(damaged)
    assert salvage(path).original.name == "rows.jsonl.damaged1"


def test_only_one_may_write(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowStore(path, CONFIG) as store:
        store.append([{"i": 0}])
        for other in (lambda: RowStore(path, CONFIG), lambda: salvage(path)):
            with pytest.raises(StoreError, match=r"rows\.jsonl is in use by another run"):
                other()
        store.append([{"i": 1}])
    assert kept(path) == [{"i": 0}, {"i": 1}]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("where", ["write", "fsync"])
def test_a_failed_append_leaves_no_part(tmp_path, monkeypatch, code, where):
    path = tmp_path / "rows.jsonl"
    before = written(path, [{"i": 0}])
    write = os.write

    def half(descriptor, content):
        if len(content) < 8:
            raise OSError(code, os.strerror(code))
        return write(descriptor, content[: len(content) // 2])

    def fail(_):
        raise OSError(code, os.strerror(code))

    with RowStore(path, CONFIG) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, where, half if where == "write" else fail)
            with pytest.raises(
                StoreError, match=rf"rows\.jsonl cannot be written: {os.strerror(code)}"
            ):
                store.append([{"i": 1}, {"i": 2}])
            assert path.read_bytes() == before
        store.append([{"i": 3}])
    assert kept(path) == [{"i": 0}, {"i": 3}]


def test_what_could_not_be_cut_off_is_cut_by_the_next_append(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    write = os.write

    def half(descriptor, content):
        write(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "full")

    def fail(*_):
        raise OSError(errno.EIO, "gone")

    with RowStore(path, CONFIG) as store:
        store.append([{"i": 0}])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(StoreError, match="full"):
                store.append([{"i": 1}])
        assert kept_while_open(path) == 1
        store.append([{"i": 2}])
    assert kept(path) == [{"i": 0}, {"i": 2}]


def kept_while_open(path):
    return path.read_bytes().count(b"\n")


def test_ctrl_c_while_a_row_is_written(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    before = written(path, [{"i": 0}])
    write = os.write

    def half(descriptor, content):
        write(descriptor, content[: len(content) // 2])
        raise KeyboardInterrupt

    with RowStore(path, CONFIG) as store, monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(KeyboardInterrupt):
            store.append([{"i": 1}])
        assert path.read_bytes() == before


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_systems_without_locks(tmp_path, monkeypatch, code):
    def no_lock(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(append_file, "lock_descriptor", no_lock)
    path = tmp_path / "rows.jsonl"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with RowStore(path, CONFIG) as store:
            store.append([{"i": 0}])
            store.append([{"i": 1}])
    assert [warning.category for warning in caught] == [LockWarning]
    assert "rows.jsonl has no locks" in str(caught[0].message)


def test_rows_of_two_runs_without_locks_are_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(append_file, "lock_descriptor", lambda *_, **__: True)
    path = tmp_path / "rows.jsonl"
    with RowStore(path, CONFIG) as first, RowStore(path, CONFIG) as second:
        for i in range(3):
            first.append([{"first": i}])
            second.append([{"second": i}])
    assert len(kept(path)) == 6


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_written_is_read(tmp_path, monkeypatch, code):
    path = tmp_path / "rows.jsonl"
    written(path, [{"i": 0}])
    opened = os.open

    def read_only(file, flags, *more):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(code, os.strerror(code))
        return opened(file, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    assert kept(path) == [{"i": 0}]
    told = rf"rows\.jsonl cannot be written: {os.strerror(code)}"
    with RowStore(path, CONFIG) as store, pytest.raises(StoreError, match=told):
        store.append([{"i": 1}])
    with pytest.raises(StoreError, match=r"new\.jsonl cannot be opened"):
        RowStore(tmp_path / "new.jsonl", CONFIG)


def test_paths_that_cannot_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "rows.jsonl"):
        with pytest.raises(StoreError, match=f"{path} cannot be opened"):
            RowStore(path, CONFIG)
    with pytest.raises(StoreError, match=r"none\.jsonl cannot be read"):
        salvage(tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with RowStore("~/deep/rows.jsonl", CONFIG) as store:
        store.append([{"i": 0}])
    assert kept(tmp_path / "deep" / "rows.jsonl") == [{"i": 0}]
    assert salvage(Path("~/deep/rows.jsonl")).n_kept == 1


def test_names_that_lines_use_themselves(tmp_path):
    with RowStore(tmp_path / "rows.jsonl", CONFIG) as store:
        for name in ("_made", "_store", "_crc32"):
            with pytest.raises(ValueError, match=f"rows must be without .* got \\['{name}'\\]"):
                store.append([{name: 1}])


NO_FCNTL = """
import sys, warnings
sys.modules["fcntl"] = None
warnings.simplefilter("ignore")
import moe_theory.experiments as e
warnings.simplefilter("error")
try:
    e.RowStore(sys.argv[1], {})
except e.LockWarning as warning:
    print(warning)
warnings.simplefilter("ignore")
with e.RowStore(sys.argv[1], {}) as store:
    store.append([{"i": 0}])
"""


def test_python_without_fcntl(tmp_path):
    """Windows has none, but other locks; where there are none, a warning says so."""
    path = tmp_path / "rows.jsonl"
    command = [sys.executable, "-c", NO_FCNTL, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "rows.jsonl has no locks" in done.stdout
    assert kept(path, {}) == [{"i": 0}]
