"""Files of digits: npz files, those of Keras among them, and what openml.org has."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._paths import PathLike
from moe_theory._validation import reject
from moe_theory.data.idx import existing_file

NAMES = ("images", "labels", "test_images", "test_labels")
# Names in the files that Keras publishes, mnist.npz for instance.
KERAS = dict(zip(("x_train", "y_train", "x_test", "y_test"), NAMES, strict=True))

# What NumPy and zipfile raise for files that are cut, damaged, encrypted or something else.
_DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error)  # fmt: skip


def read_npz(path: PathLike) -> dict[str, Any]:
    """Return the arrays of an npz file by the names that `DigitPatches.from_arrays` gives them.

    Raises
    ------
    ValueError
        If the file cannot be read, or its arrays have other names.
    """
    file = existing_file(path, "an npz file")
    try:
        arrays = _load(file)
    except _DAMAGED as error:
        raise reject("path", os.fspath(path), f"an npz file that can be read ({error})") from error
    found = {KERAS.get(name, name): array for name, array in arrays.items()}
    allowed = {*NAMES, "max_pixel"}
    if len(found) < len(arrays) or not {*NAMES[:2]} <= found.keys() <= allowed:
        names = f"a file with images, labels and at most {sorted(allowed)}, or Keras' {list(KERAS)}"
        raise reject("path", f"{os.fspath(path)} with {sorted(arrays)}", names)
    if "max_pixel" in found:
        found["max_pixel"] = np.asarray(found["max_pixel"]).tolist()
    return found


def _load(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        content = np.load(stream, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise ValueError("it holds one array, as npy files do")
        with content:
            return {name: content[name] for name in content.files}


def fetch_openml(name: str, version: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return square images, shape (M, h, h), and their digits from openml.org.

    Raises
    ------
    ValueError
        If the images are not square, or a label is no number.
    """
    from sklearn.datasets import fetch_openml as fetch  # noqa: PLC0415 (slow to import)

    # The parser that scikit-learn prefers needs pandas, which is no dependency here.
    parser = "auto" if find_spec("pandas") else "liac-arff"
    found = fetch(name, version=version, as_frame=False, parser=parser)
    pixels: NDArray[Any] = np.asarray(found.data, dtype=np.float32)
    if ((pixels >= 0) & (pixels <= 255) & (pixels == np.floor(pixels))).all():
        pixels = pixels.astype(np.uint8)  # bytes, which the format holds as floats
    side = math.isqrt(pixels.shape[1])
    if side * side != pixels.shape[1]:
        raise reject("name", name, f"a set of square images, not of {pixels.shape[1]} pixels")
    try:
        digits = np.asarray(found.target).astype(np.int64)
    except ValueError:
        raise reject("name", name, "a set whose labels are numbers") from None
    return pixels.reshape(-1, side, side), digits
