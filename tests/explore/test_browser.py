"""The page in a real browser: Chromium, headless, at the width of a desk and of a telephone.

Needs the extra ``browser`` and a Chromium (Debian's ``chromium``, or one named in ``CHROMIUM``);
otherwise these tests are skipped. The page of the site is tested where `make docs` has built it.
"""

import functools
import http.server
import math
import os
import random
import re
import shutil
import threading
from pathlib import Path

import pytest

from moe_theory import PatchPatterns
from moe_theory.advice import advise, interpolate, predicted_samples
from moe_theory.advice.advise import flops_of
from moe_theory.advice.interpolate import CurvePoint, Predicted
from moe_theory.bounds import complexity
from moe_theory.explore import export, tables, write_page

playwright = pytest.importorskip("playwright.sync_api", reason='needs the extra "browser"')
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; see CHROMIUM")

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
WIDTHS = {"desk": 1400, "telephone": 390}
GOALS = ("samples", "flops")
DRAWN = "#explorer[data-drawn]"
# In bytes as sent, uncompressed, and seconds: what the page may take.
HEAVIEST, SLOWEST = 2_000_000, 2.0


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["package", "site"])
def address(request, tmp_path_factory):
    """Return where the page is: alone, and in the site."""
    folder, name = tmp_path_factory.mktemp("page"), "index.html"
    if request.param == "package":
        write_page(folder)
    else:
        folder, name = SITE, "explore.html"
        if not (folder / name).is_file():
            pytest.skip("the site is not built; make docs builds it")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet(folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{name}"
        server.shutdown()


def quiet(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    return functools.partial(Quiet, directory=str(folder))


class Watched:
    """A page, with what it complained of, asked for and weighed."""

    def __init__(self, chromium, address, width=1400, scheme="light"):
        self.complaints, self.asked, self.bytes = [], [], 0
        size = {"width": width, "height": 900}
        self.context = chromium.new_context(viewport=size, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("response", self._sent)
        self.page.goto(address)
        self.page.wait_for_selector(DRAWN, state="attached", timeout=20_000)

    def _said(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _sent(self, response):
        self.asked.append(response.url)
        self.bytes += int(response.headers.get("content-length", 0))

    def settle(self):
        """Wait until what was changed is drawn."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => "
                           "requestAnimationFrame(done)))")  # fmt: skip

    def text(self, part):
        return self.page.text_content(f'[data-part="{part}"]').replace("\u00a0", " ")

    def best(self):
        return self.page.get_attribute("#explorer", "data-best")


@pytest.fixture
def watched(chromium, address):
    made = Watched(chromium, address)
    yield made
    made.context.close()
    assert made.complaints == []


def patterns_of(n, p):
    return PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)


def queries(count, seed=0):
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        n = rng.choice([16, 32, 64, 128, *[rng.randint(16, 128)] * 6])
        p = rng.choice([2 * n, 4 * n, 8 * n, *[rng.randint(2 * n, 8 * n)] * 6])
        epsilon = rng.choice([0.02, 0.05, 0.1, 0.2, *[round(rng.uniform(0.02, 0.2), 4)] * 6])
        found.append([n, p, epsilon, rng.choice(GOALS)])
    return found


def call(watched, expression, asked):
    """Return ``expression`` of the page for every query, which it knows as ``q``."""
    return watched.page.evaluate(
        f"(asked) => asked.map((q) => JSON.parse(JSON.stringify({expression},"
        "(_, value) => (value === Infinity ? 'inf' : value))))",
        asked,
    )


def name(option):
    return f"{option.arm},{option.n_routed},{option.n_experts}"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_loads_without_complaint_and_alone(chromium, address, width, scheme):
    made = Watched(chromium, address, width, scheme)
    host = address.rpartition("/")[0]
    assert all(url.startswith((host, "data:")) for url in made.asked)
    assert made.bytes < HEAVIEST
    assert made.page.evaluate("document.documentElement.scrollWidth") <= width
    for part in ("samples", "flops", "map-samples", "map-settings"):
        box = made.page.locator(f'[data-part="{part}"] svg').first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1
        assert box["height"] > 200
    made.context.close()
    assert made.complaints == []


def test_is_drawn_soon(chromium, address):
    """The best of three, as a machine may be busy with other tests."""
    taken = []
    for _ in range(3):
        made = Watched(chromium, address)
        taken.append(float(made.page.get_attribute("#explorer", "data-drawn")) / 1000)
        made.context.close()
    assert min(taken) < SLOWEST


def test_opens_from_a_folder_without_a_server(chromium, tmp_path):
    made = Watched(chromium, write_page(tmp_path).as_uri() + "#n=48&p=192&epsilon=0.1&k=any")
    assert made.best() == name(advise(patterns_of(48, 192), 0.1).best)
    made.context.close()
    assert made.complaints == []


def test_advice_is_that_of_python(watched):
    asked = queries(200)
    found = call(watched, "moeTheory.advise(...q)", asked)
    for (n, p, epsilon, goal), rows in zip(asked, found, strict=True):
        known = advise(patterns_of(n, p), epsilon, goal).options
        assert [f"{row['arm']},{row['l']},{row['k']}" for row in rows] == [name(o) for o in known]
        for row, option in zip(rows, known, strict=True):
            ours = (row["samples"][0], row["steps"], row["flops"][0], row["saving"])
            theirs = (option.samples, option.steps, option.flops, option.saving)
            assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("end", ["low", "high"])
def test_intervals_are_those_of_shifted_curves(watched, monkeypatch, end):
    asked = queries(40, seed=1)
    found = call(watched, "moeTheory.predictedNetworks(...q.slice(0, 3))", asked)
    place, factor = {"low": (1, 1 / 1.15), "high": (2, 1.15)}[end]
    shifted = {key: shift(key, points, end) for key, points in interpolate._table().items()}
    monkeypatch.setattr(interpolate, "_table", lambda: shifted)
    for (n, p, epsilon, _), rows in zip(asked, found, strict=True):
        patterns = patterns_of(n, p)
        for row, known in zip(rows, predicted_samples(patterns, epsilon), strict=True):
            samples, steps = known.samples * factor, known.steps * factor
            assert float(row["samples"][place]) == pytest.approx(samples, rel=1e-9)
            if math.isfinite(samples):
                moved = Predicted(known.arm, known.n_routed, known.n_experts, samples, steps)
                flops = flops_of(patterns, moved)
                assert float(row["flops"][place]) == pytest.approx(flops, rel=1e-9)


def shift(key, points, end):
    """Return a curve at one end of its intervals."""
    ends = export._curve(key[0], points)[end]
    return [
        CurvePoint(point.n_train, error, 0.0, point.steps)
        for point, error in zip(points, ends, strict=True)
    ]


def test_bounds_are_those_of_python(watched):
    asked = [[goal, 64, 256, 0.05, {"arm": arm, "l": l, "k": k}]
             for goal in GOALS for arm, l, k in (("dense", 64, 1), ("separate", 4, 2), ("joint", 8, 20))]  # fmt: skip
    found = call(watched, "moeTheory.bound(...q)", asked)
    quantity = {"samples": "sample complexity", "flops": "computational complexity"}
    for (goal, n, p, epsilon, network), value in zip(asked, found, strict=True):
        bound = complexity(quantity[goal], network["arm"])
        sizes = {"n_patches": n, "n_routed": network["l"], "n_experts": network["k"],
                 "epsilon": epsilon, "batch_size": 20, "n_hidden": 40, "patch_dim": p + 2}  # fmt: skip
        names = {symbol.name for symbol in bound.expression.free_symbols}
        assert names
        expected = bound.expression.subs(
            {symbol: sizes[parameter] for parameter, symbol in symbols().items()}
        )
        assert value == pytest.approx(float(expected), rel=1e-12)


def symbols():
    from moe_theory.bounds.parameters import SYMBOL  # noqa: PLC0415

    wanted = ("n_patches", "n_routed", "n_experts", "epsilon", "batch_size", "n_hidden", "patch_dim")
    return {parameter: SYMBOL[parameter] for parameter in wanted}


def test_a_stranger_finds_the_answer(watched):
    """Joint training, 8 experts, n = 64, p = 256, ε = 5 %: N*, the best l, and the bounds."""
    options = advise(patterns_of(64, 256), 0.05).options
    joint = [option for option in options if (option.arm, option.n_experts) == ("joint", 8)]
    row = watched.page.locator('[data-part="summary"] tr', has_text="joint, k = 8").inner_text()
    cells = row.split("\t")
    assert int(cells[1]) == joint[0].n_routed
    assert float(cells[2].split()[0]) == pytest.approx(joint[0].samples, rel=0.06)
    said = watched.text("bounds")
    assert re.search(r"Joint, k = 8: of the order of k⁴\s?l⁶/ε¹⁶ suffice", said)
    assert "the smallest l would be best" in said
    considered = [o for o in options if o.arm != "joint" or o.n_experts == 8]
    assert f"l = {considered[0].n_routed}." in watched.text("answer")


def test_the_keyboard_moves_everything(watched):
    page = watched.page
    before = page.inner_html('[data-part="samples"]'), page.inner_html('[data-part="map-samples"]')
    page.focus('[data-choice="n"]')
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    watched.settle()
    assert page.text_content('[data-shown="n"]') == "67"
    assert "n=67" in page.url
    after = page.inner_html('[data-part="samples"]'), page.inner_html('[data-part="map-samples"]')
    assert after[0] != before[0]
    assert after[1] != before[1]
    for choice, key in (("p", "ArrowLeft"), ("epsilon", "ArrowRight"), ("k", "ArrowDown"),
                        ("l", "ArrowDown"), ("goal", "ArrowDown"), ("map", "ArrowDown")):  # fmt: skip
        shown = page.inner_html("#explorer")
        page.focus(f'[data-choice="{choice}"]')
        page.keyboard.press(key)
        watched.settle()
        assert page.inner_html("#explorer") != shown, choice


def test_every_control_is_reached_by_tab_and_has_a_name(watched):
    page = watched.page
    controls = page.locator("#explorer :is(input, select, button, summary)")
    unnamed = controls.evaluate_all(
        "(all) => all.filter((one) => !(one.labels?.length || one.textContent.trim())).length"
    )
    assert controls.count() >= 12
    assert unnamed == 0
    pictures = page.locator('#explorer svg[role="img"]')
    texts = pictures.evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    assert len(texts) == 7
    assert all(len(text or "") > 40 for text in texts)
    page.focus('[data-choice="n"]')
    seen = set()
    for _ in range(controls.count() + 4):
        seen.add(page.evaluate("document.activeElement.dataset.choice || "
                               "document.activeElement.dataset.film || ''"))  # fmt: skip
        page.keyboard.press("Tab")
    assert {"n", "p", "epsilon", "k", "l", "goal", "preset", "map", "network", "step",
            "play"} <= seen  # fmt: skip


def test_the_best_choice_is_marked_and_is_that_of_python(watched):
    for n, p, epsilon, goal in queries(12, seed=2):
        watched.page.evaluate(
            "(hash) => { window.location.hash = hash; }",
            f"n={n}&p={p}&epsilon={epsilon}&goal={goal}&k=any",
        )
        watched.page.wait_for_function(
            f"document.querySelector('[data-shown=\"n\"]').textContent === '{n}'"
        )
        watched.settle()
        # The slider has steps of half a percent; addresses have tenths.
        rounded = max(0.02, min(0.2, round(epsilon * 1000) / 1000))
        best = name(advise(patterns_of(n, p), rounded, goal).best)
        assert watched.best() == best
        marks = watched.page.locator("circle[data-best]")
        assert marks.count() == 1
        assert marks.get_attribute("data-best") == best


def test_choices_restrict_what_is_best(watched):
    for k, l in ((2, "best"), (20, 4), ("any", 8)):
        found = call(watched, "moeTheory.choose(moeTheory.inside(q)).best",
                     [{"n": 64, "p": 300, "epsilon": 0.05, "k": k, "l": l}])[0]  # fmt: skip
        options = [
            o for o in advise(patterns_of(64, 300), 0.05).options
            if o.arm == "dense" or ((o.arm == "separate" or k in ("any", o.n_experts))
                                    and l in ("best", o.n_routed))
        ]  # fmt: skip
        assert f"{found['arm']},{found['l']},{found['k']}" == name(options[0])


def test_wrong_addresses_give_a_choice_inside_the_table(watched):
    asked = [{"n": "9999", "p": "-3", "epsilon": "7", "k": "3", "l": "x", "goal": "<b>", "map": "1"},
             {"n": "", "p": "Infinity", "epsilon": "nan"}]  # fmt: skip
    for state in call(watched, "moeTheory.inside(q)", asked):
        assert 16 <= state["n"] <= 128
        assert 2 * state["n"] <= state["p"] <= 8 * state["n"]
        assert 0.02 <= state["epsilon"] <= 0.2
        assert state["goal"] in GOALS


def test_simulated_points_stand_where_tables_have_them(watched):
    points = [
        p for p in tables.simulated_points()
        if (p["n_patches"], p["n_irrelevant"], p["epsilon"]) == (64, 256, 0.05)
        and (p["arm"] != "joint" or p["n_experts"] == 8)
    ]  # fmt: skip
    assert len(points) > 8
    drawn = watched.page.locator('[data-part="samples"] .simulated')
    assert drawn.count() == len(points)
    watched.page.select_option('[data-choice="preset"]', "48,144,0.05")
    watched.settle()
    assert watched.page.locator('[data-part="flops"] .simulated').count() > 5
    watched.page.select_option('[data-choice="goal"]', "flops")
    watched.settle()
    assert "operations" in watched.text("answer")


def test_a_click_on_the_map_moves_the_choice(watched):
    watched.page.locator('[data-part="map-settings"] .cell').first.click()
    watched.settle()
    assert watched.page.text_content('[data-shown="n"]') == "16"


def test_the_film_runs(watched):
    page = watched.page
    parts = ("routes", "values", "errors")
    for network in ("dense", "separate", "joint", "token", "whole input"):
        page.select_option('[data-film="network"]', network)
        before = [page.inner_html(f'[data-film="{part}"]') for part in parts]
        page.focus('[data-film="step"]')
        page.keyboard.press("Home")
        after = [page.inner_html(f'[data-film="{part}"]') for part in parts]
        assert page.text_content('[data-film="shown"]') == "0"
        assert before[1:] != after[1:]
        assert (before[0] == after[0]) == (network in ("dense", "separate"))
        page.keyboard.press("End")
    page.click('[data-film="play"]')
    page.wait_for_function("document.querySelector('[data-film=\"shown\"]').textContent > 2")
    page.click('[data-film="play"]')
    assert page.text_content('[data-film="play"]') == "Play"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_the_background(chromium, address, scheme):
    """Contrast of curves and text is at least 3 : 1 and 4.5 : 1, as WCAG asks."""
    made = Watched(chromium, address, scheme=scheme)
    back = made.page.evaluate("getComputedStyle(document.body).backgroundColor")
    for selector, property_, least in (
        (".curve.dense", "stroke", 3), (".curve.separate", "stroke", 3), (".curve.joint", "stroke", 3),
        (".boundary", "stroke", 3), (".axes text", "fill", 4.5), (".answer", "color", 4.5),
        (".note", "color", 4.5), (".gate.one", "fill", 3), (".bar.two", "fill", 3),
    ):  # fmt: skip
        colour = made.page.locator(f"#explorer {selector}").first.evaluate(
            f"(one) => getComputedStyle(one).{property_}"
        )
        assert contrast(colour, back) >= least, selector
    made.context.close()


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
