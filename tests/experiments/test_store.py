import pytest

from moe_theory.experiments import RowStore, StoreError

CONFIG = {"n_train": [10, 20], "data": "patterns"}


def test_rows_survive(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    store = RowStore(path, CONFIG)
    rows = [{"i": i, "x": 0.1 * i, "none": None} for i in range(5)]
    for row in rows:
        store.append(row)
    assert RowStore(path, CONFIG).rows == rows
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_line_cut_short_is_dropped(tmp_path, cut):
    path = tmp_path / "rows.jsonl"
    store = RowStore(path, CONFIG)
    for i in range(3):
        store.append({"i": i})
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: min(last + cut, len(content) - 1)])
    again = RowStore(path, CONFIG)
    assert [row["i"] for row in again.rows] == [0, 1]
    again.append({"i": 2})
    assert path.read_bytes() == content


def test_another_configuration_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    RowStore(path, CONFIG)
    with pytest.raises(StoreError, match="written by another configuration"):
        RowStore(path, CONFIG | {"data": "digits"})


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damage_is_refused(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    store = RowStore(path, CONFIG)
    store.append({"i": 1})
    store.append({"i": 2})
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"1", b"7", 1) if line < 2 else b"noise\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match=f"line {line + 1}, is damaged"):
        RowStore(path, CONFIG)
