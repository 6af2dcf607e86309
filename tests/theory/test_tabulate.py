"""A table of predictions that was cut short is completed, wherever it was cut."""

from importlib import resources

import pytest

from moe_theory.theory.advice import tabulate as module
from moe_theory.theory.advice.tabulate import COLUMNS, SIZES, tabulate

NETWORKS = [("dense", 16, 1), ("joint", 4, 2), ("joint", 4, 8)]
# Ends below 0.01, above 0.4 after seven, and at the largest N.
ERRORS = {
    ("dense", 1): [0.3, 0.1, 0.02, 0.00501],
    ("joint", 2): [0.49, 0.48, 0.47, 0.46, 0.45, 0.44, 0.43],
    ("joint", 8): [0.3 - 0.01 * place for place in range(len(SIZES))],
}


@pytest.fixture
def predicted(monkeypatch):
    made = []

    def predict(arm, n, ratio, n_routed, n_experts):
        made.append((arm, n_experts))
        common = dict(zip(COLUMNS, (arm, n, ratio, n_routed, n_experts), strict=False))
        return [
            {
                **common,
                "n_train": size,
                "error": error,
                "standard_error": 1e-05,
                "steps": 12.5 * size,
            }
            for size, error in zip(SIZES, ERRORS[arm, n_experts], strict=False)
        ]

    monkeypatch.setattr(module, "predict", predict)
    monkeypatch.setattr(module, "networks", lambda n: NETWORKS)
    monkeypatch.setattr(module, "N_PATCHES", (16,))
    monkeypatch.setattr(module, "RATIOS", (2,))
    return made


def blocks(text):
    """Return the rows of each network, whatever the order of the networks."""
    found = {}
    for line in text.splitlines()[1:]:
        found.setdefault(tuple(line.split(",")[:5]), []).append(line)
    return found


def test_cut_anywhere(predicted, tmp_path):
    path = tmp_path / "table.csv"
    assert tabulate(path, n_workers=1) == 3
    whole = path.read_text()
    ends = [
        sum(map(len, whole.splitlines(keepends=True)[: 1 + n])) for n in (0, 4, 11, 11 + len(SIZES))
    ]
    assert ends[-1] == len(whole)
    for cut in [*range(len(",".join(COLUMNS)) + 1, len(whole), 7), *ends]:
        path.write_text(whole[:cut])
        predicted.clear()
        n_complete = sum(end <= cut for end in ends[1:])
        assert tabulate(path, n_workers=1) == len(predicted) == 3 - n_complete, cut
        assert blocks(path.read_text()) == blocks(whole), cut
        assert not list(tmp_path.glob("*.draft"))


def test_rows_that_do_not_belong_together(predicted, tmp_path):
    """As two runs at once leave them, a disk or an editor."""
    path = tmp_path / "table.csv"
    tabulate(path, n_workers=1)
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    for damaged in (
        [*lines, *lines[1:5]],  # twice
        [*lines[:2], *lines[3:]],  # one missing within
        [
            *lines[:2],
            "\n",
            "\0\0\0\n",
            *lines[2:4],
            "dense,16,2\n",
            lines[4].replace("0.00501", "x"),
        ],
    ):
        path.write_text("".join(damaged))
        assert tabulate(path, n_workers=1) >= 1
        assert blocks(path.read_text()) == blocks(whole)


def test_a_header_alone_and_no_file(predicted, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(",".join(COLUMNS))
    assert tabulate(path, n_workers=1) == 3
    assert tabulate(path, n_workers=1) == 0


def test_the_committed_table_is_whole(tmp_path):
    known = resources.files("moe_theory.theory.advice").joinpath("table.csv").read_bytes()
    path = tmp_path / "table.csv"
    path.write_bytes(known)
    assert tabulate(path) == 0
    assert path.read_bytes() == known


@pytest.mark.parametrize("content", [b"arm,n\n1,2\n", bytes(range(256)), b"{}"])
def test_another_file_is_left_alone(content, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="path must be a new file, or one with columns"):
        tabulate(path)
    assert path.read_bytes() == content
