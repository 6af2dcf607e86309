"""`RowStore`: results on disk as they come, one checked line each."""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

Row = dict[str, Any]


class StoreError(ValueError):
    """A store that belongs to another configuration, is damaged, or is in use."""


class RowStore:
    """An append-only file of rows that belong to one configuration.

    The first line holds the configuration, each further one a row; every line ends with its
    CRC-32. A last line cut short by a kill is dropped; any other damage is refused. The file is
    locked until `close`, or the end of the process, whatever ends it.

    Parameters
    ----------
    path : path
        The file; made, with its folders, if it does not exist.
    config : dict
        What the rows depend on, as JSON values.

    Raises
    ------
    StoreError
        If the file was written by another configuration, is damaged, or is open elsewhere.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> with RowStore(path, {"n_train": 100}) as store:
    ...     store.append([{"seed": 0, "error": 0.25}, {"seed": 1, "error": 0.5}])
    >>> with RowStore(path, {"n_train": 100}) as store:
    ...     store.rows[1]
    {'seed': 1, 'error': 0.5}
    """

    def __init__(self, path: str | os.PathLike[str], config: dict[str, Any]) -> None:
        self.path = Path(path)
        self.rows: list[Row] = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._lock()
            self._load(json.loads(json.dumps(config)))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RowStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def append(self, rows: Sequence[Row]) -> None:
        """Add ``rows`` and see them to the disk."""
        self._write(b"".join(_line(row) for row in rows))
        self.rows.extend(rows)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{self.path} is in use by another run; wait for it, or choose another path"
            raise StoreError(message) from None

    def _load(self, config: dict[str, Any]) -> None:
        content = self.path.read_bytes()
        header = _line(config)
        whole = content[: content.rfind(b"\n") + 1]
        if not whole and header.startswith(content):  # new, or killed while it was made
            os.ftruncate(self._descriptor, 0)
            self._write(header)
            return
        lines = [self._parse(number, line) for number, line in enumerate(whole.splitlines(), 1)]
        if not lines:
            raise StoreError(f"{self.path} is not a store of rows; choose another path")
        if lines[0] != config:
            raise StoreError(
                f"{self.path} was written by another configuration ("
                f"{difference(lines[0], config)}); move it away to start anew"
            )
        if len(whole) < len(content):
            os.ftruncate(self._descriptor, len(whole))
        self.rows = lines[1:]

    def _write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._descriptor, content) :]
        os.fsync(self._descriptor)

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


def difference(theirs: Any, ours: Any, where: str = "") -> str:
    """Say where two configurations, ``theirs`` and ``ours``, first differ.

    Examples
    --------
    >>> difference({"n": [1, 2]}, {"n": [1, 3]})
    'n[1]: 2 there, 3 here'
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        pairs = [(f"{where}.{key}", theirs.get(key), ours.get(key)) for key in {**theirs, **ours}]
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        both = zip(theirs, ours, strict=True)
        pairs = [(f"{where}[{i}]", their, our) for i, (their, our) in enumerate(both)]
    else:
        shown = [text if len(text := repr(value)) < 60 else "…" for value in (theirs, ours)]
        return f"{where.lstrip('.')}: {shown[0]} there, {shown[1]} here"
    return next(difference(their, our, name) for name, their, our in pairs if their != our)
