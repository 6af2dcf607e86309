"""The command `explore`."""

from __future__ import annotations

import argparse
from contextlib import suppress


def add_explore(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `explore`."""
    own.add_argument("--port", type=int, default=0, help="of 127.0.0.1; by default a free one")
    own.add_argument("--no-browser", action="store_true", help="say the address, open nothing")
    own.add_argument("--out", metavar="FOLDER", help="write the page there instead of serving it")
    own.set_defaults(run=_explore)


def _explore(options: argparse.Namespace) -> None:
    from moe_theory.explore import serve, write_page

    if options.out is not None:
        print(write_page(options.out))
        return
    with suppress(KeyboardInterrupt):
        serve(options.port, browser=not options.no_browser, told=_tell)


def _tell(address: str) -> None:
    print(f"{address} (this machine alone; Ctrl-C stops)", flush=True)


ARGUMENTS = {"explore": add_explore}
