"""Progress bars on standard error."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def watched() -> bool:
    """Return whether somebody sees standard error move: a terminal, or a notebook.

    Where nobody does, a log should not fill with progress bars.
    """
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def progress_bar(total: int | None, unit: str, *, shown: bool, delay: float = 0.0) -> Any:
    """Return a bar on standard error, renewed often only where somebody sees it move.

    It appears after ``delay`` seconds.
    """
    interval = 0.2 if watched() else 10.0
    return tqdm(total=total, unit=unit, disable=not shown, mininterval=interval, delay=delay)
