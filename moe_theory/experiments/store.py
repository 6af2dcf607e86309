"""`RowStore`: results on disk as they come, one checked line each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from moe_theory._paths import expanded
from moe_theory._validation import instance, reject
from moe_theory.experiments.append_file import AppendFile, StoreError, read_file
from moe_theory.experiments.lines import Lines, encode, is_foreign, read_lines

__all__ = ["Row", "RowStore", "Salvage", "StoreError", "difference", "read_store", "salvage"]

Row = dict[str, Any]
# Bytes of a row in memory, and of its job.
ROW_BYTES = 1000
# Fields of a line that are not of its row.
OWN = ("_store", "_made", "_crc32")
NOTHING = object()


class RowStore:
    """An append-only file of rows that belong to one configuration.

    Every line is a JSON object: the row, ``_made``, the number of the record that says what made
    it, and ``_crc32``, a checksum. The first row of a record carries it in ``_store``: its number,
    the configuration, and what was given to `begin`. A last line cut short by a kill is dropped;
    blank lines, a byte order mark and zero bytes do no harm; any other damage is refused. The
    file is locked until `close`, or the end of the process, whatever ends it. One that cannot be
    written is read.

    Parameters
    ----------
    path : path
        The file; made, with its folders, if it does not exist.
    config : dict
        What all rows depend on, as JSON values.

    Attributes
    ----------
    rows : list of dict
        With ``_made``.
    records : dict of int to dict
        What is known of the rows, by number.

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
    {'seed': 1, 'error': 0.5, '_made': 0}
    """

    def __init__(self, path: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
        instance("config", config, Mapping, "a mapping")
        self._file = AppendFile(path)
        self._config = json.loads(json.dumps(config))
        self._now: int | None = None
        self._unwritten: dict[str, Any] | None = None
        try:
            content = self._file.read()
            lines = _checked(self._file.path, content)
            self.records, self.rows = _sorted_out(lines)
            for record in self.records.values():
                if found := difference(record["config"], self._config):
                    message = f"was written by another configuration ({found}); move it away"
                    raise StoreError(f"{self._file.path} {message} to start anew")
        except BaseException:
            self.close()
            raise
        self._is_ended = lines.is_ended
        self._file.torn_at = lines.n_bytes if lines.n_bytes < len(content) else None

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
        self._file.close()

    def begin(self, about: Mapping[str, Any]) -> None:
        """Say what made the rows that are appended from now on, as JSON values.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        self._file.check_writable()
        about = json.loads(json.dumps(about))
        for number, record in self.records.items():
            if record == {"config": self._config, **about}:
                self._now, self._unwritten = number, None
                return
        made = {row["_made"] for row in self.rows} | self.records.keys()
        self._now = max(made, default=-1) + 1
        self._unwritten = {"config": self._config, **about}

    def append(self, rows: Sequence[Row]) -> None:
        """Add ``rows`` and see them to the disk.

        Raises
        ------
        StoreError
            If that fails, as where the disk is full; the file then is as it was.
        """
        if not rows:
            return
        if self._now is None:
            self.begin({})
        if taken := sorted({name for row in rows for name in row} & {*OWN}):
            raise reject("rows", taken, f"without columns {', '.join(OWN)}")
        kept = [{**row, "_made": self._now} for row in rows]
        lines = list(kept)
        if self._unwritten is not None:
            lines[0] = {"_store": {"made": self._now, **self._unwritten}, **kept[0]}
        content = b"".join(map(encode, lines))
        self._file.append(content if self._is_ended else b"\n" + content)
        self._is_ended = True
        if self._unwritten is not None:
            self.records[lines[0]["_made"]] = self._unwritten
            self._unwritten = None
        self.rows.extend(kept)


@dataclass(frozen=True)
class Salvage:
    """What `salvage` did.

    Attributes
    ----------
    n_kept : int
        Whole lines.
    dropped : tuple of (int, bytes)
        The lines that were lost, by number, with what stood there.
    original : path or None
        Where the damaged file lies now; None if there was no damage.
    """

    n_kept: int
    dropped: tuple[tuple[int, bytes], ...]
    original: Path | None

    def __str__(self) -> str:
        if self.original is None:
            return f"{self.n_kept} lines, none damaged"
        numbers = ", ".join(str(number) for number, _ in self.dropped)
        return f"{self.n_kept} lines kept, lost: {numbers}; as it was: {self.original}"


def salvage(path: str | os.PathLike[str]) -> Salvage:
    """Keep the whole lines of a damaged store; the file as it was stays beside it.

    What the lost rows held is trained again by the next run on the file.

    Raises
    ------
    StoreError
        If no line is whole, or the file is in use or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> with RowStore(path, {}) as store:
    ...     store.append([{"seed": 0}, {"seed": 1}])
    >>> _ = path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 7'))
    >>> found = salvage(path)
    >>> found.n_kept, [number for number, _ in found.dropped], found.original.name
    (1, [2], 'rows.jsonl.damaged')
    """
    path = expanded(path)
    read_file(path)  # so that none is made
    file = AppendFile(path)
    try:
        file.check_writable()
        content = file.read()
        lines = read_lines(content)
        if not lines.values:
            raise StoreError(f"{path} has no whole line of a store of rows")
        if not lines.damaged:
            return Salvage(len(lines.values), (), None)
        aside, new = _free(path, "damaged"), _free(path, "whole")
        try:
            shutil.copy2(path, aside)
            with new.open("wb") as whole:
                whole.write(b"".join(map(encode, lines.values)))
                whole.flush()
                os.fsync(whole.fileno())
        except OSError as error:
            raise StoreError(f"{path} cannot be salvaged: {error.strerror}") from error
    finally:
        file.close()
    os.replace(new, path)
    return Salvage(len(lines.values), tuple(lines.damaged), aside)


def read_store(path: str | os.PathLike[str]) -> tuple[dict[int, dict[str, Any]], list[Row]]:
    """Return the records and rows of a store, whatever configuration and versions made it."""
    path = expanded(path)
    return _sorted_out(_checked(path, read_file(path)))


def difference(theirs: Any, ours: Any, where: str = "") -> str:
    """Say where two configurations, ``theirs`` and ``ours``, first differ; empty if nowhere.

    Examples
    --------
    >>> difference({"n": [1, 2]}, {"n": [1, 3], "k": None})
    'n[1]: 2 there, 3 here'
    >>> difference({"n": 1}, {"n": 1, "k": None})
    'k: nothing there, None here'
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        names = {**theirs, **ours}
        pairs = [(f"{where}.{n}", theirs.get(n, NOTHING), ours.get(n, NOTHING)) for n in names]
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        both = zip(theirs, ours, strict=True)
        pairs = [(f"{where}[{i}]", their, our) for i, (their, our) in enumerate(both)]
    elif theirs == ours and type(theirs) is type(ours):
        return ""
    else:
        return f"{where.lstrip('.')}: {_shown(theirs)} there, {_shown(ours)} here"
    found = (difference(their, our, name) for name, their, our in pairs)
    return next(filter(None, found), "")


def _shown(value: Any) -> str:
    if value is NOTHING:
        return "nothing"
    return text if len(text := repr(value)) < 60 else "…"


def _free(path: Path, suffix: str) -> Path:
    """Return the first name beside ``path`` that no file has."""
    names = (f"{path.name}.{suffix}{number or ''}" for number in range(10**6))
    return next(free for name in names if not (free := path.with_name(name)).exists())


def _checked(path: Path, content: bytes) -> Lines:
    lines = read_lines(content)
    if is_foreign(content, lines):
        raise StoreError(f"{path} is not a store of rows; choose another path")
    if lines.damaged:
        number = lines.damaged[0][0]
        raise StoreError(
            f"{path}, line {number}, is damaged; moe_theory.experiments.salvage(path) keeps "
            "the other lines, or move the file away"
        )
    return lines


def _sorted_out(lines: Lines) -> tuple[dict[int, dict[str, Any]], list[Row]]:
    """Return the records, by number, and the rows."""
    records, rows = {}, []
    for value in lines.values:
        if record := value.pop("_store", None):
            records[record.pop("made")] = record
        rows.append(value)
    return records, rows
