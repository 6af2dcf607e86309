"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from moe_theory._validation import wrong_object


def expanded(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """Return ``path`` with the home folder in place of a leading ``~``.

    Raises
    ------
    TypeError
        If it is no path.

    Examples
    --------
    >>> expanded("~/sweep.jsonl") == Path.home() / "sweep.jsonl"
    True
    """
    if not isinstance(path, str | os.PathLike):
        raise wrong_object(argument, path, "a path")
    return Path(os.path.expanduser(path))
