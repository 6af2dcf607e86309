"""IDX files, the format in which MNIST is published."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import reject

UNSIGNED_BYTE = 0x08


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
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
        If the file does not exist, is no IDX file of bytes, or has not the length it states.

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
    file = Path(path)
    if not file.is_file():
        raise reject("path", os.fspath(path), "an IDX file that exists")
    content = file.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise reject("path", os.fspath(path), "an IDX file of unsigned bytes")
    n_dims = content[3]
    start = 4 + 4 * n_dims
    shape = struct.unpack(f">{n_dims}I", content[4:start]) if len(content) >= start else (0,)
    values = np.frombuffer(content[start:], dtype=np.uint8)
    if n_dims == 0 or values.size != np.prod(shape, dtype=np.int64):
        raise reject("path", os.fspath(path), f"an IDX file as long as its shape {shape} says")
    return values.reshape(shape)
