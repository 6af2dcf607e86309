import pytest

from moe_theory.experiments import RowStore, StoreError

CONFIG = {"n_train": [10, 20], "data": "patterns"}


def written(path, rows):
    with RowStore(path, CONFIG) as store:
        for row in rows:
            store.append([row])
    return path.read_bytes()


def test_rows_survive(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    rows = [{"i": i, "x": 0.1 * i, "none": None, "inf": float("inf")} for i in range(5)]
    with RowStore(path, CONFIG) as store:
        store.append(rows[:3])
        store.append(rows[3:])
        assert store.rows == rows
    with RowStore(path, CONFIG) as store:
        assert store.rows == rows
    assert list(path.parent.iterdir()) == [path]


def test_a_file_cut_anywhere_goes_on(tmp_path):
    """A kill may leave any beginning of the file, of its first line too."""
    path = tmp_path / "rows.jsonl"
    content = written(path, [{"i": i} for i in range(3)])
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with RowStore(path, CONFIG) as store:
            whole = max(content[:length].count(b"\n") - 1, 0)
            assert [row["i"] for row in store.rows] == list(range(whole))
            store.append([{"i": i} for i in range(whole, 3)])
        assert path.read_bytes() == content


def test_another_configuration_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    before = written(path, [{"i": 0}])
    other = CONFIG | {"n_train": [10, 30]}
    told = r"written by another configuration \(n_train\[1\]: 20 there, 30 here\)"
    with pytest.raises(StoreError, match=told):
        RowStore(path, other)
    with pytest.raises(StoreError, match="more: None there, 1 here"):
        RowStore(path, CONFIG | {"more": 1})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b"\n", b"{}\n{}\n"])
def test_a_foreign_file_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a store of rows|damaged"):
        RowStore(path, CONFIG)
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damage_is_refused(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    lines = written(path, [{"i": 1}, {"i": 2}]).splitlines(keepends=True)
    lines[line] = lines[line].replace(b"1", b"7", 1) if line < 2 else b"noise\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match=f"line {line + 1}, is damaged"):
        RowStore(path, CONFIG)
    path.unlink()
    written(path, [])  # a store that was refused holds no lock


def test_only_one_may_write(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowStore(path, CONFIG) as store:
        with pytest.raises(StoreError, match=r"rows\.jsonl is in use by another run"):
            RowStore(path, CONFIG)
        store.append([{"i": 0}])
    with RowStore(path, CONFIG) as store:
        assert store.rows == [{"i": 0}]
