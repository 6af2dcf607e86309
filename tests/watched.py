"""A page in Chromium, with what it complained of, asked for and weighed; and queries to try."""

import functools
import http.server
import os
import random
import shutil

from moe_theory import PatchPatterns

CHROMIUM = next(filter(None, (os.environ.get("CHROMIUM"), shutil.which("chromium"),
                              shutil.which("chromium-browser"))), None)  # fmt: skip
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
GOALS = ("samples", "flops")
TWO_FRAMES = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(done)))"""


class Watched:
    """A page that is drawn."""

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
        self.page.wait_for_selector("#explorer[data-drawn]", state="attached", timeout=20_000)

    def close(self):
        """Close it; it may have complained of nothing."""
        self.context.close()
        assert self.complaints == []

    def settle(self):
        """Wait until what was changed is drawn."""
        self.page.evaluate(TWO_FRAMES)

    def wait_for(self, selector, text):
        """Wait until an element has this text, or one that a pattern matches."""
        from playwright.sync_api import expect  # noqa: PLC0415

        expect(self.page.locator(selector)).to_have_text(text)

    def text(self, part):
        """Return the text of a part, with plain spaces."""
        return self.page.text_content(f'[data-part="{part}"]').replace("\u00a0", " ")

    def best(self):
        """Return the network that the page takes for the best."""
        return self.page.get_attribute("#explorer", "data-best")

    def drawn(self):
        """Return the seconds from the request to the first drawing."""
        return float(self.page.get_attribute("#explorer", "data-drawn")) / 1000

    def call(self, expression, asked):
        """Return ``expression`` for every query, which it knows as ``q``; ∞ is "inf"."""
        return self.page.evaluate(
            f"(asked) => asked.map((q) => JSON.parse(JSON.stringify({expression},"
            "(_, value) => (value === Infinity ? 'inf' : value))))",
            asked,
        )

    def _said(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _sent(self, response):
        self.asked.append(response.url)
        self.bytes += int(response.headers.get("content-length", 0))


def quiet(folder):
    """Return a handler that serves a folder and does not log."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    return functools.partial(Quiet, directory=str(folder))


def patterns_of(n, p):
    return PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)


def name(option):
    """Return a network as the page names it."""
    return f"{option.arm},{option.n_routed},{option.n_experts}"


def queries(count, seed=0):
    """Return n, p, ε and goal, at random, often on the grid of the table."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        n = rng.choice([16, 32, 64, 128, *[rng.randint(16, 128)] * 6])
        p = rng.choice([2 * n, 4 * n, 8 * n, *[rng.randint(2 * n, 8 * n)] * 6])
        epsilon = rng.choice([0.02, 0.05, 0.1, 0.2, *[round(rng.uniform(0.02, 0.2), 4)] * 6])
        found.append([n, p, epsilon, rng.choice(GOALS)])
    return found
