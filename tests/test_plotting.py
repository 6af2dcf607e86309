"""Pictures show what their rows hold."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from moe_theory import SGD, JointMoE, PatchPatterns, Results, TokenChoiceMoE, train
from moe_theory.plotting import (
    exponent_text,
    fit_rows,
    headline,
    legend_below,
    number_ticks,
    open_ends,
    plot_curve,
    plot_fit,
    plot_gates,
    plot_intervals,
    plot_load,
    plot_slope,
    plot_thresholds,
)

ROWS = [
    {"n": n, "value": 3.0 * n**1.5, "low": 2.7 * n**1.5, "high": 3.3 * n**1.5, "censored": None}
    for n in (8, 16, 32, 64)
]
NEVER = {"n": 128, "value": math.inf, "low": 640.0, "high": math.inf, "censored": "above"}
EDGE = {"n": 4, "value": 2.0, "low": 2.0, "high": 2.5, "censored": "below"}


def test_thresholds_are_where_they_were_measured():
    ax = Figure().subplots()
    plot_thresholds([*ROWS, NEVER], ax, x="n", label="dense", colour="C0")
    points, arrow = ax.containers
    np.testing.assert_allclose(points.lines[0].get_ydata(), [row["value"] for row in ROWS])
    segments = np.array(points.lines[2][0].get_segments())
    np.testing.assert_allclose(segments[:, 0, 1], [row["low"] for row in ROWS])
    np.testing.assert_allclose(segments[:, 1, 1], [row["high"] for row in ROWS])
    assert arrow.lines[0].get_ydata() == [640.0]


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize(("low", "high", "edge"), [(0.0, 30.0, 0), (15.0, math.inf, 1)])
def test_an_interval_without_an_end_is_drawn_open(across, low, high, edge):
    ax = Figure().subplots()
    rows = [{"x": 1, "value": 20.0, "low": low, "high": high},
            {"x": 2, "value": 10.0, "low": 8.0, "high": 12.0}]  # fmt: skip
    plot_intervals(rows, ax, x="x", colour="C0", across=across)
    (points,), (arrow,) = ax.containers, ax.texts
    which = 0 if across else 1
    ends = np.array(points.lines[2][0].get_segments())[:, :, which]
    known = [20.0 if low == 0 else low, 20.0 if high == math.inf else high]
    np.testing.assert_allclose(ends, [known, [8.0, 12.0]])  # no bar to an end that nobody knows
    start, end = (1.0, 20.0), (1.0, edge)
    units = ("data", "axes fraction")
    assert arrow.xyann == (start[::-1] if across else start)
    assert arrow.xy == (end[::-1] if across else end)
    assert arrow.xycoords == (units[::-1] if across else units)
    assert ("has no end" if edge else "reaches 0") in open_ends(rows)
    assert not open_ends(rows[1:])


def test_what_was_not_reached_is_drawn_hollow():
    ax = Figure().subplots()
    unknown = {"x": 3, "value": math.nan, "low": 0.0, "high": math.inf}
    never = {"x": 2, "value": 0.0, "low": 0.0, "high": 0.25}
    plot_intervals([NEVER | {"x": 1}, never, unknown], ax, x="x", colour="C0")
    _, up, down = ax.containers
    for bars, at in ((up, 640.0), (down, 0.25)):
        assert bars.lines[0].get_ydata() == [at]
        assert bars.lines[0].get_markerfacecolor() == "w"
    ends = [bars.lines[2][0].get_segments()[0][:, 1] for bars in (up, down)]
    assert ends[0].max() > 640
    assert 0 < ends[1].min() < 0.25
    assert not ax.texts
    assert not open_ends([NEVER, never, unknown])


def test_fits_leave_out_what_is_known_on_one_side_only():
    fit = fit_rows([EDGE, *ROWS, NEVER], "n")
    assert fit.n_points == 4
    assert fit.exponent[0] == pytest.approx(1.5)
    assert exponent_text(fit).startswith("1.50 [")
    assert fit_rows([*ROWS[:2], NEVER], "n") is None
    ax = Figure().subplots()
    plot_fit(fit, [8, 64], ax, colour="C0")
    np.testing.assert_allclose(ax.lines[0].get_ydata()[[0, -1]], 3.0 * np.array([8, 64]) ** 1.5)
    plot_fit(None, [8, 64], ax, colour="C0")
    assert len(ax.lines) == 1


def test_slopes_go_through_their_point():
    values = plot_slope(8, (16.0, 12.0), [16, 32], Figure().subplots(), label="bound")
    assert values[0] == pytest.approx(12)
    assert values[-1] == pytest.approx(12 * 2**8)


def test_curved_laws_are_said_to_be():
    sizes = np.array([8, 16, 32, 64, 128])
    values = np.exp(3 * np.log(sizes) - 0.3 * np.log(sizes) ** 2)
    curved = [
        {"n": n, "value": v, "low": v / 1.02, "high": v * 1.02}
        for n, v in zip(sizes, values, strict=True)
    ]
    assert exponent_text(fit_rows(curved, "n")).endswith("curved")


def test_gates_and_ticks():
    rows = [{"gates_positive": [0.9, 0.1 * i], "gates_negative": [0.0, 0.8]} for i in range(2)]
    ax = plot_gates(Results({}, rows), Figure().subplots(), n_routed=4)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [0.9, 0.05, 0.0, 0.8])
    number_ticks(ax, [4, 1, 4], axis="y")
    assert ax.get_yticks().tolist() == [1, 4]
    assert ax.get_yscale() == "log"


def test_bands_are_as_wide_as_the_loads():
    data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(30, seed=0)
    sgd = SGD(1.0, 10, n_steps=100, record=20, record_load=True)
    run = train(TokenChoiceMoE(4, 8, init_std=0.3, router_init_std=0.1), data, sgd)
    ax = plot_load(run)
    order = np.argsort(-run.history.load[-1], kind="stable")
    ends = run.history.load[:, order].cumsum(axis=1)
    low = np.zeros(6)
    for band, high in zip(ax.collections, ends.T, strict=True):
        corners = band.get_paths()[0].vertices
        for side in (low, high):
            points = np.stack([run.history.steps, side], axis=1)
            assert np.abs(corners[:, None] - points).sum(axis=2).min(axis=0).max() < 1e-12
        low = high
    numbers = [int(text.get_text().strip("$s=")) for text in ax.texts]
    assert numbers == order[run.history.load[-1][order] >= 0.045].tolist()
    with pytest.raises(ValueError, match=r"run\.history\.load must be recorded"):
        plot_load(train(JointMoE(2, 4, 2), data, SGD(1.0, 10, n_steps=2)))


def test_bands_of_accuracies_end_at_one():
    values = {8: (0.2, 0.9, 1.0, 1.0), 16: (1.0,) * 4, 32: (0.5,)}
    rows = [{"N": n, "a": a} for n, found in values.items() for a in found]
    ax = plot_curve(Results({}, rows), "a", Figure().subplots(), x="N", label="", colour="C0",
                    limits=(0, 1))  # fmt: skip
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.775, 1.0, 0.5])
    (path,) = ax.collections[0].get_paths()
    band = path.vertices[:, 1]
    assert np.nanmin(band) == pytest.approx(
        stats.t.interval(0.95, 3, 0.775, stats.sem(values[8]))[0]
    )
    assert np.nanmax(band) == 1.0
    assert 32 not in path.vertices[np.isfinite(band), 0]


def test_titles_are_broken_between_words_and_outside_of_equations():
    figure = Figure(figsize=(4, 3), layout="constrained")
    headline(figure, "with a learning rate of 0.2 $l$ all is lost at $l$ = 1", "10 draws")
    title = figure.get_suptitle().replace("\u00a0", " ")
    assert title.endswith("\n")
    lines = title.splitlines()
    assert len(lines) == 2
    assert not any(line.startswith(("=", "$l$ a", "1")) for line in lines)
    assert max(map(len, lines)) < 2 * min(map(len, lines))


def test_legends_lie_outside_of_their_panels():
    figure = Figure(figsize=(6, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for ax in panels:
        ax.plot([1, 2], label="dense")
    own, shared = legend_below(panels[0]), legend_below(figure)
    figure.canvas.draw()
    for legend in (own, shared):
        assert [text.get_text() for text in legend.get_texts()] == ["dense"]
        assert legend.get_window_extent().y1 < panels[0].get_window_extent().y0
