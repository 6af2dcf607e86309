"""Networks in files: arrays and a description in one ``.npz``, without pickle.

The file is a zip archive of ``.npy`` members, each with its checksum. The member ``header`` is one
JSON text that says what the file holds, in which format, and all that is no array.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from moe_theory._paths import PathLike, expanded
from moe_theory._versions import versions

__all__ = ["FileError"]

T = TypeVar("T")
Array = NDArray[Any]

# Raised where members, or what they describe, change; files of older formats stay readable.
FORMAT = 3
# What a file may describe, and where it is defined. Names in a file are looked up here and
# nowhere else; by name, since some lie above this module.
HOMES = {
    "DenseCNN": "moe_theory.models",
    "SeparateMoE": "moe_theory.models",
    "JointMoE": "moe_theory.models",
    "TokenChoiceMoE": "moe_theory.models",
    "SampleMoE": "moe_theory.models",
    "SGD": "moe_theory.training.sgd",
    "Flops": "moe_theory.costs",
    "Pruning": "moe_theory.inference.pruning",
    "Quantization": "moe_theory.inference.quantization",
    "Quantizer": "moe_theory.inference.quantizer",
}
# What damage makes zipfile and NumPy raise.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, KeyError, TypeError, EOFError,
    RuntimeError, OverflowError, MemoryError, OSError, SyntaxError, AttributeError,
)  # fmt: skip


class FileError(ValueError):
    """A file that is damaged, holds something else, or was written by a newer version."""


def write(path: PathLike, kind: str, content: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write ``content``, as JSON, and ``arrays`` to exactly ``path``; see `read`."""
    header = {"kind": kind, "format": FORMAT, "written_by": versions(), "arrays": list(arrays)}
    header["content"] = content
    memory = io.BytesIO()
    np.savez(memory, header=np.array(json.dumps(header, allow_nan=False)), **arrays)
    write_whole(path, memory.getvalue())


def read(path: PathLike, kind: str, build: Callable[[Any, dict[str, Array]], T]) -> T:
    """Return what ``build`` makes of the content and the arrays of a file that `write` wrote.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    FileError
        If it is damaged, holds another kind of thing, or was written in a newer format.
    """
    source = expanded(path)
    raw = source.read_bytes()
    if not raw.startswith(b"PK"):
        raise FileError(f"{source} is empty, or no file that moe_theory has saved")
    try:
        arrays = _members(raw)
        header = json.loads(arrays.pop("header").item())
        found, written = header["kind"], int(header["format"])
        by = header["written_by"]["moe_theory"]
        if set(header["arrays"]) != set(arrays):
            raise ValueError(f"its arrays are {sorted(arrays)}")
    except DAMAGE as error:
        reason = f"{type(error).__name__}: {error}"
        message = f"{source} is damaged or cut short, or moe_theory has not saved it ({reason})"
        raise FileError(message) from None
    if written > FORMAT:
        raise FileError(
            f"{source} was written by moe_theory {by} in format {written}; this one, "
            f"{versions()['moe_theory']}, reads formats up to {FORMAT}: install a newer one"
        )
    if found != kind:
        raise FileError(f"{source} holds a {found}, not a {kind}")
    try:
        return build(header["content"], arrays)
    except DAMAGE as error:
        raise FileError(f"{source} holds no {kind} that there can be ({error})") from None


def write_whole(path: PathLike, content: bytes) -> None:
    """Write a file with its folders; whatever happens, the old or the new content is there."""
    target = expanded(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():  # a pipe, or a folder, which says so
            target.write_bytes(content)
            return
        target = target.resolve()
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def as_plain(value: Any) -> Any:
    """Return configurations, numbers and text as JSON values; `restored` undoes it.

    Raises
    ------
    TypeError
        If there is something that a file cannot describe.

    Examples
    --------
    >>> from moe_theory.costs import Flops
    >>> as_plain((Flops(7), 0.5, None))
    [{'type': 'Flops', 'experts': 7, 'routers': 0, 'routing': 0}, 0.5, None]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    name = type(value).__name__
    if is_dataclass(value) and name in HOMES and type(value) is _known(name):
        return {
            "type": name,
            **{field.name: as_plain(getattr(value, field.name)) for field in fields(value)},
        }
    raise TypeError(f"a file cannot hold {value!r}; it describes {', '.join(HOMES)} and numbers")


def restored(value: Any) -> Any:
    """Return what `as_plain` described; sequences become tuples.

    Examples
    --------
    >>> restored([{"type": "Flops", "experts": 7}, 0.5])
    (Flops(experts=7, routers=0, routing=0), 0.5)
    """
    if isinstance(value, list):
        return tuple(restored(item) for item in value)
    if not isinstance(value, dict):
        return value
    given = {name: restored(item) for name, item in value.items()}
    name = given.pop("type", None)
    if name not in HOMES:
        raise ValueError(f"{name!r} is none of {', '.join(HOMES)}")
    return _known(name)(**given)


def _known(name: str) -> Any:
    return getattr(importlib.import_module(HOMES[name]), name)


def _members(raw: bytes) -> dict[str, Array]:
    """Return the arrays of an archive, checksums compared, in this machine's byte order."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            member = io.BytesIO(archive.read(name))
            array = np.lib.format.read_array(member, allow_pickle=False)
            native = array.dtype.newbyteorder("=")
            found[name.removesuffix(".npy")] = array.astype(native, copy=False)
    return found
