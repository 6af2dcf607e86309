"""What the terminal is told: errors and warnings in one line, in letters that it can show."""

from __future__ import annotations

import argparse
import codecs
import io
import os
import sys
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

SIGNS = {
    "±": "+-", "×": "x", "·": "*", "⋅": "*", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "→": "->", "∞": "inf", "√": "sqrt", "…": "...", "“": '"', "”": '"',
    "‘": "'", "’": "'", "∈": "in",
}  # fmt: skip
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"


class CommandError(Exception):
    """What a command could not do, and its exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def reported(parse: Callable[[], argparse.Namespace]) -> int:
    """Parse and run a command; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        _transliterate(stream)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            try:
                return _status(parse)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads on, as after `| head`: what Python flushes at its end must go nowhere.
            _silence(sys.stdout)
            return 141


def _status(parse: Callable[[], argparse.Namespace]) -> int:
    resumes = False
    try:
        options = parse()
        resumes = bool(options.resumes or getattr(options, "store", None))
        status: int | None = options.run(options)
        return status or 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        goes_on = "the same command goes on from here"
        anew = "nothing goes on from here, the same command begins anew"
        _tell(f"stopped; {goes_on if resumes else anew}")
        return 130
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        # A note may be the trace of a worker, too.
        notes = [note for note in getattr(error, "__notes__", ()) if "\n" not in note]
        _tell("; ".join([told[0], *notes]))
        return told[1]


def _told(error: Exception) -> tuple[str, int] | None:
    """Return message and exit status, or None for what is no bad input but a fault of ours."""
    if isinstance(error, CommandError):
        return str(error), error.status
    if isinstance(error, OSError):
        where = f": {os.fspath(error.filename)}" if error.filename is not None else ""
        return f"{error.strerror or error}{where}", 2
    if isinstance(error, MemoryError):
        return f"not enough memory; {error}".removesuffix("; "), 2
    if isinstance(error, ValueError | EOFError | zipfile.BadZipFile | zlib.error):
        return str(error), 2
    if isinstance(error, ArithmeticError):
        from moe_theory.training import DivergenceError

        if isinstance(error, DivergenceError):
            return str(error), 1
    return None


def add_mixing(own: argparse.ArgumentParser) -> None:
    """Add the flag that consents to rows of several versions in one file."""
    text = "add rows to those that other versions of the dependencies, or another machine, made"
    own.add_argument("--mix-versions", action="store_true", help=text)


def without_nan(value: Any) -> Any:
    """Return ``value`` with None for numbers that JSON does not know.

    Examples
    --------
    >>> without_nan({"value": float("inf"), "draws": [1, 2.5]})
    {'value': None, 'draws': [1, 2.5]}
    """
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value


def aligned(rows: list[list[str]]) -> str:
    """Return rows of equal length as columns; all but the first are flush right.

    Examples
    --------
    >>> print(aligned([["arm", "N"], ["dense", "20"]]))
    arm     N
    dense  20
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def in_ascii(text: str) -> str:
    """Return what stands for signs that the terminal cannot show.

    Examples
    --------
    >>> in_ascii("Ω(n⁸/ε¹⁶) ± 0.1")
    'Omega(n^8/epsilon^16) +- 0.1'
    """
    made = ""
    for before, sign in zip(" " + text, text, strict=False):
        power = "^" if sign in SUPERSCRIPTS and before not in SUPERSCRIPTS else ""
        made += power + (sign if sign.isascii() else _letter(sign))
    return made


def _letter(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        letter = name.rpartition(" ")[2].lower()
        return letter.capitalize() if "CAPITAL" in name else letter
    simpler = unicodedata.normalize("NFKD", sign).replace("−", "-")
    return simpler.encode("ascii", "ignore").decode() or "?"


def _transliterate(stream: Any) -> None:
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        stream.reconfigure(errors="moe_theory.in_ascii")


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return in_ascii(error.object[error.start : error.end]), error.end


codecs.register_error("moe_theory.in_ascii", _replace)


def _tell(message: str) -> None:
    print(f"moe-theory: {message}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _tell(f"warning: {message}")


def _silence(stream: Any) -> None:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
