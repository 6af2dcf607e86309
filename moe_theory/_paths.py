"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from moe_theory._validation import reject, wrong_object

PathLike = str | os.PathLike[str]


def expanded(path: PathLike, argument: str = "path") -> Path:
    """Return ``path`` with the home folder in place of a leading ``~``.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If there is no such home.

    Examples
    --------
    >>> expanded("~/sweep.jsonl") == Path.home() / "sweep.jsonl"
    True
    """
    if not isinstance(path, str | os.PathLike):
        raise wrong_object(argument, path, "a string or a path")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise reject(argument, os.fspath(path), f"a path that can be found ({error})") from None
