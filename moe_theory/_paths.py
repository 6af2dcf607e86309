"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` with the home folder in place of a leading ``~``.

    Examples
    --------
    >>> expanded("~/sweep.jsonl") == Path.home() / "sweep.jsonl"
    True
    """
    return Path(os.path.expanduser(path))
