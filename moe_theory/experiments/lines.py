"""Lines of a store: JSON objects, each of which ends with the CRC-32 of what stands before."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK = b', "_crc32": '
START = b'{"_store": '
BLANK = b" \t\r\n\0"
NUMBERS = {"Infinity": "1e999", "-Infinity": "-1e999", "NaN": "null"}


@dataclass(frozen=True)
class Lines:
    """What the bytes of a file hold.

    Attributes
    ----------
    values : list of dict
        The whole lines.
    n_bytes : int
        Where the last whole line ends; a kill, or a full disk, may have left a part of one more.
    is_ended : bool
        Whether it ends with a line break.
    damaged : list of (number, bytes)
        Lines, numbered from 1, that are not what was written.
    """

    values: list[dict[str, Any]]
    n_bytes: int
    is_ended: bool
    damaged: list[tuple[int, bytes]]


def encode(value: Mapping[str, Any]) -> bytes:
    r"""Return ``value``, which is not empty, as a line.

    JSON has no infinity: numbers too large for any reader stand for it. NaN becomes null.

    Examples
    --------
    >>> encode({"error": 0.5, "steps": float("inf")})
    b'{"error": 0.5, "steps": 1e999, "_crc32": 2282344405}\n'
    """
    text = json.dumps(value)
    if "Infinity" in text or "NaN" in text:
        # Strings are matched first, so that nothing within one is.
        token = r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN'
        text = re.sub(token, lambda found: NUMBERS.get(found[0], found[0]), text)
    body = text[:-1].encode()
    return body + MARK + b"%d}\n" % zlib.crc32(body)


def decode(line: bytes) -> dict[str, Any] | None:
    """Return what `encode` was given, or None if the line is not what it returned.

    Examples
    --------
    >>> decode(encode({"error": 0.5})), decode(b'{"error": 0.5}')
    ({'error': 0.5}, None)
    """
    body, mark, checksum = line.strip(BLANK).rpartition(MARK)
    if not mark or checksum != b"%d}" % zlib.crc32(body):
        return None
    value: dict[str, Any] = json.loads(body + b"}")
    return value


def read_lines(content: bytes) -> Lines:
    r"""Return what ``content`` holds; blank lines, a byte order mark and zero bytes do no harm.

    Examples
    --------
    >>> line = encode({"seed": 1})
    >>> found = read_lines(b"\xef\xbb\xbf" + line + b"\n" + line[:9])
    >>> found.values, found.n_bytes, found.damaged
    ([{'seed': 1}], 38, [])
    """
    *ended, last = content.split(b"\n")
    values, damaged = [], []
    for number, line in enumerate(ended, 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if text.strip(BLANK):
            value = decode(text)
            if value is None:
                damaged.append((number, line))
            else:
                values.append(value)
    n_bytes = len(content) - len(last)
    value = decode(last.removeprefix(b"\xef\xbb\xbf"))
    if value is None:
        return Lines(values, n_bytes, True, damaged)
    values.append(value)
    return Lines(values, n_bytes + len(last.rstrip(BLANK)), False, damaged)


def is_foreign(content: bytes, lines: Lines) -> bool:
    """Whether a file holds something, but no line of a store nor the beginning of one.

    Examples
    --------
    >>> [is_foreign(text, read_lines(text)) for text in (b"my notes", b'{"_sto', b"")]
    [True, False, False]
    """
    rest = content.removeprefix(b"\xef\xbb\xbf").strip(BLANK)
    begun = rest.startswith(START) or START.startswith(rest)
    return not lines.values and not (begun and not lines.damaged)
