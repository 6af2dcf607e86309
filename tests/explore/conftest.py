"""Chromium, headless, and the page in it, alone and in the site.

Needs the extra ``browser`` and a Chromium (Debian's ``chromium``, or one named in ``CHROMIUM``);
otherwise what asks for them is skipped. The page of the site is tried where `make docs` built it.
"""

import http.server
import threading
from pathlib import Path

import pytest
from watched import CHROMIUM, SWITCHES, Watched, quiet

from moe_theory.explore.server import make_server

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason='needs the extra "browser"')
    if CHROMIUM is None:
        pytest.skip("no Chromium found; CHROMIUM may name one")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session", params=["package", "site"])
def address(request):
    """Return where the page is: alone, and in the site."""
    if request.param == "package":
        made, page = make_server(0), ""
    elif (SITE / "explore.html").is_file():
        made, page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet(SITE)), "explore.html"
    else:
        pytest.skip("the site is not built; make docs builds it")
    with made as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{page}"
        server.shutdown()


@pytest.fixture
def watched(chromium, address):
    made = Watched(chromium, address)
    yield made
    made.close()
