"""Tables of results: selections, summaries, and their ways into other libraries."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from scipy import stats
from tiny_sweep import tiny_sweep

from moe_theory import Results
from moe_theory.experiments import MeanStd, student_interval

ROWS = [
    {"arm": arm, "l": l, "n_train": n, "draw": draw, "error": (l or 0) + draw / n, "note": "x",
     "norms": [1.0, 2.0], "diverged": False}
    for arm, l in (("dense", None), ("joint", 1), ("joint", 4))
    for n in (20, 40)
    for draw in (0, 1)
]  # fmt: skip
RESULTS = Results({"seed": 0}, ROWS)


def test_length_and_iteration():
    assert len(RESULTS) == 12
    assert list(RESULTS) == ROWS
    assert [row["draw"] for row in RESULTS.select(arm="dense", n_train=20)] == [0, 1]
    assert not Results({}, [])


def test_select():
    assert RESULTS.select(l=None).unique("arm") == ["dense"]
    assert RESULTS.select(arm="joint", l=4, n_train=40).rows == ROWS[10:]
    assert RESULTS.select().rows == ROWS
    assert RESULTS.unique("l") == [None, 1, 4]
    # A label that only other arms carry is no mistake, also where all rows lack it.
    ragged = Results({}, [{"arm": "dense", "n": 1}, {"arm": "joint", "n": 1, "l": 2}])
    assert ragged.select(l=None).rows == ragged.rows[:1]
    assert ragged.unique("l") == [None, 2]
    config = {"experiment": {"settings": [{"labels": {"arm": "joint", "l": 2}}]}}
    only_dense = Results(config, ragged.rows).select(arm="dense")
    assert only_dense.select(l=None).rows == ragged.rows[:1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"arm": "sparse"}, "arm must be one of 'dense', 'joint'; got 'sparse'"),
        ({"n_train": 30}, "n_train must be one of 20, 40; got 30"),
        ({"arm": "dense", "l": 4}, "l must be None where arm='dense'; got 4"),
        ({"l": 4, "arm": "dense"}, "arm must be 'joint' where l=4; got 'dense'"),
        ({"arm": "joint", "l": 2}, "l must be one of 1, 4 where arm='joint'; got 2"),
        ({"arm": "joint", "l": None}, "l must be one of 1, 4 where arm='joint'; got None"),
        ({"n_routed": 4}, "label must be a column: arm, l, n_train, .* got 'n_routed'"),
        # What is missing everywhere was taken for None, and matched all.
        ({"n_routed": None}, "label must be a column: arm, l, n_train, .* got 'n_routed'"),
        ({"amr": None, "arm": "dense"}, "got 'amr'"),
    ],
)
@pytest.mark.parametrize("ask", ["select", "mean_std"])
def test_selections_that_match_nothing(labels, message, ask):
    with pytest.raises(ValueError, match=message):
        RESULTS.mean_std("error", **labels) if ask == "mean_std" else RESULTS.select(**labels)


def test_long_lists_of_values_are_cut():
    results = Results({}, [{"n": n} for n in range(1000)])
    with pytest.raises(ValueError, match=r"one of 0, 1, .* 19, …; got -1"):
        results.select(n=-1)


def test_no_rows():
    for ask in (Results({}, []).select, Results({}, []).setting):
        with pytest.raises(ValueError, match=r"there are no rows|config must be"):
            ask(arm="dense")


def test_settings():
    results = tiny_sweep(1).run(progress=False)
    assert results.setting(arm="joint", n_routed=3)["model"]["type"] == "JointMoE"
    assert results.setting(n_routed=None)["labels"]["arm"] == "dense"
    assert results.setting() == results.setting(arm="dense")
    for labels, message in (
        ({"arm": "other"}, "arm must be one of 'dense', 'separate', 'joint'; got 'other'"),
        ({"arms": "dense"}, "label must be a column: .*; got 'arms'"),
        ({"arms": None}, "label must be a column: .*; got 'arms'"),
    ):
        with pytest.raises(ValueError, match=message):
            results.setting(**labels)


def test_mean_std():
    found = RESULTS.mean_std("error", arm="joint", l=4, n_train=20)
    mean, std, n = found
    assert (
        (mean, std, n)
        == (found.mean, found.std, found.n)
        == (4.025, pytest.approx(0.05 / 2**0.5), 2)
    )
    assert found.standard_error == pytest.approx(0.025)
    for confidence in (0.5, 0.95):
        law = stats.t.interval(confidence, 1, 4.025, 0.025)
        assert found.interval(confidence) == pytest.approx(law)
    assert found.interval() == found.interval(0.95)
    single = RESULTS.mean_std("error", arm="joint", l=4, n_train=20, draw=0)
    assert (single.mean, single.n) == (4.0, 1)
    assert np.isnan([single.std, *single.interval()]).all()
    for confidence in (95, 0, 1, True, "high"):
        with pytest.raises(ValueError, match="confidence must be a finite number in"):
            MeanStd(0.0, 1.0, 9).interval(confidence)
    for column in ("arm", "norms"):
        with pytest.raises(ValueError, match="column must be one of numbers"):
            RESULTS.mean_std(column)
    with pytest.raises(ValueError, match="column must be one of single values"):
        RESULTS.unique("norms")


def test_student_interval():
    means, errors = np.array([[0.2, 0.5], [0.9, 1.0]]), np.array([[0.1, 0.2], [0.3, 0.0]])
    for n_draws, law in ((3, stats.t(2)), (40, stats.t(39)), (None, stats.norm)):
        for confidence in (0.8, 0.95):
            low, high = student_interval(means, errors, n_draws, confidence)
            wide = law.ppf((1 + confidence) / 2) * errors
            np.testing.assert_allclose(low, means - wide)
            np.testing.assert_allclose(high, means + wide)
    low, high = student_interval(means, 0.3, 5, limits=(0, 1))
    assert low.min() == 0
    assert high.max() == 1
    assert np.isnan(student_interval(0.5, 0.1, 1)).all()
    with pytest.raises(ValueError, match="standard_error must be at least 0"):
        student_interval(means, -errors, 5)
    with pytest.raises(TypeError, match="limits must be a pair of numbers"):
        student_interval(means, errors, 5, limits=(0, 1, 2))


def test_intervals_hold_the_mean_as_often_as_they_say():
    draws = np.random.default_rng(5).normal(3.0, 2.0, (5, 4000))
    low, high = student_interval(draws.mean(0), draws.std(0, ddof=1) / 5**0.5, 5)
    held = ((low <= 3.0) & (high >= 3.0)).mean()
    assert held == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 4000) ** 0.5)


def test_to_csv(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = RESULTS.to_csv("~/deep/table.txt")
    assert (tmp_path / "deep" / "table.txt").read_bytes() == text.encode()
    read = list(csv.DictReader(io.StringIO(text)))
    assert read[0] == {"arm": "dense", "l": "", "n_train": "20", "draw": "0", "error": "0.0",
                       "note": "x", "diverged": "False"}  # fmt: skip
    assert RESULTS.to_csv() == text
    greek = Results({}, [{"ε": 'α, "β"\n'}])
    greek.to_csv(tmp_path / "greek.csv")
    with (tmp_path / "greek.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == greek.rows


def test_to_pandas():
    frame = RESULTS.to_pandas()
    assert list(frame.columns) == RESULTS.columns
    assert len(frame) == 12
    means = frame.groupby("arm")["error"].mean()
    assert means["dense"] == RESULTS.mean_std("error", arm="dense").mean
    assert frame["l"].isna().sum() == 4
    assert frame["norms"][0] == [1.0, 2.0]
    assert json.loads(frame.attrs["config"]) == {"seed": 0}
    assert Results({}, []).to_pandas().empty


def test_to_xarray():
    table = RESULTS.to_xarray(["arm", "l", "n_train", "draw"])
    assert dict(table.sizes) == {"arm": 2, "l": 3, "n_train": 2, "draw": 2}
    assert set(table.data_vars) == {"error", "note", "diverged"}
    for row in RESULTS:
        here = table.isel(l=[None, 1, 4].index(row["l"]))
        here = here.sel(arm=row["arm"], n_train=row["n_train"], draw=row["draw"])
        assert here.error == row["error"]
        assert here.note == "x"
    assert int(table.error.isnull().sum()) == 12
    assert table.error.sel(arm="joint", l=4).mean("draw").sel(n_train=20) == 4.025
    assert np.isnan(table.l.values[0])
    assert table.l.values[1:].tolist() == [1, 4]
    assert json.loads(table.attrs["config"]) == {"seed": 0}


def test_labels_of_an_experiment_become_dimensions(tmp_path):
    results = tiny_sweep(2).run(progress=False)
    table = results.to_xarray()
    assert list(table.sizes) == ["arm", *(set(results.rows[0]) & {"n_routed"}), "n_train", "draw"]
    assert int(table.test_error.notnull().sum()) == len(results)
    expected = results.mean_std("test_error", arm="dense").mean
    assert float(table.test_error.sel(arm="dense").mean()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        (["arm", "l", "n_train"], r"tell all rows apart; two have \{'arm': 'dense', 'l': None"),
        ([], "different columns"),
        (["arm", "arm", "draw"], "different columns"),
        (["arm", "seed"], "different columns"),
        (["arm", "norms"], "different columns"),
    ],
)
def test_dimensions_that_cannot_be(dims, message):
    with pytest.raises(ValueError, match=f"dims must be .*{message}"):
        RESULTS.to_xarray(dims)
    if not dims:
        with pytest.raises(ValueError, match="dims must be"):
            Results({}, [{"error": 0.5}]).to_xarray()


def test_a_grid_of_gaps_is_refused():
    rows = [{"a": i, "b": i, "c": i, "error": 0.5} for i in range(1000)]
    with pytest.raises(ValueError, match="dims must be fewer"):
        Results({}, rows).to_xarray(["a", "b", "c"])
    assert Results({}, rows).to_xarray(["a"]).error.shape == (1000,)


@pytest.mark.parametrize("name", ["pandas", "xarray"])
def test_a_missing_library_says_how_to_install_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"{name} is not .* pip install {name} brings"):
        getattr(RESULTS, f"to_{name}")(*([["arm"]] if name == "xarray" else []))
