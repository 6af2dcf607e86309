"""The page in a real browser: what is drawn, at the width of a desk and of a telephone."""

import re

import pytest
from watched import Watched, name, patterns_of, queries

from moe_theory.advice import advise
from moe_theory.explore import tables, write_page

pytestmark = pytest.mark.browser
WIDTHS = {"desk": 1400, "telephone": 390}
# In bytes as sent, uncompressed, and seconds: what the page may take.
HEAVIEST, SLOWEST = 2_000_000, 2.0
PRESSED = {"p": "ArrowLeft", "epsilon": "ArrowRight", "k": "ArrowDown", "l": "ArrowDown",
           "goal": "ArrowDown", "map": "ArrowDown"}  # fmt: skip
# WCAG asks for 4.5 : 1 of text, and 3 : 1 of other marks.
CONTRASTS = {
    ".curve.dense": ("stroke", 3), ".curve.separate": ("stroke", 3), ".curve.joint": ("stroke", 3),
    ".boundary": ("stroke", 3), ".axes text": ("fill", 4.5), ".answer": ("color", 4.5),
    ".note": ("color", 4.5), ".gate.one": ("fill", 3), ".bar.two": ("fill", 3),
}  # fmt: skip


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
    made.close()


def test_is_drawn_soon(chromium, address):
    """The best of three, as a machine may be busy with other tests."""
    taken = []
    for _ in range(3):
        made = Watched(chromium, address)
        taken.append(made.drawn())
        made.close()
    assert min(taken) < SLOWEST


def test_opens_from_a_folder_without_a_server(chromium, tmp_path):
    made = Watched(chromium, write_page(tmp_path).as_uri() + "#n=48&p=192&epsilon=0.1&k=any")
    assert made.best() == name(advise(patterns_of(48, 192), 0.1).best)
    made.close()


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
    for choice, key in PRESSED.items():
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
        watched.wait_for('[data-shown="n"]', str(n))
        watched.settle()
        # The slider has steps of half a percent; addresses have tenths.
        rounded = max(0.02, min(0.2, round(epsilon * 1000) / 1000))
        best = name(advise(patterns_of(n, p), rounded, goal).best)
        assert watched.best() == best
        marks = watched.page.locator("circle[data-best]")
        assert marks.count() == 1
        assert marks.get_attribute("data-best") == best


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


LABELS = """(svg) => {
  const { width, height } = svg.viewBox.baseVal;
  const texts = [...svg.querySelectorAll(".axes text:not(.label)")];
  const inside = texts.every((text) => {
    const { x, y, width: wide, height: tall } = text.getBBox();
    return x >= 0 && y >= 0 && x + wide <= width && y + tall <= height;
  });
  return [inside, texts.map((text) => text.textContent)];
}"""


@pytest.mark.parametrize("chosen", ["n=128&p=256", "n=117&p=900", "n=16&p=32&epsilon=0.2&k=any"])
def test_labels_of_axes_are_whole_and_differ(watched, chosen):
    watched.page.evaluate("(hash) => { window.location.hash = hash; }", chosen)
    watched.wait_for('[data-shown="n"]', chosen[2:].partition("&")[0])
    watched.settle()
    for part in ("samples", "flops"):
        inside, labels = watched.page.locator(f'[data-part="{part}"] svg').evaluate(LABELS)
        assert inside
        upright = labels[: labels.index("1")]  # those of y come first; l begins with 1
        assert len(set(upright)) == len(upright) > 1


def test_the_reason_says_what_the_numbers_do(watched):
    """A larger l than the chosen one may need more samples, or fewer."""
    watched.page.select_option('[data-choice="l"]', "8")
    watched.settle()
    said = watched.text("answer")
    assert re.search(r"^Best at l = 8: joint training", said)
    values = re.search(r"N\* is (\d+) at l = 2 and (\d+) at l = 8; it is (\d+) at l = 32", said)
    assert values, said
    few, _, many = map(int, values.groups())
    options = advise(patterns_of(64, 256), 0.05).options
    for l, shown in ((2, few), (32, many)):
        (known,) = [o for o in options if (o.arm, o.n_routed, o.n_experts) == ("joint", l, 8)]
        assert shown == pytest.approx(known.samples, rel=0.06)


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
    watched.wait_for('[data-film="shown"]', re.compile(r"^([3-9]|\d\d+)$"))
    page.click('[data-film="play"]')
    assert page.text_content('[data-film="play"]') == "Play"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_the_background(chromium, address, scheme):
    made = Watched(chromium, address, scheme=scheme)
    back = made.page.evaluate("getComputedStyle(document.body).backgroundColor")
    for selector, (aspect, least) in CONTRASTS.items():
        colour = made.page.locator(f"#explorer {selector}").first.evaluate(
            f"(one) => getComputedStyle(one).{aspect}"
        )
        assert contrast(colour, back) >= least, selector
    made.close()


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
