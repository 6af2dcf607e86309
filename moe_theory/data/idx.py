"""IDX files, the format in which MNIST is published."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._paths import PathLike, expanded
from moe_theory._validation import reject

UNSIGNED_BYTE = 0x08
GZIP = b"\x1f\x8b"


def read_idx(path: PathLike) -> NDArray[Any]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : path
        Such as ``train-images-idx3-ubyte`` or ``train-labels-idx1-ubyte.gz``.

    Returns
    -------
    array of uint8
        Of the shape that the file states: (M, h, w) for images, (M,) for labels.

    Raises
    ------
    ValueError
        If the file does not exist, cannot be read, is cut, is no IDX file of bytes, or has not the
        length it states.

    Notes
    -----
    Two zero bytes, the type code 0x08, the number of dimensions, each of them as a big-endian
    32-bit integer, then the values.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    >>> read_idx(path)
    array([7, 9], dtype=uint8)
    """
    content = _content(path)
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise reject("path", os.fspath(path), "an IDX file of unsigned bytes")
    n_dims = content[3]
    start = 4 + 4 * n_dims
    if n_dims == 0 or len(content) < start:
        raise reject("path", os.fspath(path), f"an IDX file with {max(n_dims, 1)} sizes")
    shape = struct.unpack(f">{n_dims}I", content[4:start])
    values = np.frombuffer(content, dtype=np.uint8)[start:]
    if values.size != math.prod(shape):
        raise reject("path", os.fspath(path), f"an IDX file as long as its shape {shape} says")
    return values.reshape(shape)


def existing_file(path: PathLike, kind: str) -> Path:
    """Return ``path`` if a file is there; raises as `expanded` does, and where there is none."""
    file = expanded(path)
    if not file.is_file():
        raise reject("path", os.fspath(path), f"{kind} that exists")
    return file


def _content(path: PathLike) -> bytes:
    file = existing_file(path, "an IDX file")
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content[:2] == GZIP else content
    except (OSError, EOFError, zlib.error) as error:
        allowed = f"a file that is whole and may be read ({error})"
        raise reject("path", os.fspath(path), allowed) from error
