"""`pack_idx`: IDX files of digits, such as MNIST's, in one npz file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moe_theory._paths import PathLike, expanded
from moe_theory._validation import real, reject
from moe_theory.data.digit_files import NAMES
from moe_theory.data.digit_images import read_pixels
from moe_theory.data.digit_pools import shared_images
from moe_theory.data.digits import DigitPatches
from moe_theory.data.idx import read_idx


class Packed(NamedTuple):
    """What `pack_idx` wrote: file, numbers of images, and of test images that it left out."""

    path: Path
    n_train: int
    n_test: int
    n_shared: int

    def __str__(self) -> str:
        said = f"{self.path}: {self.n_train} + {self.n_test} images"
        if self.n_shared:
            said += f"; left out {self.n_shared} test images that are training images, too"
        return said


def pack_idx(
    images: PathLike,
    labels: PathLike,
    test_images: PathLike,
    test_labels: PathLike,
    npz: PathLike,
    *,
    max_pixel: float | None = None,
) -> Packed:
    """Pack IDX files, such as MNIST's, into an npz file that `DigitPatches.from_npz` reads.

    Test images that equal a training image in every pixel are left out: Fashion-MNIST has ten.

    Parameters
    ----------
    images, labels, test_images, test_labels : path
        IDX files of bytes, gzipped or not.
    npz : path
        File to write; one that exists is replaced.
    max_pixel : float, optional
        Value of a white pixel, if not 255.

    Returns
    -------
    Packed
        The path written, how many images of each pool, and how many were left out.

    Raises
    ------
    ValueError
        If a file cannot be read or written, or its arrays are not as
        `DigitPatches.from_arrays` says.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> def write(name, array):
    ...     sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    ...     path = folder / name
    ...     _ = path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    ...     return path
    >>> pictures = np.arange(40, dtype=np.uint8).reshape(20, 1, 2)
    >>> files = [write("images", pictures), write("labels", np.arange(20, dtype=np.uint8) % 10)]
    >>> files += [write("others", pictures[::-1] + 40), files[1]]
    >>> packed = pack_idx(*files, folder / "digits.npz", max_pixel=100)
    >>> packed.n_train, packed.n_test, packed.path.name
    (20, 20, 'digits.npz')
    """
    paths = dict(zip(NAMES, (images, labels, test_images, test_labels), strict=True))
    target = expanded(npz, "npz")
    packed = [expanded(path, name) for name, path in paths.items()]
    if max_pixel is not None:
        max_pixel = real("max_pixel", max_pixel, 0, open_low=True)
    arrays: dict[str, Any] = {name: read_idx(path) for name, path in paths.items()}
    if target.exists() and any(target.samefile(path) for path in packed):
        raise reject("npz", os.fspath(npz), "another file than those to pack")
    if max_pixel is not None:
        arrays["max_pixel"] = np.float64(max_pixel)
    n_shared = _leave_out_shared(arrays, max_pixel)
    DigitPatches.from_arrays(**arrays)
    _write(target, arrays)
    return Packed(target, len(arrays["images"]), len(arrays["test_images"]), n_shared)


def _leave_out_shared(arrays: dict[str, Any], max_pixel: float | None) -> int:
    """Take test images that are training images out of ``arrays``; return how many."""
    pools = [read_pixels(name, arrays[name], max_pixel)[0] for name in ("images", "test_images")]
    fit = pools[0].shape[1] == pools[1].shape[1] and len(pools[1]) == len(arrays["test_labels"])
    if not fit:
        return 0  # which is told where the arrays are checked
    shared = shared_images(*pools)
    if not shared.all():
        for name in ("test_images", "test_labels"):
            arrays[name] = arrays[name][~shared]
    return int(shared.sum())


def _write(target: Path, arrays: dict[str, Any]) -> None:
    """Write ``arrays``, so that the file is there as a whole or as it was."""
    part = target.with_name(target.name + ".part")
    try:
        try:
            with part.open("wb") as file:
                # No allow_pickle: NumPy before 2.2 would store it as one more array.
                np.savez_compressed(file, **arrays)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise reject(
            "npz", str(target), f"a file that can be written ({error.strerror})"
        ) from error
