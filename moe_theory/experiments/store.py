"""`RowStore`: results on disk as they come, one checked line each."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class StoreError(ValueError):
    """A store that belongs to another configuration, or is damaged."""


class RowStore:
    """An append-only file of rows that belong to one configuration.

    The first line holds the configuration, each further one a row; every line ends with its
    CRC-32. A last line cut short by a kill is dropped; any other damage is refused.

    Parameters
    ----------
    path : path
        The file; made, with its folders, if it does not exist.
    config : dict
        What the rows depend on, as JSON values.

    Raises
    ------
    StoreError
        If the file was written by another configuration, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> RowStore(path, {"n_train": 100}).append({"seed": 0, "error": 0.25})
    >>> RowStore(path, {"n_train": 100}).rows
    [{'seed': 0, 'error': 0.25}]
    """

    def __init__(self, path: str | os.PathLike[str], config: dict[str, Any]) -> None:
        self.path = Path(path)
        self.rows: list[Row] = []
        config = json.loads(json.dumps(config))
        if self.path.exists():
            self._load(config)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial")
            partial.write_bytes(_line(config))
            partial.replace(self.path)

    def append(self, row: Row) -> None:
        """Add ``row`` and see it to the disk."""
        with self.path.open("ab") as file:
            file.write(_line(row))
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)

    def _load(self, config: dict[str, Any]) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        lines = [self._parse(number, line) for number, line in enumerate(whole.splitlines(), 1)]
        if not lines or lines[0] != config:
            raise StoreError(
                f"{self.path} was written by another configuration; move it away to start anew"
            )
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        self.rows = lines[1:]

    def _parse(self, number: int, line: bytes) -> Row:
        text, _, checksum = line.rpartition(b"\t")
        if checksum != _checksum(text):
            raise StoreError(f"{self.path}, line {number}, is damaged; move the file away")
        row: Row = json.loads(text)
        return row


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def _line(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, allow_nan=True).encode()
    return text + b"\t" + _checksum(text) + b"\n"
