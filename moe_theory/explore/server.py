"""`serve`: the page at an address of this machine."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Timer

from moe_theory._validation import boolean, integer, wrong_object
from moe_theory.explore.page_files import page_files

LOOPBACK = "127.0.0.1"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
# The page needs nothing but itself, and no other page may frame it.
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"


def serve(
    port: int = 0, *, browser: bool = True, told: Callable[[str], object] | None = None
) -> None:
    """Serve the page to this machine alone, until Ctrl-C.

    Parameters
    ----------
    port : int
        In [0, 65535]; 0 takes a free one.
    browser : bool
        Open the page in the browser.
    told : callable, optional
        Called with the address, once the page is there.

    Raises
    ------
    OSError
        If the port is taken.

    Notes
    -----
    Only files of the page are served, from memory, and only over the loopback interface.
    """
    port = integer("port", port, 0, 65535)
    boolean("browser", browser)
    if told is not None and not callable(told):
        raise wrong_object("told", told, "a function of an address")
    with make_server(port) as server:
        address = f"http://{LOOPBACK}:{server.server_address[1]}/"
        if told is not None:
            told(address)
        if browser:
            Timer(0.1, webbrowser.open, [address]).start()
        server.serve_forever()


def make_server(port: int) -> ThreadingHTTPServer:
    """Return a server of the page that is not running yet.

    Examples
    --------
    >>> with make_server(0) as server:
    ...     server.server_address[0]
    '127.0.0.1'
    """
    files = {f"/{name}": text.encode() for name, text in page_files().items()}
    files["/"] = files["/index.html"]

    class Handler(BaseHTTPRequestHandler):
        """Sends files of the page."""

        def do_GET(self) -> None:
            name = self.path.partition("?")[0]
            content = files.get(name)
            if content is None:
                self.send_error(404)
                return
            kind = TYPES[name.rpartition(".")[2]] if "." in name else "text/html"
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing of every file."""

    return ThreadingHTTPServer((LOOPBACK, port), Handler)
